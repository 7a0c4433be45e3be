/** The database's side: rows of the mirror to what the core observes, and the core's changes to operations of one transaction. */
import {
  addBridge,
  addPort,
  removeBridge,
  removeControllers,
  removePort,
  setColumns,
  setKeys,
  setRootKeys,
  unsetKeys,
  unsetRootKeys,
  type BridgeRow,
  type InterfaceRow,
  type MirrorChange,
  type Operation,
  type OvsdbMirror,
  type PortRow,
} from '@plumbline/ovsdb';
import {
  ADOPTED_KEY,
  BR_INT,
  BR_TUN,
  type DeviceFault,
  MARK_KEY,
  ObservedBridge,
  ObservedPort,
  ObservedSwitch,
  SwitchChange,
  TAG_KEY,
  type TunnelEnd,
  UPLINKS_KEY,
} from '@plumbline/ovs-core';

/** What the driver needs of a mirror: OvsdbMirror, or the fake. */
export type SwitchRows = Pick<
  OvsdbMirror,
  | 'root'
  | 'inSync'
  | 'bridges'
  | 'bridge'
  | 'port'
  | 'portsOf'
  | 'interfacesOf'
  | 'portOf'
  | 'bridgeOf'
  | 'onChange'
  | 'commit'
>;

/** Columns that are part of what is observed; the others hold counters and values that the switch writes back. */
export const OBSERVED_COLUMNS: Readonly<Record<MirrorChange['table'], readonly string[]>> = {
  Open_vSwitch: ['external_ids'],
  Bridge: ['name', 'ports', 'fail_mode', 'datapath_type', 'external_ids', 'controller', 'protocols'],
  Port: ['name', 'tag', 'interfaces', 'external_ids', 'trunks', 'vlan_mode'],
  Interface: [
    ...['name', 'type', 'options', 'ofport', 'external_ids', 'error', 'ifindex', 'admin_state', 'bfd'],
    ...['link_state'],
  ],
};

/** Columns that only say something of an interface with a device of the kernel. */
const OF_DEVICES = ['ifindex', 'admin_state'];
const hasDevice = ({ type }: InterfaceRow): boolean => type === '' || type === 'system';
/** Made by the switch itself for a port of the API. */
const isPluggedInternal = ({ type, external_ids }: InterfaceRow): boolean =>
  type === 'internal' && external_ids['iface-id'] !== undefined;
/** Types of interfaces that may be an uplink: devices of the kernel, and those that the switch drives by itself (DPDK, AF_XDP). */
const canBeUplink = ({ type, external_ids }: InterfaceRow): boolean =>
  /^(?:system|dpdk|afxdp(?:-nonpmd)?)?$/.test(type) && external_ids['iface-id'] === undefined;

/** Whether a change is one of what is observed. */
export function isObserved(change: MirrorChange): boolean {
  const columns = change.columns.filter((column) => OBSERVED_COLUMNS[change.table].includes(column));
  if (change.table !== 'Interface') return columns.length > 0;
  const row = change.after ?? change.before;
  if (row === undefined) return columns.length > 0;
  // A guest may have no carrier, and it comes and goes as it boots.
  return columns.some((column) =>
    column === 'link_state'
      ? canBeUplink(row)
      : !OF_DEVICES.includes(column) || hasDevice(row) || isPluggedInternal(row),
  );
}

/**
 * The switch as the core sees it, made of rows once and kept. What did not change stays the same object: a bridge, its map of ports, a port; so a caller that
 * compares two observations looks only at what is another object, and observing again costs nothing.
 */
export class SwitchImage {
  private image: ObservedSwitch | null = null;
  private stale = false;
  /** Interface -> its port number, and the index of the device that the switch opened for it. */
  private readonly opened = new Map<string, Readonly<{ ofport: number | null; ifindex: number }>>();
  /** Interfaces of guests that leave checksums to the switch, with their port numbers then. */
  private offloads: ReadonlyMap<string, number> = new Map();
  private readonly stopListening: () => void;

  /** Make it before anything else listens to the rows: so it is up to date when the other listeners are called. */
  constructor(private readonly rows: SwitchRows) {
    this.stopListening = rows.onChange((changes) => {
      this.stale ||= changes.length === 0 || changes.some(isObserved);
      // A device that was away is another one for the switch, also when it comes back with the index it had.
      for (const { table, after } of changes)
        if (table === 'Interface' && after?.ifindex === 0)
          this.opened.set(after.name, { ofport: after.ofport, ifindex: 0 });
    });
  }

  close(): void {
    this.stopListening();
  }

  /** The switch process ended: it opens every device anew. */
  forgetDevices(): void {
    this.opened.clear();
  }

  /** Which interfaces of guests leave checksums to the switch, with their port numbers: the rows do not say so. An interface that is opened anew is another one. */
  noteOffloads(found: ReadonlyMap<string, number>): void {
    this.stale ||=
      found.size !== this.offloads.size || [...found].some(([name, ofport]) => this.offloads.get(name) !== ofport);
    this.offloads = found;
  }

  /**
   * The userspace datapath holds a device by its index. When the device is gone and another has its name, the port stays as it was, and is dead; the kernel's
   * datapath gives such a port up by itself. Known of a port: the index that its device had when it was first seen with its number.
   *
   * The device of an internal port is made by the switch in its own namespace, again when it is restarted: there it has an index, and it is set down until somebody
   * uses it. Of one that was moved to another namespace the switch knows neither: the index is 0, and that is as it should be.
   */
  private deviceOf(row: InterfaceRow, datapathType: string): ObservedPort['device'] {
    if (isPluggedInternal(row))
      return (row.ofport ?? -1) > 0 && (row.ifindex ?? 0) > 0 && row.admin_state === 'down' ? 'unplaced' : undefined;
    if (!hasDevice(row) || row.ifindex === null || !((row.ofport ?? -1) > 0)) return undefined;
    const opened = this.opened.get(row.name);
    if (opened?.ofport !== row.ofport) this.opened.set(row.name, { ofport: row.ofport, ifindex: row.ifindex });
    else if (row.ifindex !== 0 && opened?.ifindex !== row.ifindex && datapathType === 'netdev') return 'replaced';
    if (row.ifindex === 0) return 'gone';
    return row.admin_state === 'down' ? 'down' : undefined;
  }

  observe(): ObservedSwitch {
    if (this.image && !this.stale) return this.image;
    const before = this.image;
    const bridges = new Map<string, ObservedBridge>();
    for (const row of this.rows.bridges()) bridges.set(row.name, this.bridge(row, before?.get(row.name)));
    this.stale = false;
    const same = before?.size === bridges.size && [...bridges].every(([name, bridge]) => before.get(name) === bridge);
    this.image = same ? before : bridges;
    return this.image;
  }

  private faultOf(row: InterfaceRow, datapathType: string): DeviceFault[] {
    const device = row.name;
    if (row.error !== null || row.ofport === -1)
      return [{ device, fault: 'error', ...(row.error !== null && { error: row.error }) }];
    const fault = this.deviceOf(row, datapathType);
    if (fault !== undefined && fault !== 'unplaced') return [{ device, fault }];
    if (row.admin_state === 'down') return [{ device, fault: 'down' }];
    return row.link_state === 'down' ? [{ device, fault: 'no-carrier' }] : [];
  }

  /** Of a port that may lead out of the machine: our bridges have only what we know, and instances. */
  private uplinkOf(port: PortRow, { name, datapath_type }: BridgeRow): ObservedPort['uplink'] {
    if (name === BR_INT || name === BR_TUN || port.external_ids[MARK_KEY] !== undefined) return undefined;
    const interfaces = this.rows.interfacesOf(port);
    if (interfaces.length === 0 || !interfaces.every(canBeUplink)) return undefined;
    // In the order of names: the rows of a bond are in none, and what is said of them must not change.
    const sorted = [...interfaces].sort((a, b) => (a.name < b.name ? -1 : 1));
    return { devices: sorted.length, faults: sorted.flatMap((row) => this.faultOf(row, datapath_type)) };
  }

  private port(port: PortRow, row: BridgeRow): ObservedPort {
    const { name: bridge, datapath_type } = row;
    const interfaces = this.rows.interfacesOf(port);
    const plugged = interfaces.find((one) => one.external_ids['iface-id'] !== undefined) ?? interfaces[0];
    const uplink = this.uplinkOf(port, row);
    const device = plugged && !uplink && this.deviceOf(plugged, datapath_type);
    const ofport = openedPort(plugged);
    return {
      name: port.name,
      bridge,
      tag: port.tag,
      mark: positionIn(port.external_ids[MARK_KEY]),
      tagMark: positionIn(port.external_ids[TAG_KEY]),
      ifaceId: plugged?.external_ids['iface-id'] ?? null,
      type: plugged?.type ?? '',
      options: plugged?.options ?? {},
      ofport,
      error: plugged?.error ?? null,
      ...(device && { device }),
      ...(ofport !== null && this.offloads.get(port.name) === ofport && { leavesChecksums: true as const }),
      ...(uplink && { uplink }),
      ...((port.trunks.length > 0 || (port.vlan_mode ?? 'access') !== 'access') && { trunk: true as const }),
      ...(plugged?.bfd?.['enable'] === 'true' && { bfd: true as const }),
    };
  }

  private knownUplinks(): Readonly<Record<string, string>> | undefined {
    const keys = Object.entries(this.rows.root?.external_ids ?? {}).filter(([key]) => key.startsWith(UPLINKS_KEY));
    if (keys.length === 0) return undefined;
    return Object.fromEntries(keys.map(([key, uplinks]) => [key.slice(UPLINKS_KEY.length), uplinks]));
  }

  private bridge(row: BridgeRow, before: ObservedBridge | undefined): ObservedBridge {
    const ports = new Map<string, ObservedPort>();
    let same = true;
    for (const port of this.rows.portsOf(row)) {
      const was = before?.ports.get(port.name);
      const now = this.port(port, row);
      const kept = was && samePort(was, now) ? was : now;
      same &&= kept === was;
      ports.set(port.name, kept);
    }
    same &&= before?.ports.size === ports.size;
    const noted = row.name === BR_INT ? this.knownUplinks() : undefined;
    const knownUplinks = sameOptions(noted ?? {}, before?.knownUplinks ?? {}) ? before?.knownUplinks : noted;
    const now: ObservedBridge = {
      name: row.name,
      datapathType: row.datapath_type || 'system',
      failMode: row.fail_mode,
      mark: positionIn(row.external_ids[MARK_KEY]),
      adopted: row.external_ids[ADOPTED_KEY] !== undefined,
      ...(isSteered(row) && { steered: true as const }),
      ...(knownUplinks && { knownUplinks }),
      ports: same && before ? before.ports : ports,
    };
    const unchanged =
      before !== undefined &&
      same &&
      before.datapathType === now.datapathType &&
      before.failMode === now.failMode &&
      before.mark === now.mark &&
      before.adopted === now.adopted &&
      before.knownUplinks === now.knownUplinks &&
      before.steered === now.steered;
    return unchanged ? before : now;
  }
}

const isSteered = ({ controller, protocols }: BridgeRow): boolean =>
  controller.length > 0 || (protocols.length > 0 && !protocols.includes('OpenFlow14'));

function samePort(a: ObservedPort, b: ObservedPort): boolean {
  return (
    a.tag === b.tag &&
    a.mark === b.mark &&
    a.tagMark === b.tagMark &&
    a.ifaceId === b.ifaceId &&
    a.type === b.type &&
    a.ofport === b.ofport &&
    a.error === b.error &&
    a.device === b.device &&
    a.leavesChecksums === b.leavesChecksums &&
    sameUplink(a.uplink, b.uplink) &&
    a.bfd === b.bfd &&
    a.trunk === b.trunk &&
    sameOptions(a.options, b.options)
  );
}

const sameUplink = (a: ObservedPort['uplink'], b: ObservedPort['uplink']): boolean =>
  a === b ||
  (a?.devices === b?.devices &&
    a?.faults.length === b?.faults.length &&
    (a?.faults ?? []).every((fault, at) => {
      const other = b?.faults[at];
      return fault.device === other?.device && fault.fault === other.fault && fault.error === other.error;
    }));

function sameOptions(a: ObservedPort['options'], b: ObservedPort['options']): boolean {
  if (a === b) return true;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

const openedPort = (row: InterfaceRow | undefined): number | null =>
  row && row.ofport !== null && row.ofport > 0 ? row.ofport : null;

/** A mark that is no number counts as ours too, with position -1. */
function positionIn(mark: string | undefined): number | null {
  if (mark === undefined) return null;
  return /^\d{1,15}$/.test(mark) ? Number(mark) : -1;
}

const NO_TRUNK = { vlan_mode: null, trunks: [] } as const;

/** As ovs-vswitchd.conf.db(5) has it; the intervals are the switch's own, a packet a second. */
const BFD = { enable: 'true' };

/** What the switch says of the far ends of the tunnel ports that have our mark. */
export function tunnelEnds(rows: SwitchRows): TunnelEnd[] {
  const bridge = rows.bridge(BR_TUN);
  return (bridge ? rows.portsOf(bridge) : []).flatMap((port) => {
    const [row] = rows.interfacesOf(port);
    if (row?.type !== 'vxlan' || port.external_ids[MARK_KEY] === undefined) return [];
    const { state, remote_state, flap_count = '0' } = row.bfd_status;
    return {
      remoteIp: row.options['remote_ip'] ?? '',
      localIp: row.options['local_ip'] ?? '',
      up: state === 'up',
      wasUp: Number(flap_count) > 0,
      switchedOff: remote_state === 'admin_down',
    };
  });
}

/** All changes as the operations of one transaction. What is to be removed and is gone already needs none. */
export const operationsFor = (changes: readonly SwitchChange[], rows: SwitchRows): Operation[] =>
  changes.flatMap((change) => operations(change, rows));

function operations(change: SwitchChange, rows: SwitchRows): readonly Operation[] {
  switch (change.op) {
    case 'add-bridge': {
      const { name, datapathType, position } = change.want;
      const external_ids = { [MARK_KEY]: String(position) };
      return addBridge({ name, bridge: { datapath_type: datapathType, fail_mode: 'secure', external_ids } });
    }
    case 'set-bridge': {
      const { name, position } = change.want;
      const { failMode, datapathType, unsteer } = change;
      return [
        ...setKeys('Bridge', name, 'external_ids', {
          [MARK_KEY]: String(position),
          ...(change.adopt ? { [ADOPTED_KEY]: 'true' } : {}),
        }),
        ...(failMode === null ? [] : setColumns('Bridge', name, { fail_mode: failMode })),
        ...(datapathType === null ? [] : setColumns('Bridge', name, { datapath_type: datapathType })),
        ...(unsteer ? [...removeControllers(name), ...setColumns('Bridge', name, { protocols: [] })] : []),
      ];
    }
    case 'add-port': {
      const { bridge, name, type, options, position, bfd } = change.want;
      const port = { external_ids: { [MARK_KEY]: String(position) } };
      return addPort({ bridge, name, port, interface: { type, options, ...(bfd && { bfd: BFD }) } });
    }
    case 'set-port': {
      const { name, type, options, position, bfd } = change.want;
      return [
        ...setColumns('Interface', name, { type, options }),
        ...(bfd ? setKeys('Interface', name, 'bfd', BFD) : []),
        ...setColumns('Port', name, { tag: null, ...NO_TRUNK }),
        ...setKeys('Port', name, 'external_ids', { [MARK_KEY]: String(position) }),
      ];
    }
    case 'set-tag': {
      const { name, tag, position } = change.want;
      return [
        ...setColumns('Port', name, { tag, ...NO_TRUNK }),
        ...setKeys('Port', name, 'external_ids', { [TAG_KEY]: String(position) }),
      ];
    }
    case 'note-uplinks':
      return setRootKeys('external_ids', { [`${UPLINKS_KEY}${change.want.bridge}`]: change.want.uplinks });
    case 'forget-uplinks':
      return unsetRootKeys('external_ids', [`${UPLINKS_KEY}${change.bridge}`]);
    case 'reopen':
      return setColumns('Interface', change.want.name, { ofport_request: change.ofport });
    case 'delete-port': {
      const row = rows.port(change.name);
      return row ? removePort(change.bridge, row.uuid) : [];
    }
    case 'delete-bridge': {
      const row = rows.bridge(change.bridge);
      return row ? removeBridge(row.uuid) : [];
    }
    case 'release-bridge':
      return rows.bridge(change.bridge)
        ? unsetKeys('Bridge', change.bridge, 'external_ids', [MARK_KEY, ADOPTED_KEY])
        : [];
  }
}

/** What is written once the switch has carried out the changes: a port number was asked for only so that the switch opens the device anew. */
export const operationsAfter = (changes: readonly SwitchChange[], rows: SwitchRows): Operation[] =>
  changes.flatMap((change) => {
    if (change.op !== 'reopen') return [];
    const port = rows.port(change.want.name);
    const asked = (port && rows.interfacesOf(port)[0]?.ofport_request) ?? null;
    return setColumns('Interface', change.want.name, { ofport_request: asked === change.ofport ? null : asked });
  });

/** Names of bridges and ports that a change writes to: when their rows change, that was us. */
export function namesIn(change: SwitchChange): readonly string[] {
  switch (change.op) {
    case 'add-bridge':
    case 'set-bridge':
      return [change.want.name];
    case 'add-port':
    case 'set-port':
    case 'set-tag':
    case 'reopen':
      return [change.want.bridge, change.want.name];
    case 'note-uplinks':
    case 'forget-uplinks':
      return [];
    case 'delete-port':
      return [change.bridge, change.name];
    default:
      return [change.bridge];
  }
}
