// Changes of Open vSwitch, as operations to be combined into one transaction.
//
// Goals: pure data, so that a plan can be shown before it is applied; any number of changes in one transaction; a change of
// a missing row fails the transaction instead of doing nothing (an OVSDB mutate that matches no row succeeds).
// Design: rows are found by name, and a `wait` with timeout 0 before each change is the check that they exist. Removals
// are by uuid, so they remove exactly the row that was observed, never a later one of the same name.
import { mutateNamed, named, putPairs, updateNamed, type Operation } from './operations.js';
import { encodeValue, namedUuid, uuid, wireSet, type ColumnType, type Value, type WireRow } from './values.js';
import { vswitchTables, type MapColumn, type Settable, type VswitchTable } from './vswitch-tables.js';

/** A bridge to add. */
export interface NewBridge {
  readonly name: string;
  /** Columns of the bridge. */
  readonly bridge?: Settable<'Bridge'>;
  /** Columns of its local port's interface, the internal device of the bridge's own name. */
  readonly localInterface?: Settable<'Interface'>;
}

/** A port to add, with one interface of the same name. */
export interface NewPort {
  /** The bridge, by name; it may be made earlier in the same transaction. */
  readonly bridge: string;
  readonly name: string;
  /** Columns of the port: `tag`, `external_ids`, ... */
  readonly port?: Settable<'Port'>;
  /** Columns of the interface. Without a `type` it is a device that exists, such as one end of a veth pair. */
  readonly interface?: Settable<'Interface'>;
}

/** Adds a bridge with its local port. Fails the transaction when a bridge, port or interface of the name exists. */
export function addBridge(added: NewBridge): readonly Operation[] {
  const own = 'br' + ident(added.name);
  return [
    ...insertPortRows(added.name, {}, { ...added.localInterface, type: 'internal' }),
    {
      op: 'insert',
      table: 'Bridge',
      'uuid-name': own,
      row: { name: added.name, ports: namedUuid(portIdent(added.name)), ...columns('Bridge', added.bridge ?? {}) },
    },
    { op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['bridges', 'insert', wireSet([namedUuid(own)])]] },
  ];
}

/** Adds a port to a bridge. Fails the transaction when there is no such bridge, or a port of the name exists. */
export function addPort(added: NewPort): readonly Operation[] {
  return [
    ...insertPortRows(added.name, added.port ?? {}, added.interface ?? {}),
    ...mutateNamed('Bridge', added.bridge, [['ports', 'insert', wireSet([namedUuid(portIdent(added.name))])]]),
  ];
}

/** Sets columns of a row found by name; what is not named keeps its value, null and empty unset. Fails when there is none. */
export function setColumns<T extends Exclude<VswitchTable, 'Open_vSwitch'>>(
  table: T,
  name: string,
  set: Settable<T>,
): readonly Operation[] {
  return updateNamed(table, name, columns(table, set));
}

/** Leaves a bridge without an OpenFlow controller. Fails when there is no such bridge. */
export const removeControllers = (bridge: string): readonly Operation[] =>
  updateNamed('Bridge', bridge, { controller: wireSet([]) });

/** Puts pairs into a map column of a row found by name and leaves its other keys alone. Fails when there is none. */
export function setKeys<T extends Exclude<VswitchTable, 'Open_vSwitch'>>(
  table: T,
  name: string,
  column: MapColumn<T>,
  pairs: Readonly<Record<string, string>>,
): readonly Operation[] {
  return mutateNamed(table, name, putPairs(column, pairs));
}

/** Removes keys from a map column of a row found by name; a missing key is no failure, a missing row is. */
export function unsetKeys<T extends Exclude<VswitchTable, 'Open_vSwitch'>>(
  table: T,
  name: string,
  column: MapColumn<T>,
  keys: readonly string[],
): readonly Operation[] {
  return mutateNamed(table, name, [[column, 'delete', wireSet(keys)]]);
}

/** Puts pairs into a map of the one row that stands for the whole switch. */
export function setRootKeys(
  column: MapColumn<'Open_vSwitch'>,
  pairs: Readonly<Record<string, string>>,
): readonly Operation[] {
  return [{ op: 'mutate', table: 'Open_vSwitch', where: [], mutations: putPairs(column, pairs) }];
}

/** Removes keys from a map of that row; a key that is not there is no error. */
export const unsetRootKeys = (column: MapColumn<'Open_vSwitch'>, keys: readonly string[]): readonly Operation[] => [
  { op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [[column, 'delete', wireSet(keys)]] },
];

/** Removes the port with this uuid, and its interface, from a bridge. Success if it is gone already. */
export function removePort(bridge: string, portUuid: string): readonly Operation[] {
  const mutations = [['ports', 'delete', wireSet([uuid(portUuid)])]] as const;
  return [{ op: 'mutate', table: 'Bridge', where: named(bridge), mutations }];
}

/** Removes the bridge with this uuid, with all its ports. Success if it is gone already. */
export function removeBridge(bridgeUuid: string): readonly Operation[] {
  const mutations = [['bridges', 'delete', wireSet([uuid(bridgeUuid)])]] as const;
  return [{ op: 'mutate', table: 'Open_vSwitch', where: [], mutations }];
}

function insertPortRows(name: string, port: Settable<'Port'>, iface: Settable<'Interface'>): readonly Operation[] {
  const own = 'if' + ident(name);
  return [
    { op: 'insert', table: 'Interface', 'uuid-name': own, row: { name, ...columns('Interface', iface) } },
    {
      op: 'insert',
      table: 'Port',
      'uuid-name': portIdent(name),
      row: { name, interfaces: namedUuid(own), ...columns('Port', port) },
    },
  ];
}

function columns<T extends VswitchTable>(table: T, set: Settable<T>): WireRow {
  const types: Readonly<Record<string, ColumnType>> = vswitchTables[table];
  return Object.fromEntries(
    Object.entries(set as Readonly<Record<string, Value | undefined>>).flatMap(([column, value]) => {
      const type = types[column];
      return type === undefined || value === undefined ? [] : [[column, encodeValue(type, value)] as const];
    }),
  );
}

/** A name as an RFC 7047 identifier, different for different names. */
function ident(name: string): string {
  return name.replace(/[^A-Za-z0-9]/g, (character) => `_${character.codePointAt(0)?.toString(16)}_`);
}

function portIdent(name: string): string {
  return 'po' + ident(name);
}
