/**
 * From a host's view to the switch it asks for: a pure, sorted function (invariant 8). Ports come in as they are plugged: who plugs an interface is not
 * ours to say, so the tag of a port exists only while something bears its id.
 *
 * Road not taken: flows by event ("port bound: add these"). The whole is rendered anew each time; 1,000 ports cost some milliseconds.
 */
import { canonicalAddress, isRouterPort, keyOf, Network, Node, ObjectKey, Placement, Port } from '@plumbline/contracts';
import { HostView, objectIn, objectsOf } from '@plumbline/topology';
import type { BridgeWant, ObservedBridge, ObservedPort, ObservedSwitch, PortWant, TagWant } from './driver.js';
import { Flow, Owner, portText } from './flow.js';
import { BR_INT, BR_TUN, DEAD_VLAN, intPatch, PATCH_INT, PATCH_TUN, phyPatch, tunnelName } from './marks.js';
import * as pipeline from './pipeline.js';

/** What the operator said about this node. */
export type OvsNodeConfig = Readonly<{
  /** Physical network -> bridge. */
  bridgeMappings: Readonly<Record<string, string>>;
  /** Tunnel end of this node; null: no VXLAN here. */
  tunnelIp: string | null;
  datapathType: 'system' | 'netdev';
}>;

/** How a port of the view stands before the switch has been asked. */
export type PortPlan = Readonly<{
  port: Port;
  /** The interface that bears its id; null: nothing plugged. */
  device: ObservedPort | null;
  /** Why it cannot be ACTIVE, in words; null: it should be. */
  down: string | null;
  /** True when `down` is a fault that waiting does not mend. */
  fault: boolean;
  /** What must not have failed: the port itself, its network, br-int and the bridge its network leaves by. */
  needs: readonly string[];
}>;

export type Desired = Readonly<{
  bridges: readonly BridgeWant[];
  ports: readonly PortWant[];
  tags: readonly TagWant[];
  /** Bridge -> flows. */
  flows: ReadonlyMap<string, readonly Flow[]>;
  portPlans: readonly PortPlan[];
  refused: readonly Readonly<{ key: string; reason: string }>[];
}>;

/** Where a network of this host meets the world outside br-int. */
type Attachment =
  | Readonly<{ kind: 'provider'; bridge: string }>
  | Readonly<{ kind: 'tunnel' }>
  | Readonly<{ kind: 'none'; why: string }>;

/**
 * `mayRemove` false: the view may be old. An interface whose id it does not know and that is wired keeps its tag; one without any tag is closed all the same.
 */
export function render(
  view: HostView,
  config: OvsNodeConfig,
  observed: ObservedSwitch,
  options: Readonly<{ mayRemove: boolean }>,
): Desired {
  const self = objectIn(view, 'node', view.host);
  const nodeAt = self?.setAt['node'] ?? 0;
  const providers = [...new Set(Object.values(config.bridgeMappings))].sort();
  const bridges: BridgeWant[] = [bridge(BR_INT, '')];
  const ports: PortWant[] = [];
  const flows = new Map<string, Flow[]>([[BR_INT, pipeline.integrationBase(nodeAt)]]);
  const put = (name: string, ...more: Flow[]) => flows.set(name, [...(flows.get(name) ?? []), ...more]);

  function bridge(name: string, owner: Owner): BridgeWant {
    return { name, datapathType: config.datapathType, provider: owner !== '', position: nodeAt, owner };
  }
  const patch = (on: string, name: string, peer: string, owner: Owner) =>
    ports.push({ bridge: on, name, type: 'patch', options: { peer }, position: nodeAt, owner });

  for (const name of providers) {
    const owner: Owner = `bridge/${name}`;
    bridges.push(bridge(name, owner));
    patch(BR_INT, intPatch(name), phyPatch(name), owner);
    patch(name, phyPatch(name), intPatch(name), owner);
    const base = pipeline.providerBase(name, nodeAt);
    put(BR_INT, ...base.integration);
    put(name, ...base.provider);
  }
  if (config.tunnelIp !== null) {
    bridges.push(bridge(BR_TUN, ''));
    patch(BR_INT, PATCH_TUN, PATCH_INT, '');
    patch(BR_TUN, PATCH_INT, PATCH_TUN, '');
    put(BR_TUN, ...pipeline.tunnelBase(nodeAt));
  }

  const peers = new Map<string, Node>();
  const networks = new Map<string, Attachment>();
  for (const placement of objectsOf(view, 'placement')) {
    const here = placement.hosts[view.host];
    const network = objectIn(view, 'network', placement.id);
    if (!here || !network) continue;
    const attachment = attach(network, config);
    networks.set(network.id, attachment);
    const owner = keyOf(network);
    const position = Math.max(network.setAt['network'] ?? 0, placement.setAt[`host:${view.host}`] ?? 0);
    if (attachment.kind === 'provider') {
      const wireVlanId = network.networkType === 'vlan' ? network.segmentationId : null;
      const net = { owner, wireVlanId, localVlanId: here.localVlanId, position };
      const made = pipeline.providerNetwork(attachment.bridge, net);
      put(BR_INT, made.integration);
      put(attachment.bridge, made.provider);
    } else if (attachment.kind === 'tunnel') {
      const ends = tunnelEnds(view, placement, config.tunnelIp);
      for (const node of ends) peers.set(node.id, node);
      const net = {
        owner,
        vni: network.segmentationId ?? 0,
        localVlanId: here.localVlanId,
        tunnels: pipeline.sortedTunnels(ends.map((node) => tunnelName(node.tunnelIp ?? ''))),
        position,
        floodPosition: Math.max(
          position,
          ...Object.values(placement.setAt),
          ...ends.map((node) => node.setAt['node'] ?? 0),
        ),
      };
      put(BR_TUN, ...pipeline.tunnelNetwork(net));
    }
  }
  for (const node of [...peers.values()].sort((a, b) => (a.id < b.id ? -1 : 1)))
    addTunnel(node, config.tunnelIp ?? '', ports, (flow) => put(BR_TUN, flow));

  const wired = wirePorts(view, observed.get(BR_INT), networks, options.mayRemove);
  put(BR_INT, ...wired.flows);
  const refused = [...wired.refused, ...withoutRivals(flows)];
  return { bridges, ports, tags: wired.tags, flows, portPlans: wired.plans, refused };
}

/** Two networks that ask for one entry (the same wire tag, number or local tag) cannot both have it: the first by id has, the other has nothing at all. */
function withoutRivals(flows: Map<string, Flow[]>): { key: string; reason: string }[] {
  const losers = new Map<Owner, string>();
  for (const [bridge, all] of flows) {
    const taken = new Map<string, Flow>();
    for (const flow of all) {
      const key = flow.key;
      const first = taken.get(key);
      if (!first) taken.set(key, flow);
      else if (first.owner !== flow.owner)
        losers.set(
          flow.owner,
          `${first.owner} has the flow "${key}" of ${bridge} already: two networks use one number`,
        );
    }
  }
  if (losers.size > 0)
    for (const [bridge, all] of flows)
      flows.set(
        bridge,
        all.filter((flow) => !losers.has(flow.owner)),
      );
  return [...losers].map(([key, reason]) => ({ key, reason }));
}

function attach(network: Network, config: OvsNodeConfig): Attachment {
  if (network.networkType === 'vxlan')
    return config.tunnelIp === null
      ? { kind: 'none', why: 'this node has no tunnel address: set one in the OVS agent, or use a provider network' }
      : { kind: 'tunnel' };
  const mapped = config.bridgeMappings[network.physicalNetwork ?? ''];
  return mapped === undefined
    ? { kind: 'none', why: `no bridge_mappings entry of this node names physical network ${network.physicalNetwork}` }
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

function addTunnel(node: Node, localIp: string, ports: PortWant[], put: (flow: Flow) => void): void {
  const remoteIp = node.tunnelIp ?? '';
  const name = tunnelName(remoteIp);
  if (ports.some((port) => port.name === name)) return;
  const position = node.setAt['node'] ?? 0;
  const options = {
    df_default: 'true',
    egress_pkt_mark: '0',
    in_key: 'flow',
    local_ip: localIp,
    out_key: 'flow',
    remote_ip: remoteIp,
  };
  ports.push({ bridge: BR_TUN, name, type: 'vxlan', options, position, owner: keyOf(node) });
  put(pipeline.fromTunnel(name, keyOf(node), position));
}

type Wired = { tags: TagWant[]; flows: Flow[]; plans: PortPlan[]; refused: { key: string; reason: string }[] };

function wirePorts(
  view: HostView,
  integration: ObservedBridge | undefined,
  networks: ReadonlyMap<string, Attachment>,
  mayRemove: boolean,
): Wired {
  const wired: Wired = { tags: [], flows: [], plans: [], refused: [] };
  const devices = pluggedDevices(integration);
  const here = new Set<string>();
  for (const port of objectsOf(view, 'port')) {
    if (!isHere(view, port)) continue;
    here.add(port.id);
    const [device = null, ...twins] = devices.get(port.id) ?? [];
    const placement = objectIn(view, 'placement', port.networkId);
    const tag = placement?.hosts[view.host]?.localVlanId;
    const trouble = faultOf(port, tag, networks, device);
    const down =
      trouble ?? (device ? idle(port, device) : 'nothing is plugged: no interface of br-int has its id as iface-id');
    const attachment = networks.get(port.networkId);
    const edge = attachment?.kind === 'provider' ? [`bridge/${attachment.bridge}`] : [];
    const needs = [keyOf(port), `network/${port.networkId}`, `bridge/${BR_INT}`, ...edge];
    wired.plans.push({ port, device, down, fault: trouble !== null, needs });
    for (const twin of twins) {
      close(wired, twin, keyOf(port), 0);
      wired.refused.push({
        key: `interface/${twin.name}`,
        reason: `interfaces ${device?.name} and ${twin.name} both say they are this port; ${twin.name} is closed`,
      });
    }
    if (!device) continue;
    if (trouble !== null || !port.adminStateUp || tag === undefined) {
      close(wired, device, keyOf(port), port.setAt['port'] ?? 0);
      continue;
    }
    const position = Math.max(placement?.setAt[`host:${view.host}`] ?? 0, port.setAt['binding'] ?? 0);
    wired.tags.push({ bridge: BR_INT, name: device.name, tag, position, owner: keyOf(port) });
    if (port.portSecurityEnabled && !port.deviceOwner.startsWith('network:'))
      wired.flows.push(...checksOf(port, device.name));
  }
  for (const [id, found] of [...devices].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (here.has(id)) continue;
    for (const device of found)
      if (mayRemove || device.tag === null || device.tag === DEAD_VLAN) close(wired, device, `port/${id}`, 0);
  }
  return wired;
}

function close(wired: Wired, device: ObservedPort, owner: ObjectKey, position: number): void {
  wired.tags.push({ bridge: BR_INT, name: device.name, tag: DEAD_VLAN, position, owner });
  if (canBeNamed(device.name)) wired.flows.push(pipeline.dead(device.name, owner, position));
}

/** Interfaces of br-int by the port id they bear; of several with one id the one that works comes first, then by name. */
function pluggedDevices(integration: ObservedBridge | undefined): Map<string, ObservedPort[]> {
  const found = new Map<string, ObservedPort[]>();
  const sorted = [...(integration?.ports.values() ?? [])].sort(
    (a, b) => Number(b.ofport !== null) - Number(a.ofport !== null) || (a.name < b.name ? -1 : 1),
  );
  for (const device of sorted)
    if (device.ifaceId !== null) found.set(device.ifaceId, [...(found.get(device.ifaceId) ?? []), device]);
  return found;
}

function isHere(view: HostView, port: Port): boolean {
  if (isRouterPort(port)) return objectIn(view, 'router', port.deviceId)?.host === view.host;
  return port.binding.host === view.host;
}

function faultOf(
  port: Port,
  tag: number | undefined,
  networks: ReadonlyMap<string, Attachment>,
  device: ObservedPort | null,
): string | null {
  const attachment = networks.get(port.networkId);
  if (attachment?.kind === 'none') return attachment.why;
  if (tag === undefined || !attachment) return 'its network has no place on this host';
  if (device && !canBeNamed(device.name))
    return `interface name ${JSON.stringify(device.name)} cannot be written in a flow`;
  return null;
}

function idle(port: Port, device: ObservedPort): string | null {
  if (!port.adminStateUp) return 'its administrative state is down';
  if (device.ofport === null)
    return `the switch has not taken up interface ${device.name}: ${device.error ?? 'not yet'}`;
  return null;
}

function canBeNamed(name: string): boolean {
  try {
    return portText(name) !== '';
  } catch {
    return false;
  }
}

/** An object of a view never changes: its flows are made once and serve every convergence after. */
const checks = new WeakMap<Port, Readonly<{ device: string; flows: readonly Flow[] }>>();

function checksOf(port: Port, device: string): readonly Flow[] {
  const known = checks.get(port);
  if (known?.device === device) return known.flows;
  const flows = pipeline.antiSpoofing(device, identity(port));
  checks.set(port, { device, flows });
  return flows;
}

/** What a port may call itself: its addresses and, for IPv6, the link-local one of its MAC (RFC 4291, appendix A). */
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

export function linkLocal(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((byte) => parseInt(byte, 16));
  const group = (high: number, low: number) => ((high << 8) | low).toString(16);
  return canonicalAddress(`fe80::${group(a ^ 2, b)}:${group(c, 0xff)}:${group(0xfe, d)}:${group(e, f)}`);
}
