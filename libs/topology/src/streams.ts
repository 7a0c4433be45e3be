/** In which stream an event is written, as its object's kind declares (`stream`). */
import { AnyObject, Kind, KINDS, ObjectKey, PlumbEvent, subjectOf } from '@plumbline/contracts';
import { declarationOf, isWritten } from './model.js';
import { MODEL } from './kinds/model.js';

function streamBy(kind: Kind, id: string, facts: AnyObject): string {
  const declaration = declarationOf(MODEL, kind);
  if (!isWritten(declaration)) throw new Error(`${kind} ${id} is derived: no stream holds events of it`);
  return declaration.stream === 'own' ? `${kind}-${id}` : declaration.stream(facts);
}

/** The one stream an event is written to. */
export function streamOf(event: PlumbEvent): string {
  const { kind, id } = subjectOf(event);
  return streamBy(kind, id, event.data as unknown as AnyObject);
}

/** Stream in which an object's events are written. */
export const streamOfObject = (object: AnyObject): string => streamBy(object.kind, object.id, object);

/** Stream of an object that may be absent; null when it cannot be known without the object, or there is none. */
export function streamOfName(kind: Kind, id: string, object: AnyObject | undefined): string | null {
  const declaration = declarationOf(MODEL, kind);
  if (!isWritten(declaration)) return null;
  if (object) return streamOfObject(object);
  return declaration.stream === 'own' ? `${kind}-${id}` : null;
}

/** The object a stream is named for: what an event of unknown type freezes. Null for a stream this catalogue cannot name. */
export function objectOfStream(stream: string): ObjectKey | null {
  const dash = stream.indexOf('-');
  const kind = stream.slice(0, dash) as Kind;
  if (dash <= 0 || !KINDS.includes(kind)) return null;
  const declaration = declarationOf(MODEL, kind);
  if (!isWritten(declaration) || (declaration.stream !== 'own' && !declaration.someOwn)) return null;
  return `${kind}/${stream.slice(dash + 1)}`;
}
