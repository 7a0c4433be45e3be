/**
 * The bound on the bytes of every object, checked where every command passes.
 *
 * Goals: no object grows without end by many requests, each of which is within its limits; who sends one request too many hears which object, how large it would
 * be and how large it may be; what an older log holds that is larger harms nobody.
 * Design: an object is measured as JSON, as it is stored and sent, with all that it holds. Most kinds have one bound; a kind that grows by what the operator has
 * (hosts, interfaces) declares another one (`mostBytes`). An object that is larger already may become smaller and may change, but none of its attributes may grow
 * beyond a few kilobytes: so it can be bound, scheduled, renamed and mended. Messages to nodes are cut by bytes in any case (libs/messaging).
 * Road not taken: a limit on the length of each list. Each new list would need one, and many lists within their limits are a large object all the same.
 */
import { AnyObject, keyOf } from '@plumbline/contracts';
import { DomainError } from '@plumbline/domain';
import { declarationOf, isWritten, MODEL, Prepared, Topology } from '@plumbline/topology';

/** Of an object whose kind declares no other bound. With a few of these, a message is still far from a broker's usual limit of 1 MiB. */
export const MOST_OBJECT_BYTES = 64 * 1024;
/** To so many bytes each attribute of an object that is too large already may grow: a binding with its profile, a host, a name. */
const SMALL_BYTES = 8 * 1024;

/** No fewer bytes than the value has as JSON. Writing each object to measure it would be a twentieth of a command, and hardly one comes near its bound. */
export function atMostBytes(value: unknown): number {
  // A character is written as six bytes at most: `\u0000`.
  if (typeof value === 'string') return 6 * value.length + 2;
  if (Array.isArray(value)) return value.reduce<number>((sum, each) => sum + atMostBytes(each) + 1, 2);
  if (typeof value !== 'object' || value === null) return LONGEST_SCALAR;
  let sum = 2;
  for (const [name, each] of Object.entries(value)) sum += 6 * name.length + 4 + atMostBytes(each);
  return sum;
}
/** Of a number, as `-1.2345678901234567e-300`. */
const LONGEST_SCALAR = 25;

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '');

export function mostBytesOf(kind: AnyObject['kind']): number {
  const declaration = declarationOf(MODEL, kind);
  return (isWritten(declaration) ? declaration.mostBytes : undefined) ?? MOST_OBJECT_BYTES;
}

/** The refusal of a command that would make an object too large; null when it makes none. */
export function tooLarge({ rows }: Prepared, topology: Topology): DomainError | null {
  for (const row of rows) {
    if (row.deleted) continue;
    const { object } = row;
    const most = mostBytesOf(object.kind);
    if (atMostBytes(object) <= most) continue;
    const size = bytesOf(object);
    if (size <= most) continue;
    const before = topology.byKey(keyOf(object));
    if (before && bytesOf(before) > most && !grows(before, object)) continue;
    return objectTooLarge(object, size, most);
  }
  return null;
}

/** `setAt` only follows what else changes. */
const grows = (before: AnyObject, { setAt: _follows, ...after }: AnyObject): boolean =>
  Object.entries(after).some(
    ([field, value]) =>
      bytesOf(value) > Math.max(SMALL_BYTES, bytesOf((before as Readonly<Record<string, unknown>>)[field])),
  );

function objectTooLarge(object: AnyObject, size: number, most: number): DomainError {
  const [name, bytes] = Object.entries(object)
    .map(([field, value]) => [field, bytesOf(value)] as const)
    .reduce((a, b) => (b[1] > a[1] ? b : a));
  const attribute = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return new DomainError(
    'ObjectTooLarge',
    'bad-request',
    `The ${object.kind} ${object.id} would have ${size} bytes, and one may have ${most}. Its largest attribute is ${attribute} with ${bytes} bytes.`,
    attribute,
  );
}
