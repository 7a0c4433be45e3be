/**
 * From a host's view to the wanted state of its switch, unit by unit: pure, sorted functions (invariant 8). wanted.ts keeps their results and calls them again
 * for what changed. Others plug the interfaces (the compute service, the L3 agent), so a port has a tag only while an interface has its id as iface-id.
 *
 *   base            br-int, br-tun and what joins them          bridge/<name>   a provider bridge and its patch ports
 *   network/<id>    its entries at the edge                     node/<id>       the tunnel to a node that shares a VXLAN network
 *   port/<id>       tag and anti-spoofing flows of the interface with its id, or what cuts that interface off
 *   fanout/<id>     with a firewall: what is for many ports of a network       foreign      the operator's own ports
 *   firewall/<flow> with a firewall: one flow of rules (firewall/group-flows.ts)
 *   forwardingentry/<port id>   where a port of a VXLAN network is (forwarding/flows.ts)
 *
 * Road not taken: flows by event ("port bound: add these"). A unit is rendered whole from its objects, whatever happened to them.
 */
import {
  canonicalAddress,
  type Firewall as FirewallKind,
  isRouterPort,
  keyOf,
  Network,
  Node,
  NOT_ACTIVE_HERE,
  ObjectKey,
  own,
  Placement,
  Port,
} from '@plumbline/contracts';
import { HostView, objectIn } from '@plumbline/topology';
import type { BridgeWant, ObservedPort, PortWant, TagWant } from './driver.js';
import { classOf, type PortClass } from './firewall/group-flows.js';
import { identityFlows, sendersOf } from './firewall/identity.js';
import { type Logged, loggingFlows } from './firewall/logging.js';
import type { Numbers } from './firewall/numbers.js';
import { fanout, foreignPort, guardedMac, type LocalPort, trustedPort } from './firewall/switching.js';
import { BRIDGE_CLASS, firewallBase } from './firewall/tables.js';
import { Flow, isFlowPort, Owner } from './flow.js';
import type { TunnelPlace } from './forwarding/flows.js';
import { bridgeOf, switchEnd } from './hybrid/names.js';
import { BR_INT, BR_TUN, DEAD_VLAN, intPatch, PATCH_INT, PATCH_TUN, phyPatch, tunnelName } from './marks.js';
import { linkLocal } from './link-local.js';
import * as pipeline from './pipeline.js';

/** What the operator said about this node. */
export type OvsNodeConfig = Readonly<{
  /** Physical network -> bridge. */
  bridgeMappings: Readonly<Record<string, string>>;
  /** Tunnel end of this node; null: no VXLAN here. */
  tunnelIp: string | null;
  datapathType: 'system' | 'netdev';
  /** Whether the rules of security groups are enforced. Absent: no. */
  firewall?: FirewallKind;
  /** Ports of br-int that are the operator's own: with a firewall, others that we do not know are cut off. */
  foreignPorts?: readonly string[];
}>;

export const enforces = ({ firewall }: OvsNodeConfig): boolean => firewall === 'openflow' || firewall === 'hybrid';

/** Since then a view has the groups, rules and members that its ports need. By an older one every instance would be cut off. */
const RULES_SINCE_CATALOGUE = 4;

/** Whether the node is asked to enforce rules and its view cannot have any, since an older control plane made it. */
export const lacksRules = (view: Pick<HostView, 'catalogue'>, config: OvsNodeConfig): boolean =>
  enforces(config) && view.catalogue < RULES_SINCE_CATALOGUE;

/** What can be done by this view: without rules in it the node carries everything, as with `none`. */
export const possibleWith = (view: Pick<HostView, 'catalogue'>, config: OvsNodeConfig): OvsNodeConfig =>
  lacksRules(view, config) ? { ...config, firewall: 'none' } : config;

/** What the view says of a port, before it is known whether the switch has opened its interface. */
export type PortPlan = Readonly<{
  port: Port;
  /** The interface with its id as iface-id; null: nothing is plugged. */
  device: ObservedPort | null;
  /** Why it cannot be ACTIVE, in words; null: it should be. */
  down: string | null;
  /** True when `down` is a fault that waiting does not mend. */
  fault: boolean;
  /** True when its rules are enforced the way that was this node's before: it is plugged in so. */
  left: boolean;
  /** Owners that must not have failed: the port itself, its network, br-int and the bridge its network leaves by. */
  needs: readonly string[];
}>;

export type Refusal = Readonly<{ key: string; reason: string }>;

/** What is wanted of the switch for one unit. Empty: nothing. */
export type UnitWant = Readonly<{
  bridges: readonly BridgeWant[];
  ports: readonly PortWant[];
  tags: readonly TagWant[];
  flows: readonly Readonly<{ bridge: string; flow: Flow }>[];
  refused: readonly Refusal[];
  portPlan: PortPlan | null;
}>;

/** What rendering a port needs where rules are enforced. */
export type Firewall = Readonly<{
  numbers: Numbers;
  isStateful: (group: string) => boolean;
  /** Instances are to be plugged through a bridge of their own, where their rules are. */
  hybrid: boolean;
  /** Of a port whose rules are, or shall be, on such a bridge; undefined: they are not, or were not looked at yet. */
  guardOf: (portId: string) => Guard | null | undefined;
  /** What is logged of the port; null: nothing. */
  logged: (port: Port) => Logged | null;
}>;

/** What is wrong with the rules on a port's bridge. `holds`: those that were there before are all in force, so that it may stay wired. */
export type Guard = Readonly<{ reason: string; holds: boolean }>;

export type PortRendered = Readonly<{
  want: UnitWant;
  /** Where rules are enforced and the port is wired. */
  local: LocalPort | null;
  /** Whose rules it has; null: none are applied to it. */
  portClass: PortClass | null;
}>;

/** The same, with flows that are worked out when they are first asked for: of hundreds of ports that takes a while, in which the switch can make what `want` has. */
export function withFlows(want: Omit<UnitWant, 'flows'>, make: () => UnitWant['flows']): UnitWant {
  let made: UnitWant['flows'] | null = null;
  return {
    ...want,
    get flows() {
      return (made ??= make());
    },
  };
}

export const NOTHING: UnitWant = { bridges: [], ports: [], tags: [], flows: [], refused: [], portPlan: null };

/** The unit of what everything needs: br-int, br-tun and their first flows. */
export const BASE = 'base';

/** How a network's packets leave this host: by a provider bridge, by tunnels, not at all as is meant (`local`), or not at all because something is missing. */
export type Attachment =
  | Readonly<{ kind: 'provider'; bridge: string }>
  | Readonly<{ kind: 'tunnel' }>
  | Readonly<{ kind: 'local' }>
  | Readonly<{ kind: 'none'; why: string }>;

/** What the ports of a network need to know of it. */
export type NetworkPlace = Readonly<{
  attachment: Attachment | undefined;
  tag: number | undefined;
  placedAt: number;
  /** Position of the event that set the network down; null: it is up. */
  downAt: number | null;
}>;

const at = (bridge: string, ...flows: readonly Flow[]): { bridge: string; flow: Flow }[] =>
  flows.map((flow) => ({ bridge, flow }));

const patch = (on: string, name: string, peer: string, position: number, owner: Owner): PortWant => ({
  bridge: on,
  name,
  type: 'patch',
  options: { peer },
  position,
  owner,
});

export function renderBase(config: OvsNodeConfig, nodeAt: number): UnitWant {
  const { tunnelIp, datapathType } = config;
  const bridge = (name: string): BridgeWant => ({ name, datapathType, provider: false, position: nodeAt, owner: '' });
  const base = enforces(config) ? firewallBase(nodeAt, tunnelIp !== null) : pipeline.integrationBase(nodeAt);
  const integration = at(BR_INT, ...base);
  if (tunnelIp === null) return { ...NOTHING, bridges: [bridge(BR_INT)], flows: integration };
  return {
    ...NOTHING,
    bridges: [bridge(BR_INT), bridge(BR_TUN)],
    ports: [patch(BR_INT, PATCH_TUN, PATCH_INT, nodeAt, ''), patch(BR_TUN, PATCH_INT, PATCH_TUN, nodeAt, '')],
    flows: [...integration, ...at(BR_TUN, ...pipeline.tunnelBase(nodeAt))],
  };
}

/** Bridges of the mappings, sorted. */
export const providersOf = (config: OvsNodeConfig): string[] =>
  [...new Set(Object.values(config.bridgeMappings))].sort();

export function renderProvider({ datapathType }: OvsNodeConfig, name: string, nodeAt: number): UnitWant {
  const owner: Owner = `bridge/${name}`;
  const base = pipeline.providerBase(name, nodeAt);
  return {
    ...NOTHING,
    bridges: [{ name, datapathType, provider: true, position: nodeAt, owner }],
    ports: [
      patch(BR_INT, intPatch(name), phyPatch(name), nodeAt, owner),
      patch(name, phyPatch(name), intPatch(name), nodeAt, owner),
    ],
    flows: [...at(BR_INT, ...base.integration), ...at(name, ...base.provider)],
  };
}

export type NetworkRendered = Readonly<{
  want: UnitWant;
  place: NetworkPlace;
  /** The nodes it has tunnels to. */
  peers: readonly Node[];
  /** What its entries need to know; null: nothing leads to other hosts. */
  tunnels: TunnelPlace | null;
}>;

export function renderNetwork(view: HostView, config: OvsNodeConfig, id: string): NetworkRendered {
  const placement = objectIn(view, 'placement', id);
  const network = objectIn(view, 'network', id);
  const here = placement && own(placement.hosts, view.host);
  const placedAt = placement?.setAt[`host:${view.host}`] ?? 0;
  const attachment = here && network ? attach(network, config) : undefined;
  const downAt = network?.adminStateUp === false ? (network.setAt['network'] ?? 0) : null;
  const place: NetworkPlace = { attachment, tag: here?.localVlanId, placedAt, downAt };
  // A local network is its local VLAN on br-int, which every other bridge drops.
  if (!placement || !network || !here || !attachment || attachment.kind === 'none' || attachment.kind === 'local')
    return { want: NOTHING, place, peers: [], tunnels: null };
  const owner = keyOf(network);
  const position = Math.max(network.setAt['network'] ?? 0, placedAt);
  if (attachment.kind === 'provider') {
    const wireVlanId = network.networkType === 'vlan' ? network.segmentationId : null;
    const net = { owner, wireVlanId, localVlanId: here.localVlanId, position };
    const made = pipeline.providerNetwork(attachment.bridge, net);
    const flows = [...at(BR_INT, made.integration), ...at(attachment.bridge, made.provider)];
    return { want: { ...NOTHING, flows }, place, peers: [], tunnels: null };
  }
  const peers = tunnelEnds(view, placement, config.tunnelIp);
  const ends = peers.map(({ id: host, tunnelIp, setAt }) => ({
    host,
    end: { name: tunnelName(tunnelIp ?? ''), position: setAt['node'] ?? 0 },
  }));
  const tunnels: TunnelPlace = {
    ...{ host: view.host, localVlanId: here.localVlanId, vni: network.segmentationId ?? 0, position },
    tunnels: new Map(ends.map(({ host, end }) => [host, end])),
  };
  const net = {
    owner,
    vni: tunnels.vni,
    localVlanId: here.localVlanId,
    tunnels: pipeline.sortedTunnels(ends.map(({ end }) => end.name)),
    position,
    floodPosition: Math.max(position, ...Object.values(placement.setAt), ...ends.map(({ end }) => end.position)),
  };
  return { want: { ...NOTHING, flows: at(BR_TUN, ...pipeline.tunnelNetwork(net)) }, place, peers, tunnels };
}

function attach(network: Network, config: OvsNodeConfig): Attachment {
  if (network.networkType === 'local') return { kind: 'local' };
  if (network.networkType === 'vxlan')
    return config.tunnelIp === null
      ? {
          kind: 'none',
          why: 'this node has no tunnel address: an operator must set one in the OVS agent, or the port must be on a provider network',
        }
      : { kind: 'tunnel' };
  const mapped = own(config.bridgeMappings, network.physicalNetwork ?? '');
  return mapped === undefined
    ? {
        kind: 'none',
        why: `no bridge_mappings entry of this node names physical network ${network.physicalNetwork}: an operator must add one (plumb node map, or PLUMB_BRIDGE_MAPPINGS of the OVS agent)`,
      }
    : { kind: 'provider', bridge: mapped };
}

/** The other nodes that carry the network and have a tunnel end; two nodes with one address (or ours) would be one tunnel, so the first counts. */
function tunnelEnds(view: HostView, placement: Placement, own: string | null): Node[] {
  const seen = new Set([own]);
  const ends: Node[] = [];
  for (const host of Object.keys(placement.hosts).sort()) {
    const node = objectIn(view, 'node', host);
    if (host === view.host || !node || node.removed || node.tunnelIp === null || seen.has(node.tunnelIp)) continue;
    seen.add(node.tunnelIp);
    ends.push(node);
  }
  return ends;
}

export function renderTunnel(config: OvsNodeConfig, node: Node): UnitWant {
  const remoteIp = node.tunnelIp ?? '';
  const name = tunnelName(remoteIp);
  const position = node.setAt['node'] ?? 0;
  const options = {
    df_default: 'true',
    egress_pkt_mark: '0',
    in_key: 'flow',
    local_ip: config.tunnelIp ?? '',
    out_key: 'flow',
    remote_ip: remoteIp,
  };
  return {
    ...NOTHING,
    ports: [{ bridge: BR_TUN, name, type: 'vxlan', options, bfd: true, position, owner: keyOf(node) }],
    flows: at(BR_TUN, pipeline.fromTunnel(name, keyOf(node), position)),
  };
}

/** Whether a port is this node's: it is bound here, or is a router's that is scheduled here. */
export function isHere(view: HostView, port: Port): boolean {
  if (isRouterPort(port)) return objectIn(view, 'router', port.deviceId)?.host === view.host;
  return port.binding.host === view.host;
}

/** Whether a port has a binding to this node that is not active: it is plugged here before or after it is moved, and nothing of it may pass. */
export const isInactiveHere = (view: HostView, port: Port): boolean =>
  !isRouterPort(port) && !isHere(view, port) && own(port.inactiveBindings, view.host) !== undefined;

/**
 * What is wanted for one port id and the interfaces that have it as iface-id. `devices`: the one that is used comes first. `mayRemove` false: the view may be
 * old. Then an interface that is wired and whose port the view does not have keeps its tag; one without a tag is cut off all the same.
 */
export function renderPort(
  view: HostView,
  id: string,
  devices: readonly ObservedPort[],
  place: NetworkPlace,
  mayRemove: boolean,
  firewall: Firewall | null,
): PortRendered {
  const port = objectIn(view, 'port', id);
  const inactive = port !== undefined && isInactiveHere(view, port);
  // An old view may say of a binding that it is inactive which was activated since: what is wired stays so then, as for a port that it does not have.
  if (!port || !(inactive ? mayRemove : isHere(view, port)))
    return { want: unknownPort(id, devices, mayRemove), local: null, portClass: null };
  const [device = null, ...twins] = devices;
  const owner = keyOf(port);
  const hasBridge = device !== null && device.name === switchEnd(port.id);
  // Where flows judge, one with a bridge is judged there only if its rules are still there.
  const onBridge = hasBridge && firewall !== null && (firewall.hybrid || firewall.guardOf(port.id) !== undefined);
  const guarding = (onBridge && firewall.guardOf(port.id)) || null;
  const trouble =
    faultOf(port, place, device) ?? (device && firewall ? plugFault(port, device, firewall, onBridge) : null);
  const down =
    trouble ??
    guarding?.reason ??
    (device
      ? idle(port, place, device, inactive)
      : 'nothing is plugged: no interface of br-int has its id as iface-id');
  const edge = place.attachment?.kind === 'provider' ? [`bridge/${place.attachment.bridge}`] : [];
  const needs = [owner, `network/${port.networkId}`, `fanout/${port.networkId}`, `bridge/${BR_INT}`, ...edge];
  const left = firewall !== null && device !== null && isSecured(port) && onBridge !== firewall.hybrid;
  const fault = trouble !== null || guarding !== null;
  const portPlan: PortPlan = { port, device, down, fault, left: left && trouble === null, needs };
  const closed = twins.map((twin) => closing(twin, owner, 0));
  const refused = twins.map((twin) => ({
    key: `interface/${twin.name}`,
    reason: `interfaces ${device?.name} and ${twin.name} of br-int both have this port's id as iface-id: ${twin.name} is cut off, an operator must remove one of them`,
  }));
  const shut = inactive || trouble !== null || !port.adminStateUp || place.downAt !== null || place.tag === undefined;
  if (device && shut) {
    const inactiveAt = port.setAt[`binding:${view.host}`] ?? 0;
    closed.push(closing(device, owner, Math.max(port.setAt['port'] ?? 0, place.downAt ?? 0, inactiveAt)));
  }
  const wired = device && closed.length === twins.length && place.tag !== undefined;
  const tags = closed.map(({ tag }) => tag);
  const flows = closed.flatMap(({ flows: drops }) => drops);
  if (wired) {
    const position = Math.max(place.placedAt, port.setAt['binding'] ?? 0);
    tags.push({ bridge: BR_INT, name: device.name, tag: place.tag ?? DEAD_VLAN, position, owner });
    if (firewall) {
      const guarded = guard(port, device, place, position, firewall, onBridge);
      const plugged = { bridges: [], ports: [], tags, refused, portPlan };
      const want = withFlows(plugged, () => at(BR_INT, ...flows, ...guarded.flows()));
      return { want, local: guarded.local, portClass: guarded.portClass };
    }
    if (isSecured(port)) flows.push(...pipeline.antiSpoofing(device.name, identity(port)));
  }
  const want = { ...NOTHING, tags, flows: at(BR_INT, ...flows), refused, portPlan };
  return { want, local: null, portClass: null };
}

export const isSecured = (port: Port): boolean => port.portSecurityEnabled && !port.deviceOwner.startsWith('network:');

/** Why a port is not wired as it is plugged in: its rules would not be enforced. */
function plugFault(port: Port, device: ObservedPort, { hybrid, guardOf }: Firewall, onBridge: boolean): string | null {
  if (onBridge) {
    const guard = guardOf(port.id);
    if (guard === undefined) return `the rules on its bridge ${bridgeOf(port.id)} were not looked at yet`;
    return guard === null || guard.holds ? null : guard.reason;
  }
  // One that is wired stays so until it is plugged in anew: it is from before this node was told to use bridges.
  const wired = device.tagMark !== null && device.tag !== null && device.tag !== DEAD_VLAN;
  if (!hybrid || wired || !isSecured(port)) return null;
  return `its interface ${device.name} is plugged directly into br-int, but this node enforces security groups on a bridge of each instance (PLUMB_FIREWALL=hybrid): whoever plugs it in must do so through ${bridgeOf(port.id)} and ${switchEnd(port.id)}, as binding:vif_details says (ovs_hybrid_plug)`;
}

/** The flows of a wired port where rules are enforced, and what its network and its groups need to know of it. */
function guard(
  port: Port,
  { name: device, ofport }: ObservedPort,
  { tag: localVlanId = DEAD_VLAN }: NetworkPlace,
  position: number,
  { numbers, isStateful, logged }: Firewall,
  onBridge: boolean,
): { flows: () => Flow[]; local: LocalPort; portClass: PortClass | null } {
  const owner = keyOf(port);
  const mac = port.macAddress;
  const base = { portId: port.id, device, position, classKey: '', classNumber: 0, receiver: 0, pairMacs: [], ofport };
  if (!isSecured(port)) {
    const open = !port.deviceOwner.startsWith('network:');
    const at = Math.max(position, port.setAt['port'] ?? 0);
    const flows = () => trustedPort(device, { owner, localVlanId, mac, learns: open, position: at });
    return { flows, local: { ...base, kind: open ? 'open' : 'known' }, portClass: null };
  }
  const portClass = onBridge ? null : classOf(port.securityGroupIds, isStateful);
  const classNumber = portClass ? numbers.of(portClass.key) : BRIDGE_CLASS;
  const receiver = numbers.of(`port/${port.id}`);
  const senders = sendersOf(port);
  const placedAt = Math.max(position, port.setAt['port'] ?? 0, port.setAt['membership'] ?? 0);
  const addressesAt = Math.max(port.setAt['port'] ?? 0, port.setAt['fixedIps'] ?? 0, port.setAt['membership'] ?? 0);
  const at = { owner, position: placedAt };
  // Where the rules are on the port's bridge, no flow knows what they drop.
  const log = onBridge ? null : logged(port);
  const logMade = { owner, position: Math.max(placedAt, log?.position ?? 0) };
  const flows = () => [
    ...identityFlows(device, { owner, localVlanId, classNumber, receiver, senders, placedAt, addressesAt }),
    guardedMac(at, { localVlanId, mac, classNumber, receiver, device }),
    ...(log && portClass
      ? loggingFlows(device, { portId: port.id, receiver, mode: portClass.mode, made: logMade }, log)
      : []),
  ];
  const pairMacs = senders.map((sender) => sender.mac).filter((each) => each !== mac);
  const local = {
    ...base,
    kind: 'guarded' as const,
    classKey: portClass?.key ?? 'bridge',
    classNumber,
    receiver,
    pairMacs,
    position: placedAt,
  };
  return { flows, local, portClass };
}

/** The ports of br-int by which a network leaves this node. */
export const edgeOf = (attachment: Attachment | undefined): string[] =>
  attachment?.kind === 'provider' ? [intPatch(attachment.bridge)] : attachment?.kind === 'tunnel' ? [PATCH_TUN] : [];

export function renderFanout(
  id: string,
  place: NetworkPlace,
  foreign: ReadonlyMap<string, number | null>,
  ports: Iterable<LocalPort>,
  numbers: Numbers,
): UnitWant {
  const { attachment, tag: localVlanId, placedAt: position } = place;
  if (localVlanId === undefined || !attachment || attachment.kind === 'none' || place.downAt !== null) return NOTHING;
  const named = (tag: number | null) => [...foreign].filter(([, its]) => its === tag).map(([name]) => name);
  const edge = [...edgeOf(attachment), ...named(null)];
  const network = { id, localVlanId, edge, foreign: named(localVlanId), position, ports };
  const flows = fanout(network, (classKey) => numbers.of(`fanout/${id}/${classKey}`));
  return { ...NOTHING, flows: at(BR_INT, ...flows) };
}

export const renderForeign = (foreign: ReadonlyMap<string, number | null>, nodeAt: number): UnitWant => ({
  ...NOTHING,
  flows: at(BR_INT, ...[...foreign].map(([name, tag]) => foreignPort(name, tag, { position: nodeAt, owner: '' }))),
});

function unknownPort(id: string, devices: readonly ObservedPort[], mayRemove: boolean): UnitWant {
  const closed = devices
    .filter(({ tag }) => mayRemove || tag === null || tag === DEAD_VLAN)
    .map((device) => closing(device, `port/${id}`, 0));
  if (closed.length === 0) return NOTHING;
  const flows = closed.flatMap(({ flows: drops }) => drops);
  return { ...NOTHING, tags: closed.map(({ tag }) => tag), flows: at(BR_INT, ...flows) };
}

function closing(device: ObservedPort, owner: ObjectKey, position: number): { tag: TagWant; flows: Flow[] } {
  return {
    tag: { bridge: BR_INT, name: device.name, tag: DEAD_VLAN, position, owner },
    flows: isFlowPort(device.name) ? [pipeline.dead(device.name, owner, position)] : [],
  };
}

/** Of several interfaces with one id the one that works comes first, then by name. */
export const byUse = (a: ObservedPort, b: ObservedPort): number =>
  Number(works(b)) - Number(works(a)) || (a.name < b.name ? -1 : 1);
const works = ({ ofport, device }: ObservedPort): boolean => ofport !== null && device !== 'gone';

/** Why nothing passes an interface though the switch has its port; undefined: it should pass. */
export function deviceTrouble({ name, device }: ObservedPort): string | undefined {
  switch (device) {
    case undefined:
      return undefined;
    case 'gone':
      return `the device of interface ${name} is gone from this node: whoever plugged it in must make it again, and the port is wired again then`;
    case 'down':
      return `the device of interface ${name} is set down: whoever did so must set it up (ip link set ${name} up)`;
    case 'unplaced':
      return `the device of interface ${name} is in the switch's own namespace and set down, where the switch makes it anew each time it starts: whoever plugged it in must move it to where it is used, in place of one of that name that is dead there, and set it up`;
    case 'replaced':
      return `the device of interface ${name} was made anew, and the switch still holds the one that is gone: an operator must plug it in anew (ovs-vsctl del-port ${name}, then add-port)`;
  }
}

function faultOf(port: Port, { attachment, tag }: NetworkPlace, device: ObservedPort | null): string | null {
  if (attachment?.kind === 'none') return attachment.why;
  if (tag === undefined || !attachment)
    return 'its network has no local VLAN on this host, which the API assigns when it binds the port: if this stays, an operator must look at the API';
  if (device && !isFlowPort(device.name))
    return `its interface is called ${JSON.stringify(device.name)}, which cannot be written in a flow: whoever plugs it must give it another name (ovs-fields(7), in_port)`;
  return null;
}

function idle(port: Port, { downAt }: NetworkPlace, device: ObservedPort, inactive: boolean): string | null {
  if (inactive) return NOT_ACTIVE_HERE;
  if (!port.adminStateUp) return 'its administrative state is down';
  if (downAt !== null) return "its network's administrative state is down";
  if (device.error !== null) return `the switch cannot open interface ${device.name}: ${device.error}`;
  if (device.ofport === null) return `the switch has not opened interface ${device.name} yet`;
  return null;
}

/** What a port may use as its source: its addresses and, for IPv6, the link-local one of its MAC (RFC 4291, appendix A). */
function identity(port: Port): Parameters<typeof pipeline.antiSpoofing>[1] {
  const addresses = [...new Set(port.fixedIps.map((ip) => canonicalAddress(ip.ipAddress)))].sort();
  return {
    owner: keyOf(port),
    mac: port.macAddress,
    ipv4: addresses.filter((ip) => !ip.includes(':')),
    ipv6: [...new Set([linkLocal(port.macAddress), ...addresses.filter((ip) => ip.includes(':'))])].sort(),
    placedAt: Math.max(port.setAt['binding'] ?? 0, port.setAt['port'] ?? 0),
    macAt: port.setAt['port'] ?? 0,
    addressesAt: port.setAt['fixedIps'] ?? 0,
  };
}
