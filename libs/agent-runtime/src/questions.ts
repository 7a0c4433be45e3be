/**
 * Answers the questions that the control plane asks about this node (contracts, questions.ts): those that this agent answers, a few at a time, each within its time. Every
 * question gets one answer, or a refusal that says why. Whoever answers changes nothing on the node.
 */
import {
  type Answer,
  type AnswerOf,
  MOST_ANSWER_BYTES,
  type ParamsOf,
  Question,
  QUESTIONS,
  QUESTIONS_AT_ONCE,
  type QuestionName,
} from '@plumbline/contracts';
import type { Logger } from '@plumbline/telemetry';
import type { HostView } from '@plumbline/topology';
import type { Clock } from './clock.js';

/** What whoever answers may look at. `signal`: aborted when nobody waits any more. `view` must not be changed, and is another one after the next pause. */
export type Asked = Readonly<{ view: HostView; signal: AbortSignal }>;
export type Answerer<Q extends QuestionName> = (params: ParamsOf<Q>, asked: Asked) => Promise<AnswerOf<Q>>;
/** How an agent answers these questions. */
export type Answers<Q extends QuestionName> = { readonly [Name in Q]: Answerer<Name> };

export type DeskOptions = Readonly<{
  answers: Partial<Answers<QuestionName>>;
  /** The view that questions are answered by, and how the agent stands to it. */
  now: () => Readonly<{ view: HostView; state: string }>;
  send(asker: string, answer: Answer): void;
  /** Most bytes of a message's JSON. */
  maxBodyBytes: () => number;
  clock: Clock;
  logger: Logger;
}>;

/** Ids of questions that were heard: one that arrives twice is answered once. */
const REMEMBERED = 200;
/** Bytes of an answer's envelope. */
const ENVELOPE_BYTES = 1_000;
const MOST_TEXT = 500;

type Refusal = NonNullable<Answer['refused']>;
const refusal = (why: string, text: string): Refusal => ({ why, text: text.slice(0, MOST_TEXT) });

export class QuestionDesk {
  private running = 0;
  private readonly heard = new Set<string>();

  constructor(private readonly options: DeskOptions) {}

  /** `body`: what arrived. Never throws; what is no question is not answered. */
  hear(body: unknown): void {
    const parsed = Question.safeParse(body);
    if (!parsed.success) {
      this.options.logger.warn({ step: 'question' }, 'what arrived is no question');
      return;
    }
    const { id } = parsed.data;
    if (this.heard.has(id)) return;
    this.heard.add(id);
    for (const oldest of this.heard) {
      if (this.heard.size <= REMEMBERED) break;
      this.heard.delete(oldest);
    }
    void this.answer(parsed.data);
  }

  private async answer(question: Question): Promise<void> {
    const { now, send, logger, clock } = this.options;
    // The machine that owns this host's name answers.
    if (now().state === 'not-owner') return;
    const startedAt = clock.nowMs();
    const told = await this.tell(question);
    const { view, state } = now();
    const { id, asker, question: name } = question;
    send(asker, { id, log: view.log, position: view.position, state, ...told });
    const ms = Math.round(clock.nowMs() - startedAt);
    logger.debug({ step: 'question', question: name, ms, refused: told.refused?.why }, 'answered a question');
  }

  private async tell({ question, params, withinMs }: Question): Promise<Pick<Answer, 'answer' | 'refused'>> {
    const { answers } = this.options;
    const name = question as QuestionName;
    const answerer = Object.hasOwn(answers, question) ? (answers[name] as Answerer<QuestionName>) : undefined;
    if (!answerer) return { refused: refusal('unknown', `this agent answers no question "${question}"`) };
    const parsed = QUESTIONS[name].params.safeParse(params);
    if (!parsed.success) return { refused: refusal('parameters', parsed.error.message) };
    if (this.running >= QUESTIONS_AT_ONCE)
      return { refused: refusal('busy', `this agent answers ${this.running} questions already; ask again`) };
    this.running += 1;
    try {
      const answer = await this.inTime(
        (signal) => answerer(parsed.data as never, { view: this.options.now().view, signal }),
        Math.min(withinMs, QUESTIONS[name].withinMs),
      );
      const bytes = Buffer.byteLength(JSON.stringify(answer));
      const most = Math.min(MOST_ANSWER_BYTES, this.options.maxBodyBytes() - ENVELOPE_BYTES);
      return bytes > most
        ? { refused: refusal('large', `the answer has ${bytes} bytes, and ${most} may be sent: ask for less`) }
        : { answer };
    } catch (error) {
      const late = error instanceof TooLate;
      if (!late) this.options.logger.warn({ err: error, step: 'question', question }, 'a question was not answered');
      return { refused: refusal(late ? 'late' : 'failed', error instanceof Error ? error.message : String(error)) };
    } finally {
      this.running -= 1;
    }
  }

  private async inTime<T>(work: (signal: AbortSignal) => Promise<T>, withinMs: number): Promise<T> {
    const given = new AbortController();
    let cancel = (): void => undefined;
    const late = new Promise<never>((_resolve, reject) => {
      cancel = this.options.clock.after(withinMs, () => {
        const error = new TooLate(`not answered within ${withinMs} ms`);
        given.abort(error);
        reject(error);
      });
    });
    try {
      return await Promise.race([work(given.signal), late]);
    } finally {
      cancel();
    }
  }
}

class TooLate extends Error {}
