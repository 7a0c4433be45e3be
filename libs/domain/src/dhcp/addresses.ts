/**
 * Addresses of DHCP servers: one in each subnet of their network where DHCP is on, as long as it is on. SLAAC addresses follow from the MAC: like every port, a
 * server has them without asking (allocation.ts). A subnet without a free address is left out: its node says so, and it is tried again with the agents' reports.
 */
import { dhcpServiceOf, DEVICE_OWNER, type FixedIp, type Port, type Subnet } from '@plumbline/contracts';
import { freeAddress, serving } from '../allocation.js';
import type { Draft } from '../draft.js';
import { isAutoAddress } from '../subnets/ipv6.js';

/** The ports of the network's DHCP servers. */
export const serversOf = (draft: Pick<Draft, 'find'>, networkId: string): Port[] =>
  draft.find('port', `serves/${networkId}`);

const subnetsOf = (draft: Pick<Draft, 'find'>, networkId: string): Subnet[] =>
  draft.find('subnet', `network/${networkId}`);

/** Whether there is anything to serve. */
export const wantsDhcp = (draft: Pick<Draft, 'find'>, networkId: string): boolean =>
  subnetsOf(draft, networkId).some((subnet) => dhcpServiceOf(subnet) !== null);

/** Subnets of the network in which a server of it has no address and should have one. */
export const lacking = (draft: Pick<Draft, 'find'>, networkId: string, fixedIps: readonly FixedIp[]): Subnet[] =>
  choosable(draft, networkId).filter(({ id }) => !fixedIps.some(({ subnetId }) => subnetId === id));

const choosable = (draft: Pick<Draft, 'find'>, networkId: string): Subnet[] =>
  serving(
    subnetsOf(draft, networkId).filter((subnet) => dhcpServiceOf(subnet) !== null && !isAutoAddress(subnet)),
    DEVICE_OWNER.dhcp,
  );

/** What a server that has these addresses should have: those that it keeps, and new ones. */
export function serverAddresses(draft: Draft, networkId: string, have: readonly FixedIp[]): FixedIp[] {
  const wanted = choosable(draft, networkId);
  const automatic = subnetsOf(draft, networkId).filter(isAutoAddress);
  const kept = have.filter(({ subnetId }) => [...wanted, ...automatic].some(({ id }) => id === subnetId));
  const chosen = lacking(draft, networkId, kept).flatMap((subnet): FixedIp[] => {
    const ipAddress = freeAddress(draft, subnet);
    return ipAddress === null ? [] : [{ subnetId: subnet.id, ipAddress }];
  });
  return [...kept, ...chosen];
}

/** Gives and takes addresses where that is needed. A server without any stays until the agents' next report (scheduling.ts). */
export function settleServers(draft: Draft, networkId: string): void {
  const servers = serversOf(draft, networkId);
  if (servers.length === 0) return;
  draft.dependOn(`network/${networkId}`);
  for (const { id: portId, fixedIps: have } of servers) {
    const fixedIps = serverAddresses(draft, networkId, have);
    const text = (ips: readonly FixedIp[]): string => ips.map(({ ipAddress }) => ipAddress).join();
    if (text(fixedIps) !== text(have))
      draft.record({ type: 'PortFixedIpsSet', version: 1, data: { portId, networkId, fixedIps } });
  }
}

/** After a command that changed subnets: their networks' servers follow in the same command. */
export function settleDhcp(draft: Draft): void {
  const networks = new Set<string>();
  for (const { before, after } of draft.changes())
    for (const object of [before, after]) if (object?.kind === 'subnet') networks.add(object.networkId);
  for (const id of networks) if (draft.get('network', id)) settleServers(draft, id);
}
