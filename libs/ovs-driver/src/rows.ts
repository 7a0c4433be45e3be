/** The database's side: rows of the mirror to what the core observes, and the core's changes to operations of one transaction. */
import {
  addBridge,
  addPort,
  removeBridge,
  removePort,
  setColumns,
  setKeys,
  unsetKeys,
  type InterfaceRow,
  type Operation,
  type OvsdbMirror,
} from '@plumbline/ovsdb';
import {
  ADOPTED_KEY,
  MARK_KEY,
  ObservedBridge,
  ObservedPort,
  ObservedSwitch,
  SwitchChange,
  TAG_KEY,
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

export function observedSwitch(rows: SwitchRows): ObservedSwitch {
  const bridges = new Map<string, ObservedBridge>();
  for (const row of rows.bridges()) {
    const ports = new Map<string, ObservedPort>();
    for (const port of rows.portsOf(row)) {
      const interfaces = rows.interfacesOf(port);
      const plugged = interfaces.find((one) => one.external_ids['iface-id'] !== undefined) ?? interfaces[0];
      ports.set(port.name, {
        name: port.name,
        bridge: row.name,
        tag: port.tag,
        mark: positionIn(port.external_ids[MARK_KEY]),
        tagMark: positionIn(port.external_ids[TAG_KEY]),
        ifaceId: plugged?.external_ids['iface-id'] ?? null,
        type: plugged?.type ?? '',
        options: plugged?.options ?? {},
        ofport: takenUp(plugged),
        error: plugged?.error ?? null,
      });
    }
    bridges.set(row.name, {
      name: row.name,
      datapathType: row.datapath_type || 'system',
      failMode: row.fail_mode,
      mark: positionIn(row.external_ids[MARK_KEY]),
      adopted: row.external_ids[ADOPTED_KEY] !== undefined,
      ports,
    });
  }
  return bridges;
}

const takenUp = (row: InterfaceRow | undefined): number | null =>
  row && row.ofport !== null && row.ofport > 0 ? row.ofport : null;

/** A mark that is no number is one all the same, and of no position. */
function positionIn(mark: string | undefined): number | null {
  if (mark === undefined) return null;
  return /^\d{1,15}$/.test(mark) ? Number(mark) : -1;
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
      const { failMode, datapathType } = change;
      return [
        ...setKeys('Bridge', name, 'external_ids', {
          [MARK_KEY]: String(position),
          ...(change.adopt ? { [ADOPTED_KEY]: 'true' } : {}),
        }),
        ...(failMode === null ? [] : setColumns('Bridge', name, { fail_mode: failMode })),
        ...(datapathType === null ? [] : setColumns('Bridge', name, { datapath_type: datapathType })),
      ];
    }
    case 'add-port': {
      const { bridge, name, type, options, position } = change.want;
      const port = { external_ids: { [MARK_KEY]: String(position) } };
      return addPort({ bridge, name, port, interface: { type, options } });
    }
    case 'set-port': {
      const { name, type, options, position } = change.want;
      return [
        ...setColumns('Interface', name, { type, options }),
        ...setKeys('Port', name, 'external_ids', { [MARK_KEY]: String(position) }),
      ];
    }
    case 'set-tag': {
      const { name, tag, position } = change.want;
      return [
        ...setColumns('Port', name, { tag }),
        ...setKeys('Port', name, 'external_ids', { [TAG_KEY]: String(position) }),
      ];
    }
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

/** Names of bridges and ports that a change writes to: their rows' echo is no news. */
export function namesIn(change: SwitchChange): readonly string[] {
  switch (change.op) {
    case 'add-bridge':
    case 'set-bridge':
      return [change.want.name];
    case 'add-port':
    case 'set-port':
    case 'set-tag':
      return [change.want.bridge, change.want.name];
    case 'delete-port':
      return [change.bridge, change.name];
    default:
      return [change.bridge];
  }
}
