/**
 * Addresses of ports that are added and removed with a subnet. On a subnet with automatic addresses every port except a router interface has an address that
 * follows from its MAC, as long as the subnet exists. All of it is one command; to limit its size, the network must not have more than MOST_PORTS_AT_ONCE ports.
 */
import { DEVICE_OWNER, FixedIp, Port, Subnet } from '@plumbline/contracts';
import { serving } from '../allocation.js';
import type { Draft } from '../draft.js';
import { addressAllocated, subnetInUse } from '../errors.js';
import { disassociatePort } from '../floating-ips/association.js';
import { removeForwardingsTo } from '../port-forwardings/removal.js';
import { isDhcpPort } from './checks.js';
import { tooManyPortsAtOnce } from './errors.js';
import { eui64Address, isAutoAddress } from './ipv6.js';

/** Maximum number of ports that get, or lose, an address with a subnet. */
export const MOST_PORTS_AT_ONCE = 1000;

/** Gives the network's ports their addresses on a new subnet. A port that is created at the same time is a conflict, so none is missed. */
export function giveAutomaticAddresses(draft: Draft, subnet: Subnet): void {
  if (!isAutoAddress(subnet)) return;
  const { networkId } = subnet;
  const all = draft.find('port', `network/${networkId}`);
  const ports = all.filter(
    (port) => port.deviceOwner !== DEVICE_OWNER.routerInterface && serving([subnet], port.deviceOwner).length > 0,
  );
  if (all.length > MOST_PORTS_AT_ONCE) throw tooManyPortsAtOnce(networkId, all.length, MOST_PORTS_AT_ONCE);
  draft.expectOnly(`port/${networkId}/`, all);
  for (const port of ports) {
    const ipAddress = eui64Address(subnet.cidr, port.macAddress);
    if (draft.held(`address/${networkId}/${ipAddress}`)) throw addressAllocated(ipAddress, subnet.id);
    setFixedIps(draft, port, [...port.fixedIps, { subnetId: subnet.id, ipAddress }]);
  }
}

/**
 * Removes a subnet's addresses from ports of DHCP servers and, where addresses are automatic, from all ports except those of routers. Throws SubnetInUse when
 * another port has one; that no port takes one meanwhile is a precondition.
 */
export function takeAddressesBack(draft: Draft, subnet: Subnet): void {
  const { id, networkId } = subnet;
  const ports = draft
    .find('port', `network/${networkId}`)
    .filter(({ fixedIps }) => fixedIps.some((ip) => ip.subnetId === id));
  const keeps = (port: Port) =>
    isAutoAddress(subnet) ? port.deviceOwner === DEVICE_OWNER.routerInterface : !isDhcpPort(port);
  if (ports.some(keeps)) throw subnetInUse(id);
  if (ports.length > MOST_PORTS_AT_ONCE) throw tooManyPortsAtOnce(networkId, ports.length, MOST_PORTS_AT_ONCE);
  for (const port of ports) {
    for (const { ipAddress } of port.fixedIps.filter((ip) => ip.subnetId === id)) {
      disassociatePort(draft, port.id, ipAddress);
      removeForwardingsTo(draft, port.id, ipAddress);
    }
    setFixedIps(
      draft,
      port,
      port.fixedIps.filter((ip) => ip.subnetId !== id),
    );
  }
  draft.expectNone(`allocation/${id}/`);
}

function setFixedIps(draft: Draft, { id: portId, networkId }: Port, fixedIps: FixedIp[]): void {
  draft.record({ type: 'PortFixedIpsSet', version: 1, data: { portId, networkId, fixedIps } });
}
