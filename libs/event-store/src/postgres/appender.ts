/**
 * The one writer of a process. Commands that arrive while a batch is in flight form the next batch, so concurrent requests share a commit
 * and a single request does not wait.
 *
 * After a lost connection nobody knows whether the batch was stored. First the lost connection's session is ended at the server (link.ts), then the batch is sent again with
 * `again`: under the head lock the function looks for each command's first event; if it is there, it gives the first answer again. So an answer is always true, and
 * nothing is stored twice, nor after "in conflict" was answered.
 *
 * Each command has a deadline, and the server hears how much of it is left: it ends by itself what it could only finish later, and says so. So a command whose deadline passes
 * fails as `not-stored`, unless the connection was lost while it was under way: then as `unknown`.
 */
import { AppendResult, Head } from '../event-store.js';
import { answered, touchesOf, WireCommand } from '../command.js';
import { takeBatch, Waiting } from '../batch.js';
import { LogDiffers, StoreUnavailable, WrongGeneration } from '../errors.js';
import { serverMs } from './connections.js';
import { Answer, isReadOnly, isRefusal, isTooSlow, isTransient, Link, Session } from './link.js';
import { OTHER_GENERATION, OTHER_LOG } from './sql/append-batch.js';

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
  /** Sent, and not answered yet. */
  open: boolean;
  /** Sent over a connection that was then lost: it may have been stored. */
  lost: boolean;
  settled: boolean;
  readonly dueAt: number;
  settle(result: AppendResult): void;
  fail(error: Error): void;
};

/** Half of a unix socket's default buffer: an answer must fit even if nobody reads it (see append-batch.ts). */
const maxAnswerBytes = 64 * 1024;
const maxTextBytes = 2 * 1024 * 1024;
/** Opens a connection in the place of the one whose session is given, if one was lost. */
type Connect = (timeoutMs: number, before: Session | undefined) => Promise<Link>;

const firstBackoffMs = 20;
const longestBackoffMs = 500;

/** A server that is silent for this part of a command's deadline has lost the connection: there is time to ask over another one. */
export const attemptMs = (deadlineMs = 10_000): number => deadlineMs / 2;

export class Appender {
  private queue: Entry[] = [];
  private readonly busy = new Set<string>();
  private readonly lanes: Lane[];
  private closed = false;
  private scheduled = false;
  private readonly batchSize: number;
  private readonly deadlineMs: number;
  private readonly attemptMs: number;
  private readonly leastMs: number;
  private lastError: unknown;

  constructor(connect: Connect, options: AppenderOptions = {}) {
    this.batchSize = options.batchSize ?? 128;
    this.deadlineMs = options.deadlineMs ?? 10_000;
    this.attemptMs = attemptMs(this.deadlineMs);
    this.leastMs = Math.min(100, this.deadlineMs / 10);
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
        open: false,
        lost: false,
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
    let neededMs = this.leastMs;
    for (;;) {
      const waiting = all.filter((entry) => !entry.settled);
      if (waiting.length === 0) return;
      let batch: readonly Entry[] = waiting;
      try {
        const link = await lane.connected(Math.max(...waiting.map((entry) => entry.dueAt)));
        const now = performance.now();
        // Whoever has too little time left for an answer is not sent: it ends as "not stored", which is then true.
        batch = waiting.filter((entry) => !entry.settled && entry.dueAt - now > neededMs);
        const withinMs = Math.min(this.attemptMs, ...batch.map((entry) => entry.dueAt - now));
        if (batch.length > 0) {
          const answers = await this.attempt(link, batch, withinMs);
          batch.forEach((entry, index) => entry.settle(resultOf(entry.command, answers[index] as Answer)));
          this.lastError = undefined;
        }
        if (batch.length === waiting.length) return;
      } catch (error) {
        this.lastError = error;
        if (isReadOnly(error)) lane.leave();
        // It would not be faster in less time.
        if (isTooSlow(error)) neededMs = this.attemptMs;
        if (!isTransient(error)) {
          if (batch.length === 1) batch[0]?.fail(refused(error, batch[0].command));
          // The database rejected the statement as a whole, so nothing of it is stored: find the command at fault.
          else for (const entry of batch) await this.deliver(lane, [entry]);
          continue;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, backoffMs));
      backoffMs = Math.min(backoffMs * 2, longestBackoffMs);
    }
  }

  /** One sending of the batch. Marks what may have been stored without an answer. */
  private async attempt(link: Link, batch: readonly Entry[], withinMs: number): Promise<readonly Answer[]> {
    const texts = batch.map((entry) => (entry.again ? `{"again":true,${entry.text.slice(1)}` : entry.text));
    const terms = { withinMs: serverMs(withinMs), known: basesOf(batch) };
    for (const entry of batch) entry.open = true;
    const answer = link.send(texts, terms);
    // The connection to a server that neither answers nor closes it is dropped when nobody waits for it any more.
    const timer = setTimeout(() => setImmediate(() => link.destroy()), withinMs);
    try {
      return await answer;
    } catch (error) {
      if (!isRefusal(error)) for (const entry of batch) entry.again = entry.lost = true;
      throw error;
    } finally {
      clearTimeout(timer);
      for (const entry of batch) entry.open = false;
    }
  }

  /** One more turn of the event loop first: after a pause of the whole process the answer may be in the socket, which is read right after the timers. */
  private expire(entry: Entry): void {
    setImmediate(() => {
      if (entry.settled) return;
      this.queue = this.queue.filter((each) => each !== entry);
      const waited = `The database did not answer within ${this.deadlineMs} ms`;
      const detail = this.lastError instanceof Error && this.lastError.message ? ` (${this.lastError.message})` : '';
      const unknown = entry.open || entry.lost;
      const advice = unknown ? 'The change may have been stored: look before repeating it.' : 'Nothing was stored.';
      const outcome = unknown ? 'unknown' : 'not-stored';
      entry.fail(new StoreUnavailable(`${waited}${detail}. ${advice}`, outcome, { cause: this.lastError }));
    });
  }
}

/** What the writers of a batch have read, each position once. */
function basesOf(batch: readonly Entry[]): readonly Head[] {
  const bases = new Map<string, Head>();
  for (const { command } of batch)
    if (command.basis) bases.set(`${command.basis.position} ${command.basis.hash}`, command.basis);
  return [...bases.values()];
}

/** The error of a command that the database refused. */
function refused(error: unknown, { basis }: WireCommand): Error {
  switch ((error as { code?: string }).code) {
    case OTHER_LOG:
      return new LogDiffers(basis?.position ?? 0);
    case OTHER_GENERATION:
      return new WrongGeneration(Number(/generation (\d+)/.exec((error as Error).message)?.[1] ?? Number.NaN));
    default:
      return error as Error;
  }
}

function resultOf(command: WireCommand, answer: Answer): AppendResult {
  if ('v' in answer) return { ok: false, lost: { kind: 'version', stream: answer.v } };
  if ('c' in answer) return { ok: false, lost: { kind: 'claim', key: answer.c } };
  if ('w' in answer) return { ok: false, lost: { kind: 'within', key: answer.w } };
  if ('n' in answer) return { ok: false, lost: { kind: 'none', prefix: answer.n } };
  if ('k' in answer) return { ok: false, lost: { kind: 'once', key: answer.k } };
  if ('l' in answer) return { ok: false, lost: { kind: 'limit', key: answer.l } };
  return answered(command, answer.b, answer.h, answer.p ?? []);
}

/** A connection that is opened when needed and opened again after it broke. */
class Lane {
  running: Promise<void> | undefined;
  private link: Link | undefined;
  /** Of the last connection that was lost, until another has taken its place. */
  private before: Session | undefined;

  constructor(private readonly connect: Connect) {}

  async connected(dueAt: number): Promise<Link> {
    if (this.link?.broken) this.leave();
    if (!this.link) {
      this.link = await this.connect(Math.max(1, Math.ceil(dueAt - performance.now())), this.before);
      this.before = undefined;
    }
    return this.link;
  }

  leave(): void {
    this.before = this.link?.session ?? this.before;
    this.link?.destroy();
    this.link = undefined;
  }

  async close(): Promise<void> {
    const link = this.link;
    this.link = undefined;
    if (link && !link.broken) await link.end();
  }
}
