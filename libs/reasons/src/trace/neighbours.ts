/** Who answers for an address on a network, by the log. Pure. */
import { DEVICE_OWNER, cidrContains, isRouterPort, type Network, type Port, type Subnet } from '@plumbline/contracts';
import { hostOfPort, serversOf } from '../doctor/scene.js';
import type { Objects } from '../doctor/subject.js';

/** Where instances ask who they are. */
export const METADATA: readonly string[] = ['169.254.169.254', 'fe80::a9fe:a9fe'];

/** The port whose MAC answers: an instance's, a router's, a server's of ours. A floating IP, and a forwarded address, are answered by their router's port. */
export function holderOf(objects: Objects, network: Network, address: string): Port | null {
  const gatewayPort = (routerId: string): Port | undefined => {
    const gateway = objects.get('router', routerId)?.gateway;
    return gateway ? objects.get('port', gateway.portId) : undefined;
  };
  for (const floatingIp of objects.find('floatingip', `address/${network.id}/${address}`)) {
    const forwarded = objects.find('portforwarding', `floatingip/${floatingIp.id}`)[0]?.routerId;
    const routerId = floatingIp.association?.routerId ?? forwarded;
    return (routerId !== undefined && gatewayPort(routerId)) || null;
  }
  const fixed = objects
    .find('port', `address/${network.id}/${address}`)
    .filter(({ deviceOwner }) => deviceOwner !== DEVICE_OWNER.floatingIp);
  const bound = fixed.find((port) => hostOfPort(objects, port) !== '');
  if (bound) return bound;
  const paired = objects
    .find('port', `network/${network.id}`)
    .find(
      (port) =>
        port.binding.host !== '' &&
        port.allowedAddressPairs.some(({ ipAddress }) =>
          ipAddress.includes('/') ? cidrContains(ipAddress, address) : ipAddress === address,
        ),
    );
  return paired ?? fixed[0] ?? null;
}

/** Whom the instance asks for by ARP or ND for this destination, by what its subnet says; null: nobody, it has no way there. */
export function nextHopOf(objects: Objects, port: Port, source: string, destination: string): string | null {
  const subnet = subnetOf(objects, port, source);
  if (!subnet || cidrContains(subnet.cidr, destination)) return destination;
  const routes = subnet.hostRoutes
    .filter((route) => cidrContains(route.destination, destination))
    .sort((a, b) => lengthOf(b.destination) - lengthOf(a.destination));
  const [route] = routes;
  if (route) return route.nexthop;
  const server = METADATA.includes(destination) && !hasRouter(objects, subnet) ? serverIn(objects, subnet) : null;
  return server ?? subnet.gatewayIp;
}

const lengthOf = (cidr: string): number => Number(cidr.split('/')[1]);

export const subnetOf = (objects: Objects, { fixedIps }: Port, address: string): Subnet | undefined => {
  const fixed = fixedIps.find(({ ipAddress }) => ipAddress === address);
  return fixed && objects.get('subnet', fixed.subnetId);
};

const hasRouter = (objects: Objects, { networkId, gatewayIp }: Subnet): boolean =>
  gatewayIp !== null && objects.find('port', `address/${networkId}/${gatewayIp}`).some(isRouterPort);

/** A server of ours answers metadata where no router does (the route of DHCP's option 121). */
const serverIn = (objects: Objects, { id, networkId }: Subnet): string | null =>
  serversOf(objects, networkId)
    .flatMap(({ fixedIps }) => fixedIps)
    .find(({ subnetId }) => subnetId === id)?.ipAddress ?? null;

export { hostOfPort };
