// A copy of chosen columns of chosen tables, kept by the server's change messages.
//
// Goals: the listener gets each row that changed, as it was and as it is; after a reconnect only what
// really changed meanwhile. Design: `monitor_cond` with `update2` (ovsdb-server(7), 4.1.12), whose messages carry the
// differences only: adding a port to a bridge of a thousand costs one uuid, not a thousand. After a reconnect the whole
// state comes again and is compared with the copy. Servers before 2.6 are not supported: RFC 7047's own `monitor` would be
// a second way without a gain.
import {
  applyChange,
  decodeValue,
  defaultValue,
  sameValue,
  type ColumnType,
  type Value,
  type WireRow,
} from './values.js';

/** The tables and columns to watch, with their types. */
export type TableTypes = Readonly<Record<string, Readonly<Record<string, ColumnType>>>>;

/** A row of a watched table: the watched columns. */
export type Row = Readonly<Record<string, Value>>;

/** One row that is new, changed or gone. */
export interface RowChange {
  readonly table: string;
  readonly uuid: string;
  /** Undefined: the row is new. */
  readonly before: Row | undefined;
  /** Undefined: the row is gone. */
  readonly after: Row | undefined;
  /** The columns that differ. */
  readonly columns: readonly string[];
}

/** Events of a monitor. `synced` follows the changes of each full state; `lost`: the copy is no longer updated. */
export type MonitorEvent =
  | { readonly type: 'changes'; readonly changes: readonly RowChange[] }
  | { readonly type: 'synced' }
  | { readonly type: 'lost'; readonly error: Error };

type Update2 = Readonly<
  Record<string, Readonly<Record<string, Readonly<Partial<Record<'initial' | 'insert' | 'modify', WireRow>>> & object>>>
>;

/** The copy. */
export class MonitorCopy {
  private readonly tables = new Map<string, Map<string, Row>>();

  constructor(private readonly types: TableTypes) {
    for (const table of Object.keys(types)) this.tables.set(table, new Map());
  }

  /** Parameters of `monitor_cond`. */
  requests(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(
      Object.entries(this.types).map(([table, columns]) => [table, [{ columns: Object.keys(columns) }]]),
    );
  }

  /** Takes a full state and returns what differs from the copy. */
  replace(state: unknown): RowChange[] {
    const changes: RowChange[] = [];
    for (const [table, rows] of this.tables) {
      const fresh = (state as Update2)[table] ?? {};
      for (const uuid of rows.keys())
        if (!Object.hasOwn(fresh, uuid)) changes.push(...this.put(table, uuid, undefined));
      for (const [uuid, { initial }] of Object.entries(fresh)) {
        if (initial) changes.push(...this.put(table, uuid, this.row(table, initial)));
      }
    }
    return changes;
  }

  /** Takes a change message and returns what it changed; removed rows come first. */
  update(message: unknown): RowChange[] {
    const gone: RowChange[] = [];
    const changes: RowChange[] = [];
    for (const [table, rows] of Object.entries(message as Update2)) {
      for (const [uuid, change] of Object.entries(rows)) {
        if (change.insert) changes.push(...this.put(table, uuid, this.row(table, change.insert)));
        else if (change.initial) changes.push(...this.put(table, uuid, this.row(table, change.initial)));
        else if (change.modify) changes.push(...this.put(table, uuid, this.modified(table, uuid, change.modify)));
        else gone.push(...this.put(table, uuid, undefined));
      }
    }
    return [...gone, ...changes];
  }

  private row(table: string, wire: WireRow): Row {
    const columns = Object.entries(this.types[table] ?? {});
    const value = (column: string, type: ColumnType): Value => {
      const given = wire[column];
      return given === undefined ? defaultValue(type) : decodeValue(type, given);
    };
    return Object.fromEntries(columns.map(([column, type]) => [column, value(column, type)]));
  }

  private modified(table: string, uuid: string, wire: WireRow): Row {
    const before = this.tables.get(table)?.get(uuid);
    if (!before) throw new Error(`ovsdb-server changed a row of ${table} that it never reported: ${uuid}`);
    const after: Record<string, Value> = { ...before };
    for (const [column, change] of Object.entries(wire)) {
      const type = this.types[table]?.[column];
      if (type) after[column] = applyChange(type, before[column] ?? defaultValue(type), change);
    }
    return after;
  }

  private put(table: string, uuid: string, after: Row | undefined): RowChange[] {
    const rows = this.tables.get(table);
    if (!rows) return [];
    const before = rows.get(uuid);
    const all = Object.keys(this.types[table] ?? {});
    const differs = (column: string): boolean =>
      !before || !after || !sameValue(before[column] ?? null, after[column] ?? null);
    const columns = all.filter(differs);
    if (after) rows.set(uuid, after);
    else rows.delete(uuid);
    return columns.length > 0 && (before || after) ? [{ table, uuid, before, after, columns }] : [];
  }
}
