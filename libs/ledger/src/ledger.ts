/**
 * The ledger: the only way in which this process writes. decide → prepare → append → fold, and again after a conflict.
 *
 * Goals: an answer, success or refusal, is true at a head of the log that is not older than the request; a caller's reads show its own writes; no conflict
 * reaches a client.
 * Design: a command is decided on the objects in memory, which may be behind other processes. The log checks the decision's preconditions; if one does not
 * hold, the log is read to its head and the command decided again. A refusal, or an answer that changes nothing, is returned only if it was decided on a
 * topology that was read to the head since the request began.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Actor, Context, Decide, DomainError, SYSTEM } from '@plumbline/domain';
import { EventStore, type Once, StoreUnavailable } from '@plumbline/event-store';
import { Meta } from '@plumbline/contracts';
import type { Logger } from '@plumbline/telemetry';
import { prepare, Topology } from '@plumbline/topology';
import { Follower } from './follower.js';
import { Flight, InFlight } from './in-flight.js';
import { tooLarge } from './object-size.js';
import { toAppend } from './to-append.js';

/** The command was in conflict every time until its time was up. Nothing was stored; the request may be repeated. */
export class LedgerBusy extends Error {
  override readonly name = 'LedgerBusy';
  constructor(waitedMs: number, lost: string) {
    super(
      `The change conflicted with concurrent ones for ${waitedMs} ms (last at ${lost}); nothing was stored. Repeat the request.`,
    );
  }
}

/** A request of this key was carried out before. Nothing was stored now. */
export class Repeated extends Error {
  override readonly name = 'Repeated';
  constructor() {
    super('A request with this key was carried out before; nothing was stored.');
  }
}

export type LedgerOptions = Readonly<{
  store: EventStore;
  follower: Follower;
  logger: Logger;
  /** How long a command in conflict is decided again. Default 10,000. */
  patienceMs?: number;
  /** Nova hears of its servers' ports: what it must hear is stored with the events. Default false. */
  servers?: boolean;
  /** Called when a command begins. */
  onCommand?: () => void;
}>;

export class Ledger {
  private readonly inFlight = new InFlight();

  constructor(private readonly options: LedgerOptions) {}

  /** All objects at the position that this process has folded. Read-only. */
  get topology(): Topology {
    return this.options.follower.topology;
  }

  /** Id of the log. */
  get log(): string {
    return this.options.follower.log;
  }

  /** Chain hash at the topology's position. */
  get hash(): string {
    return this.options.follower.hash;
  }

  /** Counts the memories of this process: what was remembered with another number was of a log that the database no longer has. */
  get memory(): number {
    return this.options.follower.memory;
  }

  /** Why this process serves nothing at present; null when it does. */
  get unusable(): Error | null {
    return this.options.follower.unusable;
  }

  /** Reads the log to a head that is not older than this call. Rejects with StoreUnavailable. */
  catchUp(): Promise<void> {
    return this.options.follower.catchUp();
  }

  /**
   * Decides on behalf of `actor` and stores. `position`: of the command's last event or, if nothing had to change, one at which this is true. Rejects with the decision's
   * DomainError, with LedgerBusy, and with StoreUnavailable (read its `outcome`); with LogDiffers or WrongGeneration, and nothing stored, when the database is not the one that
   * this process has read. `once`: names the request, so that it is carried out once; rejects with Repeated when it was before.
   */
  async execute<T>(
    decide: Decide<T>,
    meta: Meta,
    actor: Actor = SYSTEM,
    once?: Omit<Once, 'result'>,
  ): Promise<{ result: T; position: number }> {
    const { store, follower, logger, patienceMs = 10_000, servers = false } = this.options;
    const dueAt = performance.now() + patienceMs;
    this.options.onCommand?.();
    let fresh = false;
    let lostAt = 'a command of this process';
    for (let attempt = 0; performance.now() < dueAt; attempt += 1) {
      if (follower.unusable) throw follower.unusable;
      const { memory } = follower;
      const pending = new Set<Flight>();
      const decided = this.decide(decide, { now: meta.time, actor }, pending);
      if (decided instanceof DomainError || decided.events.length === 0) {
        // Refused because of a command that is still being stored and may fail: wait for its outcome.
        if (pending.size > 0) await Promise.all([...pending].map(({ landed }) => landed));
        else if (fresh) {
          if (decided instanceof DomainError) throw decided;
          return { result: decided.result, position: this.topology.position };
        } else {
          await follower.catchUp();
          fresh = true;
        }
        continue;
      }
      const prepared = prepare(this.topology, decided, meta);
      const refusal = tooLarge(prepared, this.topology);
      if (refusal) {
        if (fresh) throw refusal;
        await follower.catchUp();
        fresh = true;
        continue;
      }
      const obstacle = this.inFlight.obstacle(prepared);
      if (obstacle) {
        await obstacle.landed;
        continue;
      }
      const land = this.inFlight.add(prepared);
      try {
        const named = once && { ...once, result: decided.result };
        const answer = await store.append(toAppend(prepared, follower.head, { once: named, servers }));
        if (answer.ok) {
          const position = answer.before + answer.recorded.length;
          // Stored by a database that has lost it since, or not: the memory that could tell is gone.
          if (memory !== follower.memory) throw lostAgain();
          follower.committed(answer, prepared.foreseen);
          await this.folded(position);
          logger.debug(
            { position, requestId: meta.requestId, events: answer.recorded.length, step: 'append' },
            'appended',
          );
          return { result: decided.result, position };
        }
        const { lost } = answer;
        if (lost.kind === 'once') throw new Repeated();
        lostAt = lost.kind === 'version' ? lost.stream : lost.kind === 'none' ? lost.prefix : lost.key;
        logger.debug({ lost, requestId: meta.requestId, attempt, step: 'append' }, 'conflict, deciding again');
        await follower.catchUp();
        fresh = true;
        if (lost.kind === 'version' && !this.topology.knowsVersionOf(lost.stream)) await follower.recall(lost.stream);
      } catch (error) {
        follower.heed(error, memory);
        throw error;
      } finally {
        land();
      }
      if (attempt > 0) await delay(Math.random() * Math.min(50, 2 ** attempt));
    }
    throw new LedgerBusy(patienceMs, lostAt);
  }

  /** `pending` collects the commands in flight that this decision yielded to. */
  private decide<T>(
    decide: Decide<T>,
    given: Pick<Context, 'now' | 'actor'>,
    pending: Set<Flight>,
  ): ReturnType<Decide<T>> | DomainError {
    const context: Context = {
      newId: randomUUID,
      randomInt: (below) => randomInt(below),
      ...given,
      held: (claim) => {
        const flight = this.inFlight.holder(claim);
        if (flight) pending.add(flight);
        return flight !== undefined || this.options.follower.claims.has(claim);
      },
    };
    try {
      return decide(this.topology, context);
    } catch (error) {
      if (error instanceof DomainError) return error;
      throw error;
    }
  }

  /** The command is stored: even if it cannot be folded soon, the answer is sent. */
  private async folded(position: number): Promise<void> {
    if (this.topology.position >= position) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, 2_000)));
    const reached = this.options.follower.reached(position).catch((cause: unknown) => {
      throw lostAgain(cause);
    });
    await Promise.race([reached, late]).finally(() => clearTimeout(timer));
  }
}

const lostAgain = (cause?: unknown): StoreUnavailable =>
  new StoreUnavailable(
    'The database lost the end of its log while the change was stored. The change may have been lost with it: look before repeating it.',
    'unknown',
    { cause },
  );
