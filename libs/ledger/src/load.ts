/**
 * What a process of the API begins with: the objects at the head of the log, each host's feed head.
 *
 * From the nearest checkpoint and the events after it, if there is one near enough that can be trusted; otherwise from the read rows. Both give the same objects.
 * A checkpoint that leads to another number of objects than there are rows is not used: one of the two is wrong, and the rows are what requests are answered from.
 */
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import {
  type CheckpointStore,
  type EventStore,
  type Moment,
  topologyNear,
  WrongGeneration,
} from '@plumbline/event-store';
import type { Logger } from '@plumbline/telemetry';
import { isWritten, declarationOf, MODEL, Topology } from '@plumbline/topology';
import { objectOf } from './to-append.js';

export type LoadOptions = Readonly<{
  store: EventStore;
  /** Without it, the rows are read. */
  checkpoints?: Pick<CheckpointStore, 'list' | 'read'> | undefined;
  logger: Logger;
}>;

export type Start = Pick<Moment, 'logId' | 'head' | 'feeds'> & Readonly<{ topology: Topology }>;

/** Folding more events than this takes longer than reading the rows. */
const MOST_EVENTS = 100_000;

/** Rejects with StoreUnavailable, and with WrongGeneration. */
export async function loadLog(options: LoadOptions): Promise<Start> {
  const { store, logger } = options;
  const moment = await store.moment();
  if (moment.generation !== CATALOGUE_VERSION) throw new WrongGeneration(moment.generation);
  const topology = await fromCheckpoint(moment, options);
  if (topology) {
    logger.info(
      { log: moment.logId, position: moment.head.position, objects: moment.rowCount, step: 'load' },
      'log loaded from a checkpoint',
    );
    return { ...moment, topology };
  }
  const { logId, head, feeds, rows, streams, generation } = await store.load();
  if (generation !== CATALOGUE_VERSION) throw new WrongGeneration(generation);
  const versions = streams.map(({ stream, version }) => [stream, version] as const);
  logger.info({ log: logId, position: head.position, objects: rows.length, step: 'load' }, 'log loaded');
  return { logId, head, feeds, topology: Topology.of(rows.map(objectOf), head.position, versions) };
}

async function fromCheckpoint(
  { head, rowCount }: Moment,
  { store, checkpoints, logger }: LoadOptions,
): Promise<Topology | null> {
  if (!checkpoints) return null;
  const passedOver = (position: number | null, why: string): void =>
    logger.warn({ position, why, step: 'load' }, 'a checkpoint is not used');
  try {
    const at = await topologyNear(head.position, { store, checkpoints, passedOver, hurry: true }, MOST_EVENTS);
    if (!at) return null;
    const objects = writtenObjects(at.topology);
    if (at.hash === head.hash && objects === rowCount) return at.topology;
    logger.error(
      { position: head.position, objects, rows: rowCount, step: 'load' },
      'the objects that a checkpoint leads to are not those of the read rows, which are used: run "plumb db rebuild"',
    );
  } catch (err) {
    logger.warn({ err, step: 'load' }, 'no checkpoint can be used');
  }
  return null;
}

function writtenObjects(topology: Topology): number {
  let count = 0;
  for (const key of topology.keys()) {
    const object = topology.byKey(key);
    if (object && isWritten(declarationOf(MODEL, object.kind))) count += 1;
  }
  return count;
}
