/**
 * The objects of the log at a position, folded from the nearest checkpoint that can be trusted, or from nothing.
 *
 * A checkpoint is trusted when the log has its hash at its position, this release's catalogue made it, and its content has its digest. Any other is passed
 * over, with a line in the log, for the next one.
 * All of this runs in the process that serves. So it is done in small portions and, unless the caller is in a hurry, pauses for as long as each portion took: others
 * have half of the processor at least, and wait for a portion at most.
 * Road not taken: a thread of its own. It would hold a second copy of Node's heap, and its answer would have to be copied back object by object.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { CATALOGUE_VERSION, type Recorded } from '@plumbline/contracts';
import { Topology } from '@plumbline/topology';
import type { EventStore, RecordedEvent } from '../event-store.js';
import type { CheckpointHead, CheckpointStore } from './checkpoints.js';
import { addChunk, CHECKPOINT_FORMAT } from './content.js';

/** Events folded at a time: some 20 ms. */
const EVENTS = 500;

export type NearestOptions = Readonly<{
  store: Pick<EventStore, 'read' | 'hashAt'>;
  checkpoints: Pick<CheckpointStore, 'list' | 'read'>;
  /** Told of each checkpoint that was passed over, and why. Without a position: it is not known which there are. */
  passedOver(position: number | null, why: string): void;
  /** True: no pauses. For a process that does nothing else yet. */
  hurry?: boolean;
  /**
   * Gets what was folded at each position of the log that `every` divides, so that it can be kept as a checkpoint: a log that an older release wrote has none
   * before its end. The fold goes on when it resolves; `use` must keep no object itself.
   */
  keep?: Readonly<{ every: number; use(at: At): Promise<void> }>;
}>;

/** The log at one position. */
export type At = Readonly<{ topology: Topology; hash: string }>;

/** At `position`, which the log must have: from the nearest checkpoint, else from nothing. Rejects when the log cannot be read. */
export async function topologyAt(position: number, options: NearestOptions): Promise<At> {
  const start = await nearest(position, options, Number.POSITIVE_INFINITY);
  return foldedUpTo(
    position,
    options,
    start ?? { topology: new Topology(), hash: (await options.store.hashAt(0)) ?? '' },
  );
}

/** The same, but null when there is no checkpoint to begin from, or when more than `mostEvents` would have to be folded after it. */
export async function topologyNear(position: number, options: NearestOptions, mostEvents: number): Promise<At | null> {
  const start = await nearest(position, options, mostEvents);
  return start && foldedUpTo(position, options, start);
}

async function nearest(position: number, options: NearestOptions, mostEvents: number): Promise<At | null> {
  const known = await options.checkpoints.list(position).catch((error: Error) => {
    options.passedOver(null, error.message);
    return [];
  });
  for (const checkpoint of known) {
    if (position - checkpoint.position > mostEvents) return null;
    const found = await restored(checkpoint, options).catch((error: Error) => error.message);
    if (typeof found !== 'string') return { topology: found, hash: checkpoint.hash };
    options.passedOver(checkpoint.position, found);
  }
  return null;
}

async function foldedUpTo(position: number, options: NearestOptions, { topology, hash: from }: At): Promise<At> {
  const { store, keep } = options;
  const pause = pacer(options.hurry ?? false);
  let hash = from;
  while (topology.position < position) {
    const at = topology.position;
    const untilKept = keep ? keep.every - (at % keep.every) : EVENTS;
    const events = await store.read({ position: at, hash }, Math.min(EVENTS, untilKept, position - at));
    if (events.length === 0) throw new Error(`the log could not be read beyond position ${topology.position}`);
    const done = pause.begin();
    for (const event of events) takeIn(topology, event);
    hash = events.at(-1)?.hash ?? hash;
    await done();
    if (keep && topology.position % keep.every === 0) await keep.use({ topology, hash });
  }
  return { topology, hash };
}

/** The checkpoint's topology, or why it cannot be trusted. */
async function restored(
  checkpoint: CheckpointHead,
  { store, checkpoints, hurry = false }: NearestOptions,
): Promise<Topology | string> {
  const pause = pacer(hurry);
  const { position, hash, generation, format, chunks, digest } = checkpoint;
  if (generation !== CATALOGUE_VERSION || format !== CHECKPOINT_FORMAT) return 'another release made it';
  const found = await store.hashAt(position);
  if (found !== hash) return found === null ? 'the log ends before it' : 'the log has another hash at its position';
  const topology = new Topology();
  const sum = createHash('sha256');
  let read = 0;
  for await (const text of checkpoints.read(position)) {
    const done = pause.begin();
    sum.update(text);
    addChunk(topology, text);
    read += 1;
    await done();
  }
  if (read !== chunks || sum.digest('hex') !== digest) return 'its content is damaged';
  topology.position = position;
  return topology;
}

/** Folds the log's next event; the stream's version is the log's, since memory may have forgotten it. */
function takeIn(topology: Topology, { position, stream, streamVersion, event, meta }: RecordedEvent): void {
  topology.apply({ position, stream, event: event as Recorded['event'], meta });
  topology.setVersion(stream, streamVersion);
}

type Pacer = Readonly<{ begin(): () => Promise<void> }>;

function pacer(hurry: boolean): Pacer {
  return {
    begin: () => {
      const from = performance.now();
      return async () => {
        if (hurry) return;
        await delay(Math.ceil(performance.now() - from));
      };
    },
  };
}
