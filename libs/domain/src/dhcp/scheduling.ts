/**
 * Which nodes serve DHCP on a network. A network with a subnet that has DHCP on gets a server on `perNetwork` live hosts that were admitted as network nodes and
 * reach it; the ones that serve the fewest, at random among equals. A server is a port of the network (`Port.servesDhcp`), bound to its host, so that its
 * address, its wiring and what its node must know follow from the log. Which hosts are alive is observed and not in the log, so it is an argument.
 *
 * Networks wait until an agent speaks that may serve them; so those of a log that is older than DHCP get theirs then, and where no agent runs nothing appears.
 * A server whose host is gone moves with its port: same address, same MAC.
 */
import { DEVICE_OWNER, type Network, type Port } from '@plumbline/contracts';
import { chooseMac } from '../allocation.js';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import { networkNotFound } from '../errors.js';
import { refusalOf } from '../nodes/admitted.js';
import { recordPortDeleted } from '../ports/ports.js';
import { reaches } from '../routers/scheduling.js';
import { eui64Address, isAutoAddress } from '../subnets/ipv6.js';
import { lacking, serverAddresses, serversOf, settleServers, wantsDhcp } from './addresses.js';
import { dhcpSchedulingFailed, networkHostedByDhcpAgent, networkNotHostedByDhcpAgent } from './errors.js';

/** `uuid`: of the host's name, as in the device id of its ports. */
export type DhcpHost = Readonly<{ host: string; uuid: string }>;

/** `NO_DHCP`: nobody serves. */
export type DhcpFleet = Readonly<{
  /** Hosts whose DHCP agent is alive and enabled. */
  hosts: readonly DhcpHost[];
  /** Hosts whose servers stay there. Those of others move: their agent is disabled, has been silent for long, or is not known. */
  stays: ReadonlySet<string>;
  /** How many servers a network gets, if there are as many hosts. */
  perNetwork: number;
}>;

export const NO_DHCP: DhcpFleet = { hosts: [], stays: new Set(), perNetwork: 0 };

/** What `find` and `all` need: a topology or a draft. */
type Objects = Pick<Draft, 'find' | 'all'>;

/** Networks for which something can be tried: too few servers, one whose host is gone, one that lacks an address, or any where nothing is to be served. */
export function dhcpPending(objects: Objects, { hosts, stays, perNetwork }: DhcpFleet): Network[] {
  const most = Math.min(perNetwork, hosts.length);
  return objects.all('network').filter(({ id }) => {
    const servers = serversOf(objects, id);
    if (!wantsDhcp(objects, id)) return servers.length > 0;
    if (servers.filter(({ binding }) => stays.has(binding.host)).length < most) return true;
    return servers.some(({ fixedIps }) => lacking(objects, id, fixedIps).length > 0);
  });
}

/** Makes, moves and completes servers of up to `atMost` networks. Networks that no host can serve are skipped. Returns how many networks changed. */
export const scheduleDhcp = (fleet: DhcpFleet, atMost: number): Decide<number> =>
  deciding((draft) => {
    let changed = 0;
    for (const network of dhcpPending(draft, fleet)) {
      if (changed === atMost) break;
      if (serve(draft, network, fleet)) changed += 1;
    }
    return changed;
  });

function serve(draft: Draft, network: Network, fleet: DhcpFleet): boolean {
  const before = draft.changes().length;
  const servers = serversOf(draft, network.id);
  if (!wantsDhcp(draft, network.id)) {
    for (const server of servers) recordPortDeleted(draft, server);
    return servers.length > 0;
  }
  for (const server of servers.filter(({ binding }) => !fleet.stays.has(binding.host))) {
    const to = hostFor(draft, network, fleet);
    if (to) move(draft, server, to);
  }
  settleServers(draft, network.id);
  makeMissing(
    draft,
    network,
    fleet,
    serversOf(draft, network.id).filter(({ binding }) => fleet.stays.has(binding.host)),
  );
  return draft.changes().length > before;
}

function makeMissing(draft: Draft, network: Network, fleet: DhcpFleet, living: readonly Port[]): void {
  for (let missing = fleet.perNetwork - living.length; missing > 0; missing -= 1) {
    const to = hostFor(draft, network, fleet);
    if (!to) break;
    make(draft, network, to);
  }
}

/**
 * Gives the network what it lacks, in the command by which it has come to want DHCP: then it is served at once, and no port of it is older than its servers. What
 * cannot be made now comes with the agents' next report. Servers are moved with reports alone.
 */
export function startServing(draft: Draft, networkId: string, fleet: DhcpFleet): void {
  const network = draft.get('network', networkId);
  if (network && wantsDhcp(draft, networkId)) makeMissing(draft, network, fleet, serversOf(draft, networkId));
}

/** The host with the fewest servers that could have one more of this network; null when there is none. */
function hostFor(draft: Draft, network: Network, { hosts }: DhcpFleet): DhcpHost | null {
  const taken = new Set(serversOf(draft, network.id).map(({ binding }) => binding.host));
  const loads = hosts
    .filter(({ host }) => !taken.has(host) && whyNot(draft, network, host) === null)
    .map((each) => ({ each, load: draft.find('port', `host/${each.host}`).filter((port) => port.servesDhcp).length }));
  const least = Math.min(...loads.map(({ load }) => load));
  const equals = loads.filter(({ load }) => load === least);
  return equals[equals.length > 1 ? draft.context.randomInt(equals.length) : 0]?.each ?? null;
}

function whyNot(draft: Draft, network: Network, host: string): string | null {
  if (!reaches(draft.get('node', host), network)) return `Host ${host} does not reach it.`;
  const reason = refusalOf(draft, host, 'network', network);
  return reason === null ? null : `Nothing new may come to host ${host}: ${reason}.`;
}

const deviceIdOf = ({ uuid }: DhcpHost, networkId: string): string => `dhcp${uuid}-${networkId}`;

function make(draft: Draft, network: Network, to: DhcpHost): void {
  const { id: networkId, projectId } = network;
  const portId = draft.context.newId();
  const macAddress = chooseMac(draft, networkId, null);
  draft.dependOn(`network/${networkId}`);
  const automatic = draft
    .find('subnet', `network/${networkId}`)
    .filter(isAutoAddress)
    .map(({ id, cidr }) => ({ subnetId: id, ipAddress: eui64Address(cidr, macAddress) }));
  draft.record({
    type: 'PortCreated',
    version: 1,
    data: {
      portId,
      networkId,
      projectId,
      name: '',
      description: '',
      adminStateUp: true,
      deviceId: deviceIdOf(to, networkId),
      deviceOwner: DEVICE_OWNER.dhcp,
      portSecurityEnabled: false,
      macAddress,
      fixedIps: serverAddresses(draft, networkId, automatic),
      servesDhcp: true,
    },
  });
  draft.exempt(`port/${portId}`);
  bindTo(draft, portId, networkId, to);
}

function move(draft: Draft, { id: portId, networkId }: Port, to: DhcpHost): void {
  draft.record({
    type: 'PortAttributesSet',
    version: 1,
    data: { portId, set: { deviceId: deviceIdOf(to, networkId) } },
  });
  bindTo(draft, portId, networkId, to);
}

function bindTo(draft: Draft, portId: string, networkId: string, { host }: DhcpHost): void {
  draft.dependOn(`node/${host}`);
  draft.record({ type: 'PortBound', version: 1, data: { portId, networkId, host, vnicType: 'normal', profile: {} } });
}

/** A DHCP agent, as an administrator names it. */
export type DhcpAgent = Readonly<{ id: string } & DhcpHost>;

/** Has the agent serve the network, beside those that do already. */
export const assignDhcp = (networkId: string, agent: DhcpAgent): Decide<void> =>
  deciding((draft) => {
    const network = draft.get('network', networkId);
    if (!network) throw networkNotFound(networkId);
    if (serversOf(draft, networkId).some(({ binding }) => binding.host === agent.host))
      throw networkHostedByDhcpAgent(networkId, agent.id);
    const reason = wantsDhcp(draft, networkId) ? whyNot(draft, network, agent.host) : 'No subnet of it has DHCP.';
    if (reason !== null) throw dhcpSchedulingFailed(networkId, agent.id, reason);
    make(draft, network, agent);
  });

/** Takes the network off the agent, with its port there. If it has fewer servers than it should have then, another agent, or this one, gets it with the next report. */
export const unassignDhcp = (networkId: string, agent: DhcpAgent): Decide<void> =>
  deciding((draft) => {
    if (!draft.get('network', networkId)) throw networkNotFound(networkId);
    const server = serversOf(draft, networkId).find(({ binding }) => binding.host === agent.host);
    if (!server) throw networkNotHostedByDhcpAgent(networkId, agent.id);
    recordPortDeleted(draft, server);
  });
