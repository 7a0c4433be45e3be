/**
 * Checkpoints of the objects that the log leads to, at positions of it (docs/design/event-log.md, "Checkpoints").
 *
 * Goals: to begin near a position instead of at 1; never to be a second truth. Everything here may be deleted at any moment.
 */
import type { Head } from '../event-store.js';

/** What is known of a checkpoint without its content. `digest`: SHA-256 (hex) of the texts of its chunks in order. */
export type CheckpointHead = Head &
  Readonly<{
    /** Catalogue version of the release that folded it: another one derives other objects from the same events. */
    generation: number;
    format: number;
    chunks: number;
    digest: string;
  }>;

/** Made: it is stored. Busy: another process is making one. Gone: the log does not have this hash there any more, and nothing was stored. */
export type Writing = 'made' | 'busy' | 'gone';

export interface CheckpointStore {
  /** Up to a position, the nearest first. */
  list(upTo: number): Promise<readonly CheckpointHead[]>;
  /** Texts of the chunks in order. May end early or reject when the checkpoint is removed meanwhile, or is damaged. */
  read(position: number): AsyncIterable<string>;
  /** Stores one, whole or not at all; by one process at a time. Asks for the next chunk when it has stored the one before. */
  write(
    at: Pick<CheckpointHead, 'position' | 'hash' | 'generation' | 'format'>,
    chunks: Iterable<string>,
  ): Promise<Writing>;
  /** Removing what is not there is no error. */
  remove(positions: readonly number[]): Promise<void>;
}
