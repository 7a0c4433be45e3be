/**
 * The ledger: the one way in which this process writes. decide → prepare → append → fold, and again when the log said no.
 *
 * Goals: an answer is true at a head of the log that is not older than the request, success and refusal alike; what a caller wrote, it reads; no lost race
 * reaches a client.
 * Design: decided on the objects in memory, which may lag behind other processes. The log checks what the decision stood on; when it says no, the log is read
 * to its head and decided again. A refusal, or an answer that changes nothing, is believed only when it was decided on a topology read to the head since the
 * request began.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Actor, Context, Decide, DomainError, SYSTEM } from '@plumbline/domain';
import { EventStore } from '@plumbline/event-store';
import { Meta } from '@plumbline/contracts';
import type { Logger } from '@plumbline/telemetry';
import { prepare, Topology } from '@plumbline/topology';
import { Follower } from './follower.js';
import { Flight, InFlight } from './in-flight.js';
import { toAppend } from './to-append.js';

/** Others were faster again and again until the time was up. Nothing was stored; the request may be repeated. */
export class LedgerBusy extends Error {
  override readonly name = 'LedgerBusy';
  constructor(waitedMs: number, lost: string) {
    super(
      `The change lost to concurrent ones for ${waitedMs} ms (last at ${lost}); nothing was stored. Repeat the request.`,
    );
  }
}

export type LedgerOptions = Readonly<{
  store: EventStore;
  follower: Follower;
  logger: Logger;
  /** How long a command is decided anew. Default 10,000. */
  patienceMs?: number;
}>;

export class Ledger {
  private readonly inFlight = new InFlight();

  constructor(private readonly options: LedgerOptions) {}

  /** All objects at the position this process has folded. Not to be changed. */
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

  /** Reads the log to a head that is not older than this call. Rejects with StoreUnavailable. */
  catchUp(): Promise<void> {
    return this.options.follower.catchUp();
  }

  /**
   * Decides on behalf of `actor` and stores. `position` is that of the command's last event, or, when all was so already, one at which it is so. Rejects with the decision's
   * DomainError, with LedgerBusy, and with StoreUnavailable (read its `outcome`).
   */
  async execute<T>(decide: Decide<T>, meta: Meta, actor: Actor = SYSTEM): Promise<{ result: T; position: number }> {
    const { store, follower, logger, patienceMs = 10_000 } = this.options;
    const dueAt = performance.now() + patienceMs;
    let fresh = false;
    let lostAt = 'a command of this process';
    for (let attempt = 0; performance.now() < dueAt; attempt += 1) {
      if (follower.broken) throw follower.broken;
      const pending = new Set<Flight>();
      const decided = this.decide(decide, { now: meta.time, actor }, pending);
      if (decided instanceof DomainError || decided.events.length === 0) {
        // Refused for the sake of a command that may yet lose: wait how it ends.
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
      const obstacle = this.inFlight.obstacle(prepared);
      if (obstacle) {
        await obstacle.landed;
        continue;
      }
      const land = this.inFlight.add(prepared);
      try {
        const answer = await store.append(toAppend(prepared));
        if (answer.ok) {
          const position = answer.before + answer.recorded.length;
          follower.committed(answer, prepared.foreseen);
          await this.folded(position);
          logger.debug(
            { position, requestId: meta.requestId, events: answer.recorded.length, step: 'append' },
            'appended',
          );
          return { result: decided.result, position };
        }
        const { lost } = answer;
        lostAt = lost.kind === 'version' ? lost.stream : lost.kind === 'none' ? lost.prefix : lost.key;
        logger.debug({ lost, requestId: meta.requestId, attempt, step: 'append' }, 'lost a race, deciding again');
        await follower.catchUp();
        fresh = true;
      } finally {
        land();
      }
      if (attempt > 0) await delay(Math.random() * Math.min(50, 2 ** attempt));
    }
    throw new LedgerBusy(patienceMs, lostAt);
  }

  /** `pending` collects the commands on their way that this decision gave way to. */
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

  /** The command is stored, whatever comes now: when it cannot be folded soon, the answer goes out all the same. */
  private async folded(position: number): Promise<void> {
    if (this.topology.position >= position) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, 2_000)));
    await Promise.race([this.options.follower.reached(position), late]);
    clearTimeout(timer);
  }
}
