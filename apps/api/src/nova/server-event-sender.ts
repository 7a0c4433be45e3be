/**
 * Tells Nova what is due, one process of the API at a time.
 *
 * Goals: in order a port, each thing once; a process that dies, or stands still, is followed by another; whatever Nova does, the rows are bounded and an operator sees why they wait.
 * Design: a loop with a connection of its own, whose session says to the others that this process lives (server-event-store.ts). What is due is read, then the right to tell is
 * renewed, durably, for longer than Nova is waited for, then Nova is told, then the rows are deleted. The renewal's commit also puts on the disk what was read: what Nova
 * heard is in no database that a crash takes back. Between Nova's answer and the deletion a process may die; then Nova hears it once more.
 * Road not taken: an advisory lock alone. A process that stands still would hold it for ever.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@plumbline/telemetry';
import type pg from 'pg';
import { NovaAway, type NovaClient, NovaRefuses, type Outcome } from './nova-client.js';
import { bound, type Due, due, over, release, setTrouble, take } from './server-event-store.js';
import { sweepPorts } from './server-ports.js';

/** Rows that wait for Nova: more than this, or older, are dropped. An instance that waits for its ports gives up after 300 s by default. */
export const MOST_WAITING = 20_000;
export const LONGEST_SECONDS = 3_600;
/** Within which Nova answers. It calls the hosts of all the servers before it does. */
export const ANSWER_WITHIN_MS = 30_000;
const RIGHT_MS = ANSWER_WITHIN_MS + 10_000;
/** Events in one request. */
const AT_ONCE = 100;
const LOOK_EVERY_MS = 250;
const OTHERS_LOOK_EVERY_MS = 1_000;
const SWEEP_EVERY_MS = 10_000;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 5_000;

export type SenderOptions = Readonly<{
  /** A connection that nobody else uses. */
  connect: () => Promise<pg.Client>;
  nova: Pick<NovaClient, 'tell'>;
  logger: Logger;
}>;

export class ServerEventSender {
  /** What became of events since the process started. `dropped`: Nova never heard them. */
  readonly counts: Record<Outcome | 'dropped', number> = { told: 0, gone: 0, refused: 0, dropped: 0 };
  private readonly holder = randomUUID();
  private readonly stopping = new AbortController();
  private client: pg.Client | null = null;
  private running: Promise<void> = Promise.resolve();
  private heldUntil = 0;
  private sweptAt = Number.NEGATIVE_INFINITY;
  private backoffMs = FIRST_BACKOFF_MS;
  /** What was logged last. */
  private trouble = '';

  constructor(private readonly options: SenderOptions) {}

  start(): void {
    this.running = this.run();
  }

  /** Ends when Nova has answered what is under way, and leaves the rest to another process. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    const { client } = this;
    this.client = null;
    if (!client) return;
    // If that fails, the end of the session says the same.
    await release(client, this.holder).catch(() => undefined);
    await client.end().catch(() => undefined);
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const pauseMs = await this.turn().catch((error: unknown) => this.failed(error));
      if (pauseMs > 0) await delay(pauseMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  /** One round; answers how long to wait before the next one. */
  private async turn(): Promise<number> {
    const client = (this.client ??= await this.options.connect());
    if (performance.now() > this.heldUntil - RIGHT_MS / 2 && !(await this.hold(client))) return OTHERS_LOOK_EVERY_MS;
    await this.sweep(client);
    const events = await due(client, AT_ONCE);
    if (events.length === 0) {
      await this.well(client);
      return LOOK_EVERY_MS;
    }
    if (!(await this.hold(client))) return OTHERS_LOOK_EVERY_MS;
    await this.tell(client, events);
    await this.well(client);
    return events.length < AT_ONCE ? LOOK_EVERY_MS : 0;
  }

  private async hold(client: pg.Client): Promise<boolean> {
    const from = performance.now();
    const held = await take(client, this.holder, RIGHT_MS);
    this.heldUntil = held ? from + RIGHT_MS : 0;
    // Of the process before, perhaps.
    this.trouble = held?.trouble ?? '';
    return held !== null;
  }

  private async sweep(client: pg.Client): Promise<void> {
    if (performance.now() < this.sweptAt + SWEEP_EVERY_MS) return;
    await sweepPorts(client);
    const dropped = await bound(client, MOST_WAITING, LONGEST_SECONDS);
    this.sweptAt = performance.now();
    if (dropped === 0) return;
    this.counts.dropped += dropped;
    this.options.logger.error(
      { dropped, step: 'nova' },
      `events for Nova were dropped: it took none for ${LONGEST_SECONDS} s, or more than ${MOST_WAITING} wait; servers that wait for a port fail, others show its old addresses until Nova looks by itself`,
    );
  }

  private async tell(client: pg.Client, events: readonly Due[]): Promise<void> {
    const outcomes = await this.outcomesOf(events);
    if (!outcomes) {
      const half = events.length >> 1;
      await this.tell(client, events.slice(0, half));
      return this.tell(client, events.slice(half));
    }
    await over(client, events);
    for (const [n, outcome] of outcomes.entries()) {
      this.counts[outcome] += 1;
      const { name, serverId, portId } = events[n] as Due;
      const said = { name, serverId, portId, outcome, step: 'nova' };
      if (outcome === 'refused') this.options.logger.error(said, 'Nova refuses an event, which is dropped');
      else this.options.logger.debug(said, 'Nova has answered');
    }
  }

  /** Null: Nova refuses the request for one event in it. The others are sent without it. */
  private async outcomesOf(events: readonly Due[]): Promise<readonly Outcome[] | null> {
    try {
      return await this.options.nova.tell(events);
    } catch (error) {
      if (!(error instanceof NovaRefuses)) throw error;
      return events.length === 1 ? ['refused'] : null;
    }
  }

  private async well(client: pg.Client): Promise<void> {
    this.backoffMs = FIRST_BACKOFF_MS;
    if (this.trouble === '') return;
    this.options.logger.info({ step: 'nova' }, 'Nova hears again');
    await this.say(client, '');
  }

  private async failed(error: unknown): Promise<number> {
    const { logger } = this.options;
    const pauseMs = this.backoffMs;
    this.backoffMs = Math.min(pauseMs * 2, LONGEST_BACKOFF_MS);
    if (error instanceof NovaAway && this.client) {
      if (this.trouble !== error.message) logger.warn({ err: error, step: 'nova' }, 'Nova does not hear; retrying');
      await this.say(this.client, error.message).catch(() => undefined);
      return pauseMs;
    }
    logger.warn({ err: error, step: 'nova' }, 'what Nova must hear cannot be read or told; retrying');
    const { client } = this;
    this.client = null;
    this.heldUntil = 0;
    await client?.end().catch(() => undefined);
    return pauseMs;
  }

  private async say(client: pg.Client, trouble: string): Promise<void> {
    await setTrouble(client, this.holder, trouble);
    this.trouble = trouble;
  }
}
