// OVSDB's notation of values (RFC 7047 section 5.1) and ours.
//
// On the wire a set of one element may be written as the bare element, so a value cannot be read without its column's
// type. Here a column's type is one word: `string`, `integer`, `boolean` or `uuid`; with `?` for at most one, with `*` for
// any number; or `map` for text to text.

/** The type of a column. */
export type ColumnType = `${'string' | 'integer' | 'boolean' | 'uuid'}${'' | '?' | '*'}` | 'map';

type AtomOf<T> = T extends 'integer' ? number : T extends 'boolean' ? boolean : string;

/** What a column of a type holds on our side: uuids as text, sets sorted, an absent value as null. */
export type ValueOf<T> = T extends 'map'
  ? Readonly<Record<string, string>>
  : T extends `${infer A}?`
    ? AtomOf<A> | null
    : T extends `${infer A}*`
      ? readonly AtomOf<A>[]
      : AtomOf<T>;

/** A value of any column. */
export type Value = Atom | null | readonly Atom[] | Readonly<Record<string, string>>;
/** A single value on our side. */
export type Atom = string | number | boolean;

/** A single value on the wire. */
export type WireAtom = Atom | readonly ['uuid', string] | readonly ['named-uuid', string];
/** A value on the wire. */
export type WireValue =
  WireAtom | readonly ['set', readonly WireAtom[]] | readonly ['map', readonly (readonly [WireAtom, WireAtom])[]];
/** A row on the wire: some of its columns. */
export type WireRow = Readonly<Record<string, WireValue>>;

/** A reference to a row. */
export function uuid(id: string): readonly ['uuid', string] {
  return ['uuid', id];
}

/** A reference to a row that an insert of the same transaction makes under this name. */
export function namedUuid(name: string): readonly ['named-uuid', string] {
  return ['named-uuid', name];
}

/** A set on the wire. */
export function wireSet(elements: readonly WireAtom[]): WireValue {
  return ['set', elements];
}

/** A map of texts on the wire. */
export function wireMap(entries: Readonly<Record<string, string>>): WireValue {
  return ['map', Object.entries(entries)];
}

/** Our value as the wire has it. */
export function encodeValue(type: ColumnType, value: Value): WireValue {
  const atom = (one: Atom): WireAtom => (type.startsWith('uuid') ? uuid(String(one)) : one);
  if (value === null) return wireSet([]);
  if (isList(value)) return wireSet(value.map(atom));
  return typeof value === 'object' ? wireMap(value) : atom(value);
}

/** A value of the wire as ours. */
export function decodeValue(type: ColumnType, wire: WireValue): Value {
  if (type === 'map') return sortedRecord(new Map(mapEntries(wire)));
  const elements = setElements(wire);
  if (type.endsWith('*')) return [...elements].sort(compareAtoms);
  return elements[0] ?? (type.endsWith('?') ? null : defaultAtom(type));
}

/**
 * A value after a change as `update2` tells it (ovsdb-server(7), 4.1.14): of a set the elements added or removed, of a map
 * the pairs added, removed or changed, of anything else the new value.
 */
export function applyChange(type: ColumnType, before: Value, wire: WireValue): Value {
  if (type === 'map') {
    const entries = new Map(Object.entries(before as Readonly<Record<string, string>>));
    for (const [key, value] of mapEntries(wire)) {
      if (entries.get(key) === value) entries.delete(key);
      else entries.set(key, value);
    }
    return sortedRecord(entries);
  }
  if (!type.endsWith('*')) return decodeValue(type, wire);
  const elements = new Set(before as readonly Atom[]);
  for (const element of setElements(wire)) if (!elements.delete(element)) elements.add(element);
  return [...elements].sort(compareAtoms);
}

/** The value of a column that was never set. */
export function defaultValue(type: ColumnType): Value {
  if (type === 'map') return {};
  if (type.endsWith('*')) return [];
  return type.endsWith('?') ? null : defaultAtom(type);
}

/** True when both are equal. Sets and maps must be as decodeValue makes them. */
export function sameValue(a: Value, b: Value): boolean {
  return a === b || (typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b));
}

function defaultAtom(type: ColumnType): Atom {
  if (type === 'integer') return 0;
  if (type === 'boolean') return false;
  return type === 'uuid' ? '00000000-0000-0000-0000-000000000000' : '';
}

function setElements(wire: WireValue): readonly Atom[] {
  return isTagged(wire, 'set') ? (wire[1] as readonly WireAtom[]).map(plainAtom) : [plainAtom(wire as WireAtom)];
}

function mapEntries(wire: WireValue): [string, string][] {
  if (!isTagged(wire, 'map')) throw new TypeError(`not a map: ${JSON.stringify(wire)}`);
  const pairs = wire[1] as readonly (readonly [WireAtom, WireAtom])[];
  return pairs.map(([key, value]) => [String(plainAtom(key)), String(plainAtom(value))]);
}

function plainAtom(atom: WireAtom): Atom {
  return typeof atom === 'object' ? atom[1] : atom;
}

function isTagged(wire: WireValue, tag: 'set' | 'map'): wire is readonly [typeof tag, never] {
  return Array.isArray(wire) && wire[0] === tag;
}

function isList(value: Value): value is readonly Atom[] {
  return Array.isArray(value);
}

function sortedRecord(entries: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function compareAtoms(a: Atom, b: Atom): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
