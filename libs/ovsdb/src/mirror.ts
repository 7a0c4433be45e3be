// Open vSwitch's database as rows in memory, up to date with the last commit that the server reported.
//
// Goals: agents wait for a port or an ofport instead of asking for it; observing a switch costs nothing; a change is
// made and confirmed in one call. Design: one monitor over the tables of vswitch-tables.ts, rows found by name
// and by uuid. The server reports a change before it answers the transaction that made it, and ovs-vswitchd writes ofport
// and error in the transaction that raises cur_cfg: after `commit` both are here.
import type { OvsdbClient, Monitor } from './client.js';
import { OvsdbNotApplied, OvsdbUnreachable } from './errors.js';
import type { MonitorEvent, RowChange } from './monitor.js';
import type { Operation, OperationResult } from './operations.js';
import {
  vswitchDatabase,
  vswitchTables,
  type BridgeRow,
  type InterfaceRow,
  type OpenVswitchRow,
  type PortRow,
  type VswitchRow,
  type VswitchTable,
} from './vswitch-tables.js';

/** One row that is new (no `before`), changed, or gone (no `after`); `columns` differ. */
export type MirrorChange = {
  [T in VswitchTable]: {
    readonly table: T;
    readonly uuid: string;
    readonly before: VswitchRow<T> | undefined;
    readonly after: VswitchRow<T> | undefined;
    readonly columns: readonly string[];
  };
}[VswitchTable];

/** Called after the mirror has taken a commit; with no changes when only `inSync` changed. It must not throw. */
export type MirrorListener = (changes: readonly MirrorChange[]) => void;

/** How a wait is bounded. */
export interface WaitOptions {
  /** Default 10,000. */
  readonly timeoutMs?: number;
  /** What is waited for; used in the error message. */
  readonly what?: string;
}

/** Rows in memory. Open it once in a program. */
export class OvsdbMirror {
  private readonly rows: { readonly [T in VswitchTable]: Map<string, VswitchRow<T>> } = {
    Open_vSwitch: new Map(),
    Bridge: new Map(),
    Port: new Map(),
    Interface: new Map(),
  };
  private readonly byName = {
    Bridge: new Map<string, string>(),
    Port: new Map<string, string>(),
    Interface: new Map<string, string>(),
  };
  private readonly listeners = new Set<MirrorListener>();
  private bridgeOfPort: Map<string, string> | undefined;
  private portOfInterface: Map<string, string> | undefined;
  private monitor: Monitor | undefined;
  private synced = false;

  private constructor(readonly client: OvsdbClient) {}

  /** Watches the switch and resolves when all rows are here. */
  static async open(client: OvsdbClient): Promise<OvsdbMirror> {
    const mirror = new OvsdbMirror(client);
    mirror.monitor = await client.monitor(vswitchDatabase, vswitchTables, (event) => mirror.take(event));
    return mirror;
  }

  /** False while the connection is down: the rows are those of before. */
  get inSync(): boolean {
    return this.synced;
  }

  /** The row of the whole switch; undefined in a database that was never initialised. */
  get root(): OpenVswitchRow | undefined {
    return this.rows.Open_vSwitch.values().next().value;
  }

  /** All bridges, in no order. */
  bridges(): readonly BridgeRow[] {
    return [...this.rows.Bridge.values()];
  }
  /** All ports of all bridges, in no order. */
  ports(): readonly PortRow[] {
    return [...this.rows.Port.values()];
  }
  /** All interfaces, in no order. */
  interfaces(): readonly InterfaceRow[] {
    return [...this.rows.Interface.values()];
  }

  /** The bridge of this name. */
  bridge(name: string): BridgeRow | undefined {
    return this.rows.Bridge.get(this.byName.Bridge.get(name) ?? '');
  }
  /** The port of this name. */
  port(name: string): PortRow | undefined {
    return this.rows.Port.get(this.byName.Port.get(name) ?? '');
  }
  /** The interface of this name. */
  interface(name: string): InterfaceRow | undefined {
    return this.rows.Interface.get(this.byName.Interface.get(name) ?? '');
  }

  /** The ports of a bridge. */
  portsOf(bridge: BridgeRow): readonly PortRow[] {
    return bridge.ports.flatMap((uuid) => this.rows.Port.get(uuid) ?? []);
  }
  /** The interfaces of a port: one, except for bonds. */
  interfacesOf(port: PortRow): readonly InterfaceRow[] {
    return port.interfaces.flatMap((uuid) => this.rows.Interface.get(uuid) ?? []);
  }
  /** The bridge a port is on. */
  bridgeOf(port: PortRow): BridgeRow | undefined {
    this.bridgeOfPort ??= new Map(this.bridges().flatMap((bridge) => bridge.ports.map((uuid) => [uuid, bridge.uuid])));
    return this.rows.Bridge.get(this.bridgeOfPort.get(port.uuid) ?? '');
  }
  /** The port an interface belongs to. */
  portOf(iface: InterfaceRow): PortRow | undefined {
    this.portOfInterface ??= new Map(this.ports().flatMap((port) => port.interfaces.map((uuid) => [uuid, port.uuid])));
    return this.rows.Port.get(this.portOfInterface.get(iface.uuid) ?? '');
  }

  /** Calls the listener with each commit's changes, until the returned function is called. */
  onChange(listener: MirrorListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Resolves with the result of `find` as soon as it finds something; `find` is called now and after each commit. */
  until<T>(find: (mirror: this) => T | undefined | null | false, options: WaitOptions = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        try {
          const found = find(this);
          if (found === undefined || found === null || found === false) return;
          end();
          resolve(found);
        } catch (error) {
          end();
          reject(error as Error);
        }
      };
      const end = (): void => {
        clearTimeout(timer);
        stop();
      };
      const timeoutMs = options.timeoutMs ?? 10_000;
      const stop = this.onChange(look);
      const timer = setTimeout(() => {
        end();
        reject(new Error(`Open vSwitch: ${options.what ?? 'what was waited for'} did not come within ${timeoutMs} ms`));
      }, timeoutMs);
      // The connection keeps a process that waits; once it is closed, nothing is waited for.
      timer.unref();
      look();
    });
  }

  /**
   * Does all operations in one transaction and waits until ovs-vswitchd has carried them out, as ovs-vsctl does: the
   * transaction raises next_cfg, ovs-vswitchd answers in cur_cfg. Rejects as OvsdbClient.transact does, and with
   * OvsdbNotApplied when the transaction is in the database but the switch did not answer in time. `wait: false` does not wait.
   * An interface that could not be made is no failure here: look at its `ofport` and `error`.
   */
  async commit(
    operations: readonly Operation[],
    options: { readonly timeoutMs?: number; readonly wait?: boolean } = {},
  ): Promise<readonly OperationResult[]> {
    const timeoutMs = options.timeoutMs ?? 10_000;
    if (options.wait === false) return this.client.transact(vswitchDatabase, operations, { timeoutMs });
    const counted: readonly Operation[] = [
      ...operations,
      { op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['next_cfg', '+=', 1]] },
      { op: 'select', table: 'Open_vSwitch', where: [], columns: ['next_cfg'] },
    ];
    const results = await this.client.transact(vswitchDatabase, counted, { timeoutMs });
    const nextCfg = results.at(-1)?.rows?.[0]?.['next_cfg'];
    if (typeof nextCfg !== 'number')
      throw new OvsdbUnreachable(this.client.remote, 'the database was never initialised');
    await this.until(({ root }) => root !== undefined && root.cur_cfg >= nextCfg, { timeoutMs }).catch(() => {
      throw new OvsdbNotApplied(nextCfg, timeoutMs, `it has carried out ${this.root?.cur_cfg ?? 'none'}`);
    });
    return results.slice(0, operations.length);
  }

  /** Ends the watch; the client stays open. */
  close(): void {
    this.monitor?.cancel();
    this.synced = false;
    this.listeners.clear();
  }

  private take(event: MonitorEvent): void {
    if (event.type !== 'changes') this.synced = event.type === 'synced';
    const changes = event.type === 'changes' ? event.changes.map((change) => this.put(change)) : [];
    for (const listener of [...this.listeners]) listener(changes);
  }

  private put(change: RowChange): MirrorChange {
    const { table, uuid, columns } = change;
    const before = change.before && { uuid, ...change.before };
    const after = change.after && { uuid, ...change.after };
    const rows = this.rows[table as VswitchTable] as Map<string, object>;
    if (after) rows.set(uuid, after);
    else rows.delete(uuid);
    if (table === 'Bridge') this.bridgeOfPort = undefined;
    if (table === 'Port') this.portOfInterface = undefined;
    if (table !== 'Open_vSwitch') {
      const names = this.byName[table as 'Bridge' | 'Port' | 'Interface'];
      const name = String((change.after ?? change.before)?.['name']);
      if (after) names.set(name, uuid);
      else if (names.get(name) === uuid) names.delete(name);
    }
    return { table, uuid, before, after, columns } as MirrorChange;
  }
}
