/** The wire outside: the gateway of the external network, and who else has addresses of ours. */
import { type Port, type Router } from '@plumbline/contracts';
import { answered, byAdministrator, check, type Facts, fault, unknown, type Verdict, WELL } from '../check.js';
import { externalSubnetsOf } from './intent.js';
import { NOWHERE, NO_MAC, nameOf } from './names.js';
import { hostOf } from './inside.js';

/** The router's outside port with its first IPv4 address and the gateway of that subnet. */
export function outsideOf(
  router: Router,
  { objects }: Pick<Facts, 'objects'>,
): Readonly<{ port: Port; ip: string; gatewayIp: string | null }> | null {
  const port = router.gateway && objects.get('port', router.gateway.portId);
  const fixed = port?.fixedIps.find(({ ipAddress }) => !ipAddress.includes(':'));
  if (!port || !fixed) return null;
  const subnet = externalSubnetsOf(objects, router).find(({ id }) => id === fixed.subnetId);
  return { port, ip: fixed.ipAddress, gatewayIp: subnet?.gatewayIp ?? null };
}

export const outsideChecks = [
  check({
    id: 'floating-address-free',
    of: 'floatingip',
    needs: ['probe'],
    finds: 'Another machine of the external network has the address of the floating IP, too.',
    mends: 'Take the address from that machine, or keep it out of the allocation pool.',
    whose: 'cloud',
    judge: ({ association, floatingIpAddress }, facts) => {
      const router = association && facts.objects.get('router', association.routerId);
      const outside = router && outsideOf(router, facts);
      const host = router && hostOf(router);
      if (!router || !outside || !host || floatingIpAddress.includes(':')) return null;
      return takenBy(facts, host, router, outside.port, floatingIpAddress);
    },
  }),
  check({
    id: 'router-address-free',
    of: 'router',
    needs: ['probe'],
    finds: "Another machine of the external network has the router's own outside address, too.",
    mends: 'Take the address from that machine, or keep it out of the allocation pool.',
    whose: 'cloud',
    judge: (router, facts) => {
      const host = hostOf(router);
      const outside = outsideOf(router, facts);
      if (host === null || !outside) return null;
      return takenBy(facts, host, router, outside.port, outside.ip);
    },
  }),
  check({
    id: 'outside-gateway-answers',
    of: 'router',
    needs: ['probe'],
    finds:
      'The gateway of the external subnet does not answer ARP on the physical network: it is off, on another VLAN, or has another address.',
    mends: 'Look at that machine and at the cable and VLAN between; or openstack subnet set --gateway ADDRESS SUBNET',
    whose: 'cloud',
    judge: (router, facts) => {
      const host = hostOf(router);
      const outside = outsideOf(router, facts);
      if (host === null || !outside?.gatewayIp) return null;
      const { port, ip, gatewayIp } = outside;
      const given = answered(
        facts.probe(host, {
          place: { in: 'router', routerId: router.id, portId: port.id, gateway: true },
          kind: 'arp',
          from: { mac: port.macAddress, ip },
          to: { mac: NO_MAC, ip: gatewayIp },
          port: 0,
        }),
      );
      if ('verdict' in given) return given.verdict;
      const { told } = given;
      if (told.answered === null) return unknown(`${host} could not ask: ${told.text}`);
      if (told.answered) return WELL;
      return fault(
        `nobody answers for ${gatewayIp}, the gateway of the external network, to router ${nameOf(router)} on ${host}`,
        byAdministrator(
          `look at the machine that has ${gatewayIp}, and at cable and VLAN between it and the uplink of ${host}`,
        ),
      );
    },
  }),
] as const;

/** An ARP probe from the device that has the address: the node itself does not answer it. */
function takenBy(facts: Facts, host: string, router: Router, port: Port, address: string): Verdict {
  const given = answered(
    facts.probe(host, {
      place: { in: 'router', routerId: router.id, portId: port.id, gateway: true },
      kind: 'arp',
      from: { mac: port.macAddress, ip: NOWHERE },
      to: { mac: NO_MAC, ip: address },
      port: 0,
    }),
  );
  if ('verdict' in given) return given.verdict;
  const { told } = given;
  if (told.answered === null) return unknown(`${host} could not ask: ${told.text}`);
  if (!told.answered) return WELL;
  return fault(
    `somebody else answers for ${address}: the machine with the MAC ${told.fromMac} has this address, too`,
    byAdministrator(
      `find ${told.fromMac} on the external network and take ${address} from it, or keep ${address} out of the allocation pool`,
    ),
  );
}
