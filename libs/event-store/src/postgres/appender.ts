/**
 * The one writer of a process. Commands that arrive while a batch is in flight form the next batch, so concurrent requests share a commit
 * and a single request does not wait.
 *
 * After a lost connection nobody knows whether the batch was stored. It is sent again with `again`: under the head lock the function
 * looks for each command's first event; if it is there, it gives the first answer again. The lost connection's own statement may still run
 * afterwards; its commands are then in conflict, and nobody hears the answer. So an answer is always true, and nothing is stored twice.
 *
 * Each command has a deadline. A command that was not sent by then fails as `not-stored`, one that was sent as `unknown`.
 */
import { AppendResult } from '../event-store.js';
import { answered, touchesOf, WireCommand } from '../command.js';
import { takeBatch, Waiting } from '../batch.js';
import { StoreUnavailable } from '../errors.js';
import { Answer, isTransient, Link } from './link.js';

export type AppenderOptions = Readonly<{
  /** Maximum number of commands in a batch. Default 128. */
  batchSize?: number;
  /** Batches in flight at the same time, each on its own connection. Default 1 (measured: docs/design/event-log.md). */
  inFlight?: number;
  /** A command fails when it has waited this long for the database. Default 10,000. */
  deadlineMs?: number;
}>;

type Entry = Waiting & {
  readonly command: WireCommand;
  readonly text: string;
  again: boolean;
  sent: boolean;
  settled: boolean;
  readonly dueAt: number;
  settle(result: AppendResult): void;
  fail(error: Error): void;
};

/** Half of a unix socket's default buffer: an answer must fit even if nobody reads it (see append-batch.ts). */
const maxAnswerBytes = 64 * 1024;
const maxTextBytes = 2 * 1024 * 1024;
const firstBackoffMs = 20;
const longestBackoffMs = 500;

export class Appender {
  private queue: Entry[] = [];
  private readonly busy = new Set<string>();
  private readonly lanes: Lane[];
  private closed = false;
  private scheduled = false;
  private readonly batchSize: number;
  private readonly deadlineMs: number;
  private lastError: unknown;

  constructor(connect: (timeoutMs: number) => Promise<Link>, options: AppenderOptions = {}) {
    this.batchSize = options.batchSize ?? 128;
    this.deadlineMs = options.deadlineMs ?? 10_000;
    this.lanes = Array.from({ length: options.inFlight ?? 1 }, () => new Lane(connect));
  }

  append(command: WireCommand): Promise<AppendResult> {
    if (this.closed) return Promise.reject(new StoreUnavailable('The event store is closed.', 'not-stored'));
    return new Promise((resolve, reject) => {
      const { again, text } = command;
      const touches = touchesOf(command);
      const answerBytes = 40 + command.events.length * 70 + command.hosts.length * 12;
      const timer = setTimeout(() => this.expire(entry), this.deadlineMs);
      const once = (then: () => void): void => {
        if (entry.settled) return;
        entry.settled = true;
        clearTimeout(timer);
        then();
      };
      const entry: Entry = {
        command,
        text,
        touches,
        answerBytes,
        textBytes: text.length,
        again,
        sent: false,
        settled: false,
        dueAt: performance.now() + this.deadlineMs,
        settle: (result) => once(() => resolve(result)),
        fail: (error) => once(() => reject(error)),
      };
      this.queue.push(entry);
      this.schedule();
    });
  }

  /** Refuses new commands, waits for those accepted, then closes the connections. */
  async close(): Promise<void> {
    this.closed = true;
    for (;;) {
      const running = this.lanes.flatMap((lane) => lane.running ?? []);
      if (running.length > 0) await Promise.race(running);
      else if (this.queue.length > 0) await this.nextTurn();
      else break;
    }
    await Promise.all(this.lanes.map((lane) => lane.close()));
  }

  private nextTurn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** After this turn of the event loop, so that requests of one turn share a batch. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      for (const lane of this.lanes) if (!lane.running) this.start(lane);
    });
  }

  private start(lane: Lane): void {
    const limits = { commands: this.batchSize, answerBytes: maxAnswerBytes, textBytes: maxTextBytes };
    const { batch, rest } = takeBatch(this.queue, limits, this.busy);
    this.queue = [...rest];
    if (batch.length === 0) return;
    const writes = batch.flatMap((entry) => entry.touches.changes);
    for (const name of writes) this.busy.add(name);
    lane.running = this.deliver(lane, batch).finally(() => {
      for (const name of writes) this.busy.delete(name);
      lane.running = undefined;
      if (this.queue.length > 0) this.start(lane);
    });
  }

  private async deliver(lane: Lane, all: readonly Entry[]): Promise<void> {
    let backoffMs = firstBackoffMs;
    for (;;) {
      const batch = all.filter((entry) => !entry.settled);
      if (batch.length === 0) return;
      const dueAt = Math.max(...batch.map((entry) => entry.dueAt));
      try {
        const link = await lane.connected(dueAt);
        const texts = batch.map((entry) => (entry.again ? `{"again":true,${entry.text.slice(1)}` : entry.text));
        for (const entry of batch) entry.sent = true;
        const answers = await withDeadline(link, link.send(texts), dueAt);
        batch.forEach((entry, index) => entry.settle(resultOf(entry.command, answers[index] as Answer)));
        this.lastError = undefined;
        return;
      } catch (error) {
        this.lastError = error;
        if (isTransient(error)) {
          for (const entry of batch) entry.again ||= entry.sent;
          await new Promise((resolve) => setTimeout(resolve, backoffMs));
          backoffMs = Math.min(backoffMs * 2, longestBackoffMs);
        } else if (batch.length > 1) {
          // The database rejected the statement as a whole, so nothing of it is stored: find the command at fault.
          for (const entry of batch) await this.deliver(lane, [entry]);
          return;
        } else {
          batch[0]?.fail(error as Error);
          return;
        }
      }
    }
  }

  /** One more turn of the event loop first: after a pause of the whole process the answer may be in the socket, which is read right after the timers. */
  private expire(entry: Entry): void {
    setImmediate(() => {
      if (entry.settled) return;
      this.queue = this.queue.filter((each) => each !== entry);
      const waited = `The database did not answer within ${this.deadlineMs} ms`;
      const detail = this.lastError instanceof Error && this.lastError.message ? ` (${this.lastError.message})` : '';
      const outcome = entry.sent ? 'unknown' : 'not-stored';
      const advice = entry.sent ? 'The change may have been stored: look before repeating it.' : 'Nothing was stored.';
      entry.fail(new StoreUnavailable(`${waited}${detail}. ${advice}`, outcome, { cause: this.lastError }));
    });
  }
}

function resultOf(command: WireCommand, answer: Answer): AppendResult {
  if ('v' in answer) return { ok: false, lost: { kind: 'version', stream: answer.v } };
  if ('c' in answer) return { ok: false, lost: { kind: 'claim', key: answer.c } };
  if ('n' in answer) return { ok: false, lost: { kind: 'none', prefix: answer.n } };
  if ('l' in answer) return { ok: false, lost: { kind: 'limit', key: answer.l } };
  return answered(command, answer.b, answer.h, answer.p ?? []);
}

/** The connection to a server that neither answers nor closes it is dropped when nobody waits for it any more. */
async function withDeadline<T>(link: Link, answer: Promise<T>, dueAt: number): Promise<T> {
  const timer = setTimeout(() => setImmediate(() => link.destroy()), Math.max(0, dueAt - performance.now()));
  return answer.finally(() => clearTimeout(timer));
}

/** A connection that is opened when needed and opened again after it broke. */
class Lane {
  running: Promise<void> | undefined;
  private link: Link | undefined;

  constructor(private readonly connect: (timeoutMs: number) => Promise<Link>) {}

  async connected(dueAt: number): Promise<Link> {
    if (this.link?.broken) this.link = undefined;
    this.link ??= await this.connect(Math.max(1, Math.ceil(dueAt - performance.now())));
    return this.link;
  }

  async close(): Promise<void> {
    const link = this.link;
    this.link = undefined;
    if (link && !link.broken) await link.end();
  }
}
