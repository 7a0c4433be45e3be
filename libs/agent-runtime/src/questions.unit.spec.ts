import { describe, expect, it } from '@jest/globals';
import { type Answer, type AnswerOf, MOST_ANSWER_BYTES, QUESTIONS, QUESTIONS_AT_ONCE } from '@plumbline/contracts';
import { createLogger } from '@plumbline/telemetry';
import { emptyView } from '@plumbline/topology';
import { QuestionDesk } from './index.js';
import { ManualClock } from './testing/index.js';

const asker = '0123456789abcdef';
const well: AnswerOf<'state'> = { state: 'in-sync', position: 7, snapshot: 6, freeBytes: 1, troubles: [], failing: [] };
const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const logger = createLogger({ name: 'test', level: 'silent' });

function desk(answerer: (signal: AbortSignal) => Promise<AnswerOf<'state'>>, state = 'in-sync') {
  const sent: (Answer & { asker: string })[] = [];
  const clock = new ManualClock();
  const made = new QuestionDesk({
    answers: { state: (_params, { signal }) => answerer(signal) },
    now: () => ({ view: { ...emptyView('net1'), position: 7 }, state }),
    send: (to, answer) => void sent.push({ asker: to, ...answer }),
    maxBodyBytes: () => 1_000_000,
    clock,
    logger,
  });
  const ask = (n: number, question = 'state', params: unknown = {}) =>
    made.hear({ id: idOf(n), asker, question, params, withinMs: 5_000 });
  return { sent, clock, ask, made };
}

describe('the desk', () => {
  it('answers once, to whoever asked, and says by which view', async () => {
    const { sent, clock, ask } = desk(async () => well);
    ask(1);
    ask(1);
    await clock.run(0);
    expect(sent).toEqual([{ asker, id: idOf(1), log: null, position: 7, state: 'in-sync', answer: well }]);
  });

  it('refuses what it does not answer, and parameters that are not declared', async () => {
    const { sent, clock, ask } = desk(async () => well);
    ask(1, 'constructor');
    ask(2, 'shell');
    ask(3, 'state', { command: 'id' });
    await clock.run(0);
    expect(sent.map(({ refused }) => refused?.why)).toEqual(['unknown', 'unknown', 'parameters']);
  });

  it('says nothing to what is no question, and nothing where another machine owns the name', async () => {
    const { sent, clock, made } = desk(async () => well);
    for (const body of [null, 'x', {}, { id: idOf(1), asker: 'a.>', question: 'state', params: {}, withinMs: 5 }])
      made.hear(body);
    const other = desk(async () => well, 'not-owner');
    other.ask(1);
    await clock.run(0);
    await other.clock.run(10_000);
    expect([...sent, ...other.sent]).toEqual([]);
  });

  it('takes a few at a time and no longer than a question may take: what is late is ended', async () => {
    const signals: AbortSignal[] = [];
    const { sent, clock, ask } = desk((signal) => (signals.push(signal), new Promise(() => undefined)));
    for (let n = 0; n <= QUESTIONS_AT_ONCE; n += 1) ask(n);
    await clock.run(0);
    expect(sent.map(({ refused }) => refused?.why)).toEqual(['busy']);
    await clock.run(QUESTIONS.state.withinMs);
    expect(sent.map(({ refused }) => refused?.why)).toEqual(['busy', ...signals.map(() => 'late')]);
    expect(signals.map(({ aborted }) => aborted)).toEqual(Array(QUESTIONS_AT_ONCE).fill(true));
    ask(9);
    await clock.run(0);
    expect(signals).toHaveLength(QUESTIONS_AT_ONCE + 1);
  });

  it('refuses an answer that is too long, and tells why it failed', async () => {
    const long = desk(async () => ({ ...well, troubles: ['x'.repeat(MOST_ANSWER_BYTES)] }));
    long.ask(1);
    const failing = desk(async () => Promise.reject(new Error('no such namespace')));
    failing.ask(1);
    await Promise.all([long.clock.run(0), failing.clock.run(0)]);
    expect(long.sent[0]).toMatchObject({ refused: { why: 'large' } });
    expect(failing.sent[0]).toMatchObject({ refused: { why: 'failed', text: 'no such namespace' } });
  });
});
