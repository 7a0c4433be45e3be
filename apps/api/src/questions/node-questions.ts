/**
 * Asks agents about their nodes, on behalf of an administrator (contracts, questions.ts). The answer comes to this process alone, on a subject with its name; the broker
 * says which host and agent it is from.
 *
 * Goals: whoever asks hears within the question's time, whatever became of the message; no number of questions holds this process up. So a question that is not answered is an
 * answer in words and no error, and only so many are under way. Nor does a question hold up a change: it waits a moment for one that has just begun.
 */
import {
  type AgentKind,
  Answer,
  type AnswerOf,
  type ParamsAsked,
  type Question,
  QUESTIONS,
  type QuestionName,
  subjects,
} from '@plumbline/contracts';
import type { Logger } from '@plumbline/telemetry';
import { randomBytes, randomUUID } from 'node:crypto';
import { Changes } from '../feed/changes.js';
import type { Outlet } from '../feed/publisher.js';

/** What became of a question: the answer, and how the agent stood to the log then; or why it is not known, in words. */
export type Told<Q extends QuestionName> =
  | Readonly<{ answer: AnswerOf<Q>; log: string | null; position: number; state: string }>
  /** `busy`: whoever asks again a moment later may hear it; this process has too many under way, or the agent. */
  | Readonly<{ unknown: string; busy?: 'api' | 'agent' }>;

/** Questions under way in one process, those that wait for changes among them. */
const MOST_UNDER_WAY = 64;
/** For the way there and back. */
const TRAVEL_MS = 1_000;

type Waiting = Readonly<{ host: string; agent: AgentKind; settle: (answer: Answer | null) => void }>;

export class NodeQuestions {
  /** Names this process in the subject that is answered on. */
  readonly asker = randomBytes(8).toString('hex');
  private readonly waiting = new Map<string, Waiting>();
  private underWay = 0;

  constructor(
    private readonly outlet: Outlet,
    private readonly logger: Logger,
    private readonly changes: Pick<Changes, 'quiet'> = new Changes(),
  ) {}

  /** Does not reject. `withinMs`: for whoever has less time than the question's own. */
  async ask<Q extends QuestionName>(
    host: string,
    agent: AgentKind,
    question: Q,
    params: ParamsAsked<Q>,
    withinMs = Infinity,
  ): Promise<Told<Q>> {
    const whom = `the ${agent} agent of ${host}`;
    if (!this.outlet.connected) return { unknown: `${whom} was not asked: the API has no connection to the broker` };
    if (this.underWay >= MOST_UNDER_WAY)
      return { unknown: `${whom} was not asked: ${this.underWay} questions are under way; ask again`, busy: 'api' };
    this.underWay += 1;
    try {
      return await this.answerOf(host, agent, question, params, withinMs);
    } finally {
      this.underWay -= 1;
    }
  }

  private async answerOf<Q extends QuestionName>(
    host: string,
    agent: AgentKind,
    question: Q,
    params: ParamsAsked<Q>,
    withinMs: number,
  ): Promise<Told<Q>> {
    const whom = `the ${agent} agent of ${host}`;
    const ms = Math.max(1, Math.round(Math.min(withinMs - (await this.changes.quiet()), QUESTIONS[question].withinMs)));
    const id = randomUUID();
    const answered = await new Promise<Answer | null>((resolve) => {
      const timer = setTimeout(() => settle(null), ms + Math.min(ms, TRAVEL_MS));
      const settle = (answer: Answer | null): void => {
        clearTimeout(timer);
        this.waiting.delete(id);
        resolve(answer);
      };
      this.waiting.set(id, { host, agent, settle });
      const body: Question = { id, asker: this.asker, question, params, withinMs: ms };
      this.outlet.send(subjects.question(host, agent), body);
    });
    // What is worked out of it can wait, too.
    await this.changes.quiet();
    if (!answered)
      return {
        unknown: `${whom} did not answer within ${ms} ms: it does not run, has no connection to the broker, or its NATS login is older than questions ("plumb node rekey ${host}")`,
      };
    if (answered.refused) {
      const { why, text } = answered.refused;
      return { unknown: `${whom} did not say: ${text}`, ...(why === 'busy' && { busy: 'agent' as const }) };
    }
    const parsed = QUESTIONS[question].answer.safeParse(answered.answer);
    if (!parsed.success) return { unknown: `${whom} answered what this release cannot read` };
    const { log, position, state } = answered;
    return { answer: parsed.data as unknown as AnswerOf<Q>, log, position, state };
  }

  /** What came from this host and agent, as the broker says. Never throws. */
  hear(host: string, agent: string, body: unknown): void {
    const parsed = Answer.safeParse(body);
    const waiting = parsed.success ? this.waiting.get(parsed.data.id) : undefined;
    if (!parsed.success) {
      this.logger.warn({ host, agent, step: 'question' }, 'what an agent sent is no answer');
      return;
    }
    if (!waiting) return; // it came too late
    if (waiting.host !== host || waiting.agent !== agent) {
      this.logger.warn(
        { host, agent, asked: waiting.host, step: 'question' },
        'an agent answers what another was asked',
      );
      return;
    }
    waiting.settle(parsed.data);
  }

  /** Nobody is waited for any more. */
  close(): void {
    for (const { settle } of [...this.waiting.values()]) settle(null);
  }
}
