/**
 * Makes checkpoints of what this process has folded, in the background, and removes those that are not needed any more.
 *
 * Goals: no request waits for it longer than a chunk takes to write as text; of many processes one makes a checkpoint; a checkpoint that fails costs nothing.
 * Design: objects are never changed in place, so the topology's content is taken at once, as references, and written chunk by chunk while the topology goes on.
 * The store lets one process at a time write, and refuses a position whose hash the log does not have.
 * Road not taken: a process of its own that folds the log beside the API. It would have to be started, watched and given as much memory again.
 */
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import { CHECKPOINT_FORMAT, type CheckpointStore, chunksOf, contentOf, superfluous } from '@plumbline/event-store';
import type { Logger } from '@plumbline/telemetry';
import type { Follower } from './follower.js';

export type CheckpointerOptions = Readonly<{
  follower: Pick<Follower, 'topology' | 'hash' | 'unusable'>;
  checkpoints: CheckpointStore;
  logger: Logger;
  /** A checkpoint is made when the log has gone on by so many events since the last. Default 20,000. */
  events?: number;
  /** Older checkpoints stay one for each so many events. Default 100,000. */
  span?: number;
  /** Time between looks whether one is due. Default 10,000. */
  everyMs?: number;
}>;

export class Checkpointer {
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private working: Promise<void> = Promise.resolve();
  /** Position of the last one that this process made or knows of; null before it has looked. */
  private last: number | null = null;

  constructor(private readonly options: CheckpointerOptions) {}

  start(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.working = this.makeIfDue().finally(() => this.start());
    }, this.options.everyMs ?? 10_000);
    this.timer.unref();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.working;
  }

  /** Makes a checkpoint if the log has gone on far enough. Never rejects. */
  async makeIfDue(): Promise<void> {
    const { follower, checkpoints, logger, events = 20_000 } = this.options;
    try {
      if (follower.unusable || !this.isDue(events)) return;
      const known = await checkpoints.list(follower.topology.position);
      const usable = known.filter(
        ({ generation, format }) => generation === CATALOGUE_VERSION && format === CHECKPOINT_FORMAT,
      );
      this.last = usable[0]?.position ?? 0;
      if (!this.isDue(events)) return;
      await this.make();
    } catch (err) {
      logger.warn({ err, step: 'checkpoint' }, 'no checkpoint was made; will be tried again');
    }
  }

  private isDue(events: number): boolean {
    const { position } = this.options.follower.topology;
    // A position before the last one: the log was replaced by an earlier state of itself.
    return position > 0 && (this.last === null || position < this.last || position - this.last >= events);
  }

  private async make(): Promise<void> {
    const { follower, checkpoints, logger, span = 100_000 } = this.options;
    const content = contentOf(follower.topology);
    const { position } = content;
    const at = { position, hash: follower.hash, generation: CATALOGUE_VERSION, format: CHECKPOINT_FORMAT };
    const from = performance.now();
    const written = await checkpoints.write(at, this.whileRunning(chunksOf(content)));
    if (written === 'busy') return;
    if (written === 'gone') {
      logger.error(
        { position, step: 'checkpoint' },
        'no checkpoint was made: the log has another event at its position',
      );
      return;
    }
    this.last = position;
    const ms = Math.round(performance.now() - from);
    logger.info({ position, objects: content.objects.length, ms, step: 'checkpoint' }, 'checkpoint made');
    const known = [...(await checkpoints.list(Number.MAX_SAFE_INTEGER))].reverse();
    const foreign = known.filter((each) => each.generation < CATALOGUE_VERSION || each.position > position);
    const own = known.filter((each) => !foreign.includes(each)).map((each) => each.position);
    const gone = [...foreign.map((each) => each.position), ...superfluous(own, span)];
    if (gone.length > 0) await checkpoints.remove(gone);
  }

  /** A process that stops does not finish what it writes: it takes itself back. */
  private *whileRunning(chunks: Iterable<string>): Generator<string> {
    for (const chunk of chunks) {
      if (this.stopped) throw new Error('the process stops');
      yield chunk;
    }
  }
}
