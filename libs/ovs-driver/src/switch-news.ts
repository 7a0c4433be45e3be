/**
 * What others do to the switch, by its database: which objects of a host's view it is about.
 *
 * This driver's own transactions come back from the database as everybody's do; what they name is left out. A new interface is news when the switch has opened it.
 */
import { BR_INT, BR_TUN, MARK_KEY } from '@plumbline/ovs-core';
import type { MirrorChange } from '@plumbline/ovsdb';
import { isObserved, type SwitchRows } from './rows.js';

/** What somebody else did to the switch. */
export type SwitchNews = Readonly<{
  /** Port ids (iface-id) whose interface came, went or changed. */
  ports: readonly string[];
  /** True: look at everything anew (the switch restarted, the database was away, or something of ours changed). */
  all: boolean;
  /** True: an uplink of a provider bridge may have come, gone or changed. */
  uplinks?: true;
  reason: 'plugged' | 'changed' | 'tunnel-end' | 'switch-lost' | 'switch-back' | 'database-back';
}>;

/** The objects of a host's view that news is about; uplinks are the node's own. */
export function concernedBy(
  { ports, all, uplinks, reason }: SwitchNews,
  host: string,
): ReadonlySet<`port/${string}` | `node/${string}`> | 'all' {
  if (all) return 'all';
  const own = uplinks || reason === 'switch-back';
  return new Set([...ports.map((id) => `port/${id}` as const), ...(own ? [`node/${host}` as const] : [])]);
}

/** Much longer than a switch that is there takes to open an interface. */
const OPENING_MS = 500;

/** Calls `tell` with what others changed in the database, until it is closed. */
export class DatabaseNews {
  /** Names in this driver's own transactions under way. */
  private readonly expected = new Map<string, number>();
  /** Ports whose new interface the switch has not opened yet. */
  private readonly opening = new Map<string, NodeJS.Timeout>();
  private readonly stopListening: () => void;
  private wasInSync = true;

  constructor(
    private readonly rows: SwitchRows,
    private readonly tell: (news: SwitchNews) => void,
  ) {
    this.stopListening = rows.onChange((changes) => this.told(changes));
  }

  /** Changes of what has these names are this driver's own until the returned function is called. */
  expect(names: readonly string[]): () => void {
    for (const name of names) this.expected.set(name, (this.expected.get(name) ?? 0) + 1);
    return () => {
      for (const name of names) {
        const left = (this.expected.get(name) ?? 1) - 1;
        if (left > 0) this.expected.set(name, left);
        else this.expected.delete(name);
      }
    };
  }

  close(): void {
    this.stopListening();
    for (const timer of this.opening.values()) clearTimeout(timer);
  }

  private told(changes: readonly MirrorChange[]): void {
    const inSync = this.rows.inSync;
    const back = inSync && !this.wasInSync;
    this.wasInSync = inSync;
    if (back) return this.tell({ ports: [], all: true, reason: 'database-back' });
    const ports = new Set<string>();
    let all = false;
    for (const change of changes) {
      if (!isObserved(change)) continue;
      const ids = this.portIds(change);
      for (const id of ids) ports.add(id);
      all ||= ids.length === 0 && this.concernsOurs(change);
    }
    this.leaveOutUnopened(ports, changes);
    if (changes.some(isOfTunnelEnd)) this.tell({ ports: [], all: false, reason: 'tunnel-end' });
    const uplinks = changes.some((change) => isObserved(change) && this.mayBeUplink(change));
    const what = { ports: [...ports].sort(), all, ...(uplinks && { uplinks: true as const }) };
    if (all || (uplinks && ports.size === 0)) this.tell({ ...what, reason: 'changed' });
    else if (ports.size > 0) this.tell({ ...what, reason: 'plugged' });
  }

  /**
   * Takes out of `ports` those whose interface is new and that the switch has not opened yet: it does within some milliseconds, which is news again, and a look at
   * the port before that only keeps its flows waiting. One of which nothing is heard for OPENING_MS is told of then.
   */
  private leaveOutUnopened(ports: Set<string>, changes: readonly MirrorChange[]): void {
    for (const id of ports) this.stopWaitingFor(id);
    for (const { table, before, after } of changes) {
      if (table !== 'Interface' || before || after?.ofport !== null || after.error !== null) continue;
      const id = after.external_ids['iface-id'];
      if (id === undefined || !ports.delete(id)) continue;
      const told = (): void => {
        this.opening.delete(id);
        this.tell({ ports: [id], all: false, reason: 'plugged' });
      };
      this.opening.set(id, setTimeout(told, OPENING_MS));
    }
  }

  private stopWaitingFor(portId: string): void {
    clearTimeout(this.opening.get(portId));
    this.opening.delete(portId);
  }

  /** The ids of the API's ports that a row was or is the interface of. */
  private portIds(change: MirrorChange): string[] {
    if (change.table === 'Port' && this.isEcho(change)) return [];
    if (change.table === 'Interface')
      return [change.before, change.after].flatMap((row) => row?.external_ids['iface-id'] ?? []);
    if (change.table !== 'Port' || !change.after) return [];
    return this.rows.interfacesOf(change.after).flatMap((row) => row.external_ids['iface-id'] ?? []);
  }

  /** True for a change of a bridge or port that has our mark, other than by our own transactions under way. */
  private concernsOurs(change: MirrorChange): boolean {
    if (this.isEcho(change)) return false;
    if (change.table === 'Interface') {
      const port = change.after && this.rows.portOf(change.after);
      return port?.external_ids[MARK_KEY] !== undefined && port.external_ids[MARK_KEY] !== null;
    }
    if (change.table === 'Open_vSwitch') return false;
    const marked = [change.before, change.after].some((row) => row?.external_ids[MARK_KEY] !== undefined);
    const onlyPorts = change.table === 'Bridge' && change.columns.every((column) => column === 'ports');
    return marked && !onlyPorts; // a bridge's list of ports changes with each port, and the port's own row tells
  }

  /** True for a port that somebody put into a bridge that is neither br-int nor br-tun, and for its device. A deleted one shows in its bridge's list of ports. */
  private mayBeUplink(change: MirrorChange): boolean {
    if (this.isEcho(change)) return false;
    if (change.table === 'Bridge') {
      const name = (change.after ?? change.before)?.name;
      return name !== BR_INT && name !== BR_TUN && change.columns.includes('ports');
    }
    if (change.table === 'Open_vSwitch') return true;
    if (!change.after || this.portIds(change).length > 0) return false;
    const port = change.table === 'Port' ? change.after : this.rows.portOf(change.after);
    const bridge = port && this.rows.bridgeOf(port)?.name;
    return bridge !== undefined && bridge !== BR_INT && bridge !== BR_TUN;
  }

  private isEcho(change: MirrorChange): boolean {
    const row = change.after ?? change.before;
    return change.table !== 'Open_vSwitch' && row !== undefined && 'name' in row && this.expected.has(row.name);
  }
}

/** A new interface of something else has the column, too, without anything in it. */
const isOfTunnelEnd = ({ table, before, after, columns }: MirrorChange): boolean =>
  table === 'Interface' &&
  columns.includes('bfd_status') &&
  [before, after].some((row) => row && Object.keys(row.bfd_status).length > 0);
