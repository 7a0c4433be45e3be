import type { ColumnType, ValueOf } from './values.js';

/** The database of Open vSwitch. */
export const vswitchDatabase = 'Open_vSwitch';

/** The columns we know of ovs-vswitchd.conf.db(5), by their names there. Counters and statistics are left out on purpose. */
export const vswitchTables = {
  Open_vSwitch: {
    bridges: 'uuid*',
    external_ids: 'map',
    other_config: 'map',
    next_cfg: 'integer',
    cur_cfg: 'integer',
    ovs_version: 'string?',
    db_version: 'string?',
    datapath_types: 'string*',
    iface_types: 'string*',
  },
  Bridge: {
    name: 'string',
    ports: 'uuid*',
    fail_mode: 'string?',
    datapath_type: 'string',
    datapath_id: 'string?',
    protocols: 'string*',
    controller: 'uuid*',
    mcast_snooping_enable: 'boolean',
    external_ids: 'map',
    other_config: 'map',
  },
  Port: {
    name: 'string',
    interfaces: 'uuid*',
    tag: 'integer?',
    trunks: 'integer*',
    vlan_mode: 'string?',
    external_ids: 'map',
    other_config: 'map',
  },
  Interface: {
    name: 'string',
    type: 'string',
    options: 'map',
    mac: 'string?',
    mac_in_use: 'string?',
    mtu: 'integer?',
    mtu_request: 'integer?',
    ofport: 'integer?',
    ofport_request: 'integer?',
    ifindex: 'integer?',
    admin_state: 'string?',
    link_state: 'string?',
    error: 'string?',
    bfd: 'map',
    bfd_status: 'map',
    external_ids: 'map',
    other_config: 'map',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ColumnType>>>>;

/** One of the tables. */
export type VswitchTable = keyof typeof vswitchTables;

type Columns<T extends VswitchTable> = {
  readonly [C in keyof (typeof vswitchTables)[T]]: ValueOf<(typeof vswitchTables)[T][C]>;
};

/** A row with its uuid. Sets are sorted, absent values null. */
export type VswitchRow<T extends VswitchTable> = Columns<T> & { readonly uuid: string };
/** The one row of the whole. */
export type OpenVswitchRow = VswitchRow<'Open_vSwitch'>;
/** A bridge; `ports` are uuids. */
export type BridgeRow = VswitchRow<'Bridge'>;
/** A port; `interfaces` are uuids. */
export type PortRow = VswitchRow<'Port'>;
/** An interface; `ofport` is null until ovs-vswitchd has looked at it and -1 when it could not be opened (see `error`). */
export type InterfaceRow = VswitchRow<'Interface'>;

type WrittenBySwitch =
  'ofport' | 'ifindex' | 'mac_in_use' | 'mtu' | 'admin_state' | 'link_state' | 'error' | 'bfd_status' | 'datapath_id';

/** The columns a client may set in a table, besides its name and its references. */
export type Settable<T extends VswitchTable> = {
  readonly [
    C in Exclude<
      keyof Columns<T>,
      'name' | 'ports' | 'interfaces' | 'bridges' | 'controller' | 'next_cfg' | 'cur_cfg' | WrittenBySwitch
    >
  ]?: Columns<T>[C];
};

/** The map columns of a table. */
export type MapColumn<T extends VswitchTable> = {
  [C in keyof Columns<T>]: (typeof vswitchTables)[T][C] extends 'map' ? C : never;
}[keyof Columns<T>] &
  string;
