/** The database of a fake switch: runs the operations that the driver sends on rows in memory, all or none. */
import {
  decodeValue,
  OvsdbTransactionFailed,
  type BridgeRow,
  type ColumnType,
  type InterfaceRow,
  type MirrorChange,
  type MirrorListener,
  type OpenVswitchRow,
  type Operation,
  type OperationResult,
  type PortRow,
  type Value,
  type WireRow,
  type WireValue,
} from '@plumbline/ovsdb';
import type { SwitchRows } from '../rows.js';

type Table = 'Open_vSwitch' | 'Bridge' | 'Port' | 'Interface';
type Row = Record<string, Value> & { uuid: string };
type Tables = Record<Table, Map<string, Row>>;

const TYPES: Readonly<Record<Table, Readonly<Record<string, ColumnType>>>> = {
  Open_vSwitch: { bridges: 'uuid*', external_ids: 'map', next_cfg: 'integer', cur_cfg: 'integer' },
  Bridge: {
    name: 'string',
    ports: 'uuid*',
    fail_mode: 'string?',
    datapath_type: 'string',
    external_ids: 'map',
    controller: 'uuid*',
    protocols: 'string*',
  },
  Port: {
    name: 'string',
    interfaces: 'uuid*',
    tag: 'integer?',
    trunks: 'integer*',
    vlan_mode: 'string?',
    external_ids: 'map',
  },
  Interface: {
    name: 'string',
    type: 'string',
    options: 'map',
    ofport: 'integer?',
    error: 'string?',
    bfd: 'map',
    bfd_status: 'map',
    external_ids: 'map',
  },
};
const EMPTY: Readonly<Record<string, Value>> = {
  ports: [],
  interfaces: [],
  bridges: [],
  fail_mode: null,
  datapath_type: '',
  tag: null,
  external_ids: {},
  other_config: {},
  type: '',
  options: {},
  ofport: null,
  error: null,
  controller: [],
  protocols: [],
  trunks: [],
  vlan_mode: null,
  bfd: {},
  bfd_status: {},
};

export class FakeDatabase implements SwitchRows {
  inSync = true;
  /** Transactions that were carried out. */
  transactions = 0;
  /** Interfaces that the switch cannot open. */
  readonly unopenable = new Set<string>();
  /** Interfaces that the switch has not looked at when the transaction is answered; it does with the next one after they are taken out of here. */
  readonly unopened = new Set<string>();
  private tables: Tables = {
    Open_vSwitch: new Map([['root', { uuid: 'root', bridges: [], external_ids: {}, next_cfg: 0, cur_cfg: 0 }]]),
    Bridge: new Map(),
    Port: new Map(),
    Interface: new Map(),
  };
  private readonly listeners = new Set<MirrorListener>();
  private readonly failures: Error[] = [];
  private serial = 0;
  private nextNumber = 1;

  /** The next transaction fails so. */
  failNext(error: Error = new OvsdbTransactionFailed(undefined, undefined, 'failed on purpose', '')): void {
    this.failures.push(error);
  }

  failNothing(): void {
    this.failures.length = 0;
  }

  get root(): OpenVswitchRow | undefined {
    return [...this.tables.Open_vSwitch.values()][0] as unknown as OpenVswitchRow;
  }
  bridges = (): readonly BridgeRow[] => [...this.tables.Bridge.values()] as unknown as BridgeRow[];
  bridge = (name: string) => this.bridges().find((row) => row.name === name);
  port = (name: string) => ([...this.tables.Port.values()] as unknown as PortRow[]).find((row) => row.name === name);
  portsOf = (bridge: BridgeRow) =>
    bridge.ports.flatMap((uuid) => (this.tables.Port.get(uuid) as unknown as PortRow | undefined) ?? []);
  interfacesOf = (port: PortRow) =>
    port.interfaces.flatMap((uuid) => (this.tables.Interface.get(uuid) as unknown as InterfaceRow | undefined) ?? []);
  portOf = (iface: InterfaceRow) =>
    ([...this.tables.Port.values()] as unknown as PortRow[]).find((row) => row.interfaces.includes(iface.uuid));
  bridgeOf = (port: PortRow) => this.bridges().find((row) => row.ports.includes(port.uuid));
  onChange = (listener: MirrorListener) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  commit = async (operations: readonly Operation[]): Promise<readonly OperationResult[]> => {
    const failure = this.failures.shift();
    if (failure) throw failure;
    const before = this.tables;
    this.tables = clone(before);
    try {
      const named = new Map<string, string>();
      for (const operation of operations)
        if (operation.op === 'insert' && operation['uuid-name'])
          named.set(operation['uuid-name'], `row-${++this.serial}`);
      operations.forEach((operation, index) => this.run(operation, index, named));
      this.collectGarbage();
      this.checkNames();
    } catch (error) {
      this.tables = before;
      throw error;
    }
    this.takeUp();
    this.transactions += 1;
    this.tell(before);
    return operations.map(() => ({}));
  };

  private run(operation: Operation, index: number, named: ReadonlyMap<string, string>): void {
    const fail = (why: string): never => {
      throw new OvsdbTransactionFailed(index, operation, why, '');
    };
    if (!('table' in operation)) return fail('the fake database does not know this operation');
    const table = operation.table as Table;
    const types = TYPES[table];
    const value = (column: string, wire: WireValue): Value => {
      const type = types[column];
      if (!type) return fail(`the fake database has no column ${column} in ${table}`);
      return decodeValue(type, resolve(wire, named));
    };
    const row = (wire: WireRow) =>
      Object.fromEntries(Object.entries(wire).map(([column, given]) => [column, value(column, given)]));
    const matching = () => {
      const where = 'where' in operation ? operation.where : [];
      return [...this.tables[table].values()].filter((found) =>
        where.every(([column, function_, wire]) => function_ === '==' && found[column] === wire),
      );
    };
    switch (operation.op) {
      case 'insert': {
        const uuid = named.get(operation['uuid-name'] ?? '') ?? `row-${++this.serial}`;
        this.tables[table].set(uuid, { ...pick(EMPTY, types), ...row(operation.row), uuid });
        return;
      }
      case 'update':
        for (const found of matching()) Object.assign(found, row(operation.row));
        return;
      case 'mutate':
        for (const found of matching())
          for (const [column, mutator, wire] of operation.mutations)
            found[column] = mutated(found[column] ?? null, mutator, wire, named);
        return;
      case 'wait':
        if (matching().length > 0 !== operation.rows.length > 0) fail('timed out');
        return;
      default:
        fail('the fake database does not know this operation');
    }
  }

  /** Rows that nothing names are gone at commit, as in a schema whose tables are no roots. */
  private collectGarbage(): void {
    const keep = (table: Table, by: Table, column: string) => {
      const named = new Set([...this.tables[by].values()].flatMap((row) => row[column] as readonly string[]));
      for (const uuid of this.tables[table].keys()) if (!named.has(uuid)) this.tables[table].delete(uuid);
    };
    keep('Bridge', 'Open_vSwitch', 'bridges');
    keep('Port', 'Bridge', 'ports');
    keep('Interface', 'Port', 'interfaces');
  }

  private checkNames(): void {
    for (const table of ['Bridge', 'Port', 'Interface'] as const) {
      const names = [...this.tables[table].values()].map((row) => row['name']);
      if (new Set(names).size !== names.length)
        throw new OvsdbTransactionFailed(
          undefined,
          undefined,
          'constraint violation',
          `two rows of ${table} with one name`,
        );
    }
  }

  /** What the switch does after a commit: gives every new interface its number. */
  private takeUp(): void {
    for (const row of this.tables.Interface.values()) {
      const name = String(row['name']);
      if (this.unopened.has(name)) continue;
      if (this.unopenable.has(name)) {
        row['ofport'] = -1;
        row['error'] = `could not open network device ${name} (No such device)`;
      } else if (row['ofport'] === null || row['ofport'] === -1) {
        row['ofport'] = this.bridge(name) ? 65534 : this.nextNumber++;
        row['error'] = null;
      }
    }
  }

  private tell(before: Tables): void {
    const changes: MirrorChange[] = [];
    for (const table of ['Bridge', 'Port', 'Interface'] as const) {
      const now = this.tables[table];
      for (const uuid of new Set([...before[table].keys(), ...now.keys()])) {
        const [old, fresh] = [before[table].get(uuid), now.get(uuid)];
        const columns = Object.keys(TYPES[table]).filter(
          (column) => JSON.stringify(old?.[column]) !== JSON.stringify(fresh?.[column]),
        );
        if (columns.length > 0)
          changes.push({ table, uuid, before: old, after: fresh, columns } as unknown as MirrorChange);
      }
    }
    for (const listener of [...this.listeners]) listener(changes);
  }
}

const clone = (tables: Tables): Tables =>
  Object.fromEntries(
    Object.entries(tables).map(([table, rows]) => [table, new Map([...rows].map(([uuid, row]) => [uuid, { ...row }]))]),
  ) as Tables;

const pick = (values: Readonly<Record<string, Value>>, types: Readonly<Record<string, ColumnType>>) =>
  Object.fromEntries(Object.keys(types).map((column) => [column, values[column] ?? null]));

/** Named rows of this transaction become real ones. */
function resolve(wire: WireValue, named: ReadonlyMap<string, string>): WireValue {
  if (!Array.isArray(wire)) return wire;
  if (wire[0] === 'named-uuid') return ['uuid', named.get(wire[1] as string) ?? ''];
  if (wire[0] === 'set') return ['set', (wire[1] as readonly WireValue[]).map((one) => resolve(one, named))] as never;
  return wire;
}

function mutated(before: Value, mutator: string, wire: WireValue, named: ReadonlyMap<string, string>): Value {
  const given = resolve(wire, named);
  const [tag, inner] = given as readonly [string, readonly unknown[]];
  if (before !== null && typeof before === 'object' && !Array.isArray(before)) {
    const entries = new Map(Object.entries(before as Readonly<Record<string, string>>));
    if (mutator === 'insert')
      for (const [key, value] of inner as readonly (readonly [string, string])[])
        if (!entries.has(key)) entries.set(key, value);
    if (mutator === 'delete') for (const key of inner as readonly string[]) entries.delete(key);
    return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  const plain = (tag === 'set' ? inner : [given]).map((one) => (Array.isArray(one) ? String(one[1]) : String(one)));
  const elements = new Set(before as readonly string[]);
  for (const one of plain)
    if (mutator === 'insert') elements.add(one);
    else elements.delete(one);
  return [...elements].sort();
}
