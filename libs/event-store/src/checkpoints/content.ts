/**
 * What a checkpoint holds: every object that lives at its position, with the version of the stream that is named for it, and what is frozen. As text in chunks,
 * so that neither making nor reading one occupies a process for longer than a chunk takes.
 *
 * A checkpoint is a cache of the fold: `topologyOf(chunksOf(contentOf(topology)))` is the topology. Claims and indexes follow from the objects and are not in it.
 */
import type { AnyObject, ObjectKey } from '@plumbline/contracts';
import { declarationOf, type Frozen, isWritten, MODEL, Topology } from '@plumbline/topology';

/** Raised when a chunk has another form: checkpoints of another format are not read. */
export const CHECKPOINT_FORMAT = 1;

/** A topology as it stood. Objects are never changed in place, so it stays what it is while the topology goes on. */
export type Content = Readonly<{
  position: number;
  objects: readonly AnyObject[];
  versions: ReadonlyMap<string, number>;
  frozen: readonly (readonly [ObjectKey, Frozen])[];
}>;

/** `objects`: each with its stream's version, or null when no stream is named for it. */
type Chunk = Readonly<{
  objects?: readonly (readonly [AnyObject, number | null])[];
  frozen?: Content['frozen'];
}>;

/** Objects in a chunk: their text takes a few milliseconds. */
const OBJECTS = 400;

/** At once: the topology may go on when this returns. Costs a few references for each object. */
export function contentOf(topology: Topology): Content {
  const objects: AnyObject[] = [];
  for (const key of topology.keys()) {
    const object = topology.byKey(key);
    if (object && isWritten(declarationOf(MODEL, object.kind))) objects.push(object);
  }
  return {
    position: topology.position,
    objects,
    versions: new Map(topology.streamVersions()),
    frozen: [...topology.frozen],
  };
}

/** One chunk's text at a time. */
export function* chunksOf({ objects, versions, frozen }: Content): Generator<string> {
  for (let at = 0; at < objects.length; at += OBJECTS) {
    const some = objects.slice(at, at + OBJECTS);
    const chunk: Chunk = {
      objects: some.map((object) => [object, versions.get(`${object.kind}-${object.id}`) ?? null]),
    };
    yield JSON.stringify(chunk);
  }
  if (frozen.length > 0) yield JSON.stringify({ frozen } satisfies Chunk);
}

/** Adds a chunk to a topology that is being made. */
export function addChunk(topology: Topology, text: string): void {
  const { objects = [], frozen = [] } = JSON.parse(text) as Chunk;
  for (const [object, version] of objects) {
    topology.put(`${object.kind}/${object.id}`, object);
    if (version !== null) topology.setVersion(`${object.kind}-${object.id}`, version);
  }
  for (const [key, why] of frozen) topology.frozen.set(key, why);
}
