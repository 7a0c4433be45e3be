/**
 * The objects of the log at an earlier position, from the nearest checkpoint. One position at a time: each holds a second set of objects in memory and, while it
 * is folded, up to half of the processor. Who comes while many wait is told to come again. What is folded a long way is kept as checkpoints, so that the next one
 * begins there.
 */
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import {
  type At,
  CHECKPOINT_FORMAT,
  type CheckpointStore,
  chunksOf,
  contentOf,
  type EventStore,
  topologyAt,
} from '@plumbline/event-store';
import type { Logger } from '@plumbline/telemetry';
import { tooManyRequests } from '../errors/edge-error.js';

const MOST_WAITING = 8;
const RETRY_AFTER_SECONDS = 5;

export class Past {
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(
    private readonly store: EventStore,
    private readonly checkpoints: CheckpointStore,
    private readonly logger: Logger,
    /** Events between the checkpoints that a long fold keeps: as the older ones of `Checkpointer`. */
    private readonly keepEvery = 100_000,
  ) {}

  /** `use` gets the objects at `position`, which the log must have, and must keep none of them. Rejects with EdgeError when too many wait. */
  async at<T>(position: number, use: (at: At) => T): Promise<T> {
    if (this.waiting >= MOST_WAITING)
      throw tooManyRequests('Other requests for earlier positions of the log are being answered.', RETRY_AFTER_SECONDS);
    this.waiting += 1;
    const mine = this.last.then(async () => use(await this.fold(position)));
    this.last = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      this.waiting -= 1;
    }
  }

  private fold(position: number): Promise<At> {
    const { store, checkpoints, logger } = this;
    return topologyAt(position, {
      store,
      checkpoints,
      passedOver: (of, why) => logger.warn({ position: of, why, step: 'view' }, 'a checkpoint is not used'),
      keep: { every: this.keepEvery, use: (at) => this.keep(at) },
    });
  }

  private async keep({ topology, hash }: At): Promise<void> {
    const { position } = topology;
    const at = { position, hash, generation: CATALOGUE_VERSION, format: CHECKPOINT_FORMAT };
    try {
      await this.checkpoints.write(at, chunksOf(contentOf(topology)));
    } catch (err) {
      this.logger.warn(
        { err, position, step: 'checkpoint' },
        'no checkpoint was made; the view is answered all the same',
      );
    }
  }
}
