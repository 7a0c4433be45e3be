/**
 * The objects of the log at an earlier position, from the nearest checkpoint. One position at a time: each holds a second set of objects in memory and, while it
 * is folded, up to half of the processor. Who comes while many wait is told to come again.
 */
import { type At, type CheckpointStore, type EventStore, topologyAt } from '@plumbline/event-store';
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
    });
  }
}
