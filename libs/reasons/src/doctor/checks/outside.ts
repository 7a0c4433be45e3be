/** The wire outside: the gateway of the external network, and who else has addresses of ours. */
import { type Port, type Probe, type Router } from '@plumbline/contracts';
import { byAdministrator, check, type Facts, fault, type Verdict, WELL } from '../check.js';
import { asked, isAnswer } from './asking.js';
import { externalSubnetsOf } from './intent.js';
import { NOWHERE, nameOf } from './names.js';
import { hostOf } from './inside.js';
import { isIpv6, neighbourProbe } from './neighbour.js';

type Outside = Readonly<{ port: Port; ip: string; gatewayIp: string | null }>;

/** The router's outside port with its first IPv4 address and the gateway of that subnet. */
export const outsideOf = (router: Router, { objects }: Pick<Facts, 'objects'>): Outside | null =>
  outsidesOf(router, { objects }).find(({ ip }) => !isIpv6(ip)) ?? null;

/** The same of each address that it has outside. */
function outsidesOf(router: Router, { objects }: Pick<Facts, 'objects'>): readonly Outside[] {
  const port = router.gateway && objects.get('port', router.gateway.portId);
  if (!port) return [];
  const subnets = externalSubnetsOf(objects, router);
  return port.fixedIps.map(({ ipAddress: ip, subnetId }) => ({
    ...{ port, ip, gatewayIp: subnets.find(({ id }) => id === subnetId)?.gatewayIp ?? null },
  }));
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
      if (!router || !outside || !host || isIpv6(floatingIpAddress)) return null;
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
      if (host === null) return null;
      return first(outsidesOf(router, facts).map(({ port, ip }) => takenBy(facts, host, router, port, ip)));
    },
  }),
  check({
    id: 'outside-gateway-answers',
    of: 'router',
    needs: ['probe'],
    finds:
      'The gateway of the external subnet does not answer on the physical network (ARP, neighbour solicitation): it is off, on another VLAN, or has another address.',
    mends: 'Look at that machine and at the cable and VLAN between; or openstack subnet set --gateway ADDRESS SUBNET',
    whose: 'cloud',
    judge: (router, facts) => {
      const host = hostOf(router);
      if (host === null) return null;
      return first(outsidesOf(router, facts).map((outside) => gatewayAnswers(facts, host, router, outside)));
    },
  }),
] as const;

/** Of what is judged for each address: a fault, else what is not known yet. */
const first = (verdicts: readonly Verdict[]): Verdict =>
  verdicts.find((each) => each?.is === 'fault') ??
  verdicts.find((each) => each !== null && each.is !== 'well') ??
  verdicts.find((each) => each !== null) ??
  null;

function gatewayAnswers(facts: Facts, host: string, router: Router, { port, ip, gatewayIp }: Outside): Verdict {
  if (gatewayIp === null) return null;
  const told = asked(facts, host, neighbourProbe(atGateway(router, port), { mac: port.macAddress, ip }, gatewayIp));
  if (!isAnswer(told)) return told;
  if (told.answered) return WELL;
  return fault(
    `nobody answers for ${gatewayIp}, the gateway of the external network, to router ${nameOf(router)} on ${host}`,
    byAdministrator(
      `look at the machine that has ${gatewayIp}, and at cable and VLAN between it and the uplink of ${host}`,
    ),
  );
}

const atGateway = (router: Router, port: Port): Probe['place'] => ({
  ...{ in: 'router', routerId: router.id, portId: port.id, gateway: true },
});

/** Asked from the device that has the address: the node itself does not answer. */
function takenBy(facts: Facts, host: string, router: Router, port: Port, address: string): Verdict {
  const told = asked(
    facts,
    host,
    neighbourProbe(atGateway(router, port), { mac: port.macAddress, ip: NOWHERE }, address),
  );
  if (!isAnswer(told)) return told;
  if (!told.answered) return WELL;
  return fault(
    `somebody else answers for ${address}: the machine with the MAC ${told.fromMac} has this address, too`,
    byAdministrator(
      `find ${told.fromMac} on the external network and take ${address} from it, or keep ${address} out of the allocation pool`,
    ),
  );
}
