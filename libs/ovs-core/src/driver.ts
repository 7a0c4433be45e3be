/**
 * The port to a node's Open vSwitch: what can be observed, and the steps. Implemented by libs/ovs-driver (the real switch, and a printing one) and by its
 * fake. Database and flows are observed separately, because flows can only be planned for ports that the switch has opened.
 */
import type { Learned } from './pipeline.js';
import type { Flow, Owner } from './flow.js';

/**
 * Why packets cannot pass a device: the switch could not open it; there is none of its name; it is set down; it has no carrier; there is another of its name, and
 * the switch still holds the one that is gone.
 */
export type DeviceFault = Readonly<{
  device: string;
  fault: 'error' | 'gone' | 'down' | 'no-carrier' | 'replaced';
  /** The switch's own text. */
  error?: string;
}>;

/** A port of any bridge, ours or not. */
export type ObservedPort = Readonly<{
  name: string;
  bridge: string;
  /** Access tag; null: none. */
  tag: number | null;
  /** external_ids:plumb, null when not made by us. */
  mark: number | null;
  /** external_ids:plumb-tag, null when its tag was not set by us. */
  tagMark: number | null;
  /** Interface external_ids:iface-id: which port of the API is plugged here. */
  ifaceId: string | null;
  type: string;
  options: Readonly<Record<string, string>>;
  /** OpenFlow port number; null until the switch has opened the port, and when it cannot. */
  ofport: number | null;
  /** The switch's own error text when it cannot open the port. */
  error: string | null;
  /** It carries VLANs otherwise than by its access tag (vlan_mode, trunks); absent: no. */
  trunk?: true;
  /** It sends and answers BFD; absent: no. */
  bfd?: true;
  /**
   * What is wrong with the device of a plugged interface, though the switch once opened it: there is none of its name; it is set down; there is another of its
   * name, and the switch still holds the one that is gone; it was made by the switch itself (internal), and nobody uses it. Absent: nothing.
   */
  device?: 'gone' | 'down' | 'replaced' | 'unplaced';
  /**
   * It is a guest's, and the guest leaves checksums and the cutting of segments into frames to a switch that does neither (userspace datapath): its TCP stands still,
   * though it answers pings. Absent: no.
   */
  leavesChecksums?: true;
  /** Of a device, or a bond of devices, that somebody put into a bridge other than br-int and that nobody is plugged in by: how many, and what is wrong. */
  uplink?: Readonly<{ devices: number; faults: readonly DeviceFault[] }>;
}>;

export type ObservedBridge = Readonly<{
  name: string;
  datapathType: string;
  failMode: string | null;
  /** external_ids:plumb, null when we never touched it. */
  mark: number | null;
  /** It existed before us. */
  adopted: boolean;
  /** It has an OpenFlow controller, or takes no OpenFlow 1.4; absent: no. */
  steered?: true;
  /** Of br-int: provider bridge -> the uplinks that it had when they were last written down, separated by commas. Absent: nothing is written. */
  knownUplinks?: Readonly<Record<string, string>>;
  ports: ReadonlyMap<string, ObservedPort>;
}>;

/** The database's side of a node: every bridge with its ports. */
export type ObservedSwitch = ReadonlyMap<string, ObservedBridge>;

/** The flows of one bridge: ours, and the keys of the others. */
export type ObservedFlows = Readonly<{
  /** Flow key -> its actions and the position of its event. Without flows that the switch learned. */
  ours: ReadonlyMap<string, Readonly<{ actions: string; position: number }>>;
  /** Keys of flows with another cookie. */
  foreign: ReadonlySet<string>;
  /** Port numbers that flows which the switch learned send to, and that no port has, or another port than when they were learned. */
  lostPorts: ReadonlySet<number>;
}>;

export type BridgeWant = Readonly<{
  name: string;
  datapathType: string;
  /** A provider bridge may belong to somebody else: then only marks and patch ports are ours, and its mode stays. */
  provider: boolean;
  position: number;
  owner: Owner;
}>;

export type PortWant = Readonly<{
  bridge: string;
  name: string;
  type: 'patch' | 'vxlan';
  options: Readonly<Record<string, string>>;
  /** It shall send and answer BFD (RFC 5880). */
  bfd?: true;
  position: number;
  owner: Owner;
}>;

export type TagWant = Readonly<{ bridge: string; name: string; tag: number; position: number; owner: Owner }>;

/** The device of an interface, by its name. */
export type DeviceWant = Readonly<{ bridge: string; name: string; position: number; owner: Owner }>;

export type UplinksWant = Readonly<{ bridge: string; uplinks: string; owner: Owner }>;

/** What the switch says of the far end of a tunnel port, by BFD. */
export type TunnelEnd = Readonly<{
  remoteIp: string;
  /** Of this node; empty: the kernel chooses. */
  localIp: string;
  /** It answers. */
  up: boolean;
  /** It answered at least once since the switch opened the port. */
  wasUp: boolean;
  /** It says itself that it is switched off. */
  switchedOff: boolean;
}>;

/** One change of the database. Everything is found by name; repeating it changes nothing. */
export type SwitchChange =
  | Readonly<{ op: 'add-bridge'; want: BridgeWant }>
  /** Marks of a bridge that is there; and, unless they are null, fail mode and datapath type; `unsteer`: its controllers and its limits to OpenFlow versions go. */
  | Readonly<{
      op: 'set-bridge';
      want: BridgeWant;
      adopt: boolean;
      failMode: 'secure' | null;
      datapathType: string | null;
      unsteer: boolean;
    }>
  | Readonly<{ op: 'add-port'; want: PortWant }>
  | Readonly<{ op: 'set-port'; want: PortWant }>
  | Readonly<{ op: 'set-tag'; want: TagWant }>
  /** The uplinks of a provider bridge are written down. */
  | Readonly<{ op: 'note-uplinks'; want: UplinksWant }>
  | Readonly<{ op: 'forget-uplinks'; bridge: string; owner: Owner }>
  /** The switch opens a device anew. Its port number is `ofport` then, which must be free. */
  | Readonly<{ op: 'reopen'; want: DeviceWant; ofport: number }>
  | Readonly<{ op: 'delete-port'; bridge: string; name: string; owner: Owner }>
  | Readonly<{ op: 'delete-bridge'; bridge: string; owner: Owner }>
  /** Removes our marks from a bridge that existed before us. */
  | Readonly<{ op: 'release-bridge'; bridge: string; owner: Owner }>;

/** A flow to be written, with its actions for the existing ports. */
export type FlowAdd = Readonly<{ key: string; actions: string; position: number; owner: Flow['owner'] }>;

export type OvsStep =
  /** All or nothing, one transaction; true when the switch has carried it out. */
  | Readonly<{ op: 'transact'; changes: readonly SwitchChange[] }>
  /**
   * All or nothing, one bundle: first `remove` (only ours), then `add`; `forget`: learned flows that are removed, of local tags or of single MACs; `forgetPorts`: port
   * numbers, learned flows to which are removed.
   */
  | Readonly<{
      op: 'flows';
      bridge: string;
      remove: readonly string[];
      add: readonly FlowAdd[];
      forget: readonly Learned[];
      forgetPorts: readonly number[];
    }>
  /**
   * The switch takes each frame as if the port of br-int with this number had sent it, now and some times within seconds. A switch that is away takes none, without
   * an error.
   */
  | Readonly<{ op: 'announce'; ports: readonly Readonly<{ ofport: number; frames: readonly Uint8Array[] }>[] }>;

export interface OvsDriver {
  /**
   * Every bridge and port there is. Changes nothing. Throws OvsUnavailable. `fresh` false (default): what the database does not say (`leavesChecksums`) is as it was when
   * it was last asked for.
   */
  observe(options?: Readonly<{ fresh: boolean }>): Promise<ObservedSwitch>;
  /**
   * Flows of these bridges. One that does not exist is absent, and so is one that the switch could not make, while it answers for another. `fresh` false: a copy
   * of what the switch is known to have may be returned. `wanted`: flows by bridge, what is read as it is wanted need not be in memory twice. `filled`: bridges that had no flow of ours when they were read, and were given all by us
   * since: where the switch has as many as were written, the copy is what it has. Throws OvsUnavailable.
   */
  flows(
    bridges: readonly string[],
    options: Readonly<{
      fresh: boolean;
      wanted?: ReadonlyMap<string, readonly Flow[]>;
      filled?: ReadonlySet<string>;
    }>,
  ): Promise<ReadonlyMap<string, ObservedFlows>>;
  /** Makes one step true. Already true is success; half done and then repeated is success. Throws OvsUnavailable when nothing can be done at all. */
  apply(step: OvsStep): Promise<void>;
}

/** Nothing can be done on this switch now: the database or the switch does not answer. */
export class OvsUnavailable extends Error {
  override readonly name = 'OvsUnavailable';
}
