/** IPv6 between a router and its instances: what routers advertise, whether the instance has its address, and whether it knows a way beyond its subnet. */
import { carrierOf, type Port, type Probe, type Router, type Subnet } from '@plumbline/contracts';
import { linkLocal } from '@plumbline/ovs-core';
import { byAdministrator, check, type Facts, fault, inGuest, type Verdict, WELL } from '../check.js';
import { asked, atGuest, isAnswer, pluggedAt } from './asking.js';
import { insideOf } from './inside.js';
import { firstOf, hadElsewhere } from './addresses.js';
import { NO_MAC, nameOf } from './names.js';
import { isIpv6 } from './neighbour.js';
import { andNobodyMends } from './switch.js';

/** Of the router's side: its MAC, its link-local address, and the one that it has in the subnet. */
type Near = Readonly<{ router: Router; mac: string; linkLocal: string; ip: string }>;
type Guest = Readonly<{ port: Port; host: string; ip: string; subnet: Subnet; near: Near }>;

/** Beyond every subnet: of nobody (RFC 3849). */
const BEYOND = '2001:db8:ffff:ffff::1';

/** The router's interface in the subnet, with its address there. */
function nearOf({ objects }: Facts, { networkId, id: subnetId }: Subnet): Near | null {
  for (const port of objects.find('port', `network/${networkId}`)) {
    const fixed = port.fixedIps.find((each) => each.subnetId === subnetId);
    const router = fixed && port.deviceOwner === 'network:router_interface' && objects.get('router', port.deviceId);
    if (fixed && router)
      return { router, mac: port.macAddress, linkLocal: linkLocal(port.macAddress), ip: fixed.ipAddress };
  }
  return null;
}

/** Judges an instance that has an IPv6 address in a subnet with a router, and is plugged in. */
function ofGuest(port: Port, facts: Facts, judge: (guest: Guest) => Verdict): Verdict {
  const { host } = port.binding;
  const fixed = port.fixedIps.find(({ ipAddress }) => ipAddress.includes(':'));
  const subnet = fixed && facts.objects.get('subnet', fixed.subnetId);
  const near = subnet && nearOf(facts, subnet);
  if (host === '' || !fixed || !near || !port.adminStateUp) return null;
  return pluggedAt(port, facts, () => judge({ port, host, ip: fixed.ipAddress, subnet, near }));
}

const ask = (
  { port, host, ip, near }: Guest,
  facts: Facts,
  kind: 'nd' | 'echo6',
  from: string,
): ReturnType<typeof asked> => {
  const mac = kind === 'nd' ? NO_MAC : port.macAddress;
  const probe: Probe = { place: atGuest(port.id), kind, from: { mac: near.mac, ip: from }, to: { mac, ip }, port: 0 };
  return asked(facts, host, probe);
};

export const advertisingChecks = [
  check({
    id: 'router-advertises',
    of: 'router',
    needs: ['log', 'namespace'],
    finds:
      'The router is to advertise an IPv6 subnet, and radvd does not run for it: instances get no address of it, and no way beyond it.',
    mends: 'Start the L3 agent, which starts it.',
    whose: 'cloud',
    judge: (router, facts) => {
      const wanted = Object.entries(router.interfaces).filter(([id]) => advertises(facts, id));
      if (wanted.length === 0) return null;
      return insideOf(router, facts, (seen, host) => {
        const lacking = wanted.find(([id]) => !seen.advertises.includes(id));
        if (!lacking) return WELL;
        const network = facts.objects.get('network', lacking[1].networkId);
        const mending = andNobodyMends(host, carrierOf.router, facts);
        return fault(
          `router ${nameOf(router)} on ${host} advertises nothing on network ${network ? nameOf(network) : lacking[1].networkId}: radvd does not run for its port ${lacking[0]}${mending.what}`,
          byAdministrator(mending.how ?? `see why the L3 agent of ${host} does not start it (plumb status)`),
        );
      });
    },
  }),
] as const;

function advertises({ objects }: Facts, portId: string): boolean {
  const port = objects.get('port', portId);
  const network = port && objects.get('network', port.networkId);
  if (!port?.adminStateUp || !network?.adminStateUp) return false;
  return port.fixedIps.some(({ subnetId }) => (objects.get('subnet', subnetId)?.ipv6RaMode ?? null) !== null);
}

export const guest6Checks = [
  check({
    id: 'guest-address-6',
    of: 'port',
    when: ['floating-ip', 'port', 'network', 'all'],
    needs: ['probe'],
    finds:
      'The instance does not have the IPv6 address of its port: it answers no neighbour solicitation for it on its own device.',
    mends: 'Inside the instance: let it take addresses by advertisements or DHCPv6, or set the address.',
    whose: 'project',
    judge: (port, facts) =>
      ofGuest(port, facts, (guest) => {
        const told = ask(guest, facts, 'nd', guest.near.linkLocal);
        if (!isAnswer(told)) return told;
        if (told.answered) return WELL;
        return fault(
          `the instance of port ${nameOf(port)} does not answer for its IPv6 address ${guest.ip}: it did not take it, or has another`,
          inGuest(
            guest.subnet.ipv6AddressMode === 'dhcpv6-stateful'
              ? `inside the instance: ask by DHCPv6 (dhclient -6), or set ${guest.ip}/${guest.subnet.cidr.split('/')[1]}`
              : `inside the instance: let it heed advertisements (sysctl net.ipv6.conf.IFACE.accept_ra=1, disable_ipv6=0), or set ${guest.ip}`,
          ),
        );
      }),
  }),
  check({
    id: 'duplicate-address-6',
    of: 'port',
    when: ['floating-ip', 'port', 'network'],
    needs: ['log', 'probe'],
    finds:
      'Another instance of the network has an IPv6 address of the port, too: one whose port is not guarded; or, on a physical network, a machine of somebody else.',
    mends: 'Take the address from that instance, or guard its port: openstack port set --enable-port-security PORT',
    whose: 'cloud',
    judge: (port, facts) => {
      const ips = port.fixedIps.map(({ ipAddress }) => ipAddress).filter(isIpv6);
      if (ips.length === 0 || port.binding.host === '' || !port.adminStateUp) return null;
      return pluggedAt(port, facts, () => firstOf(ips.map((ip) => hadElsewhere(port, ip, facts))));
    },
  }),
  check({
    id: 'guest-gateway-6',
    of: 'port',
    when: ['floating-ip', 'port'],
    needs: ['probe'],
    finds:
      'By IPv6 the instance answers its router and nobody beyond its subnet: it has no default route to its router.',
    mends: 'Inside the instance: ip -6 route replace default via THE-ROUTER',
    whose: 'project',
    judge: (port, facts) =>
      ofGuest(port, facts, (guest) => {
        const { near } = guest;
        const told = ask(guest, facts, 'echo6', near.ip);
        const beyond = ask(guest, facts, 'echo6', BEYOND);
        if (!isAnswer(told)) return told;
        // One that answers no ping at all may be meant so.
        if (!told.answered) return null;
        if (!isAnswer(beyond)) return beyond;
        if (beyond.answered && beyond.toMac === near.mac) return WELL;
        return fault(
          `by IPv6 the instance of port ${nameOf(port)} answers its router only: ${beyond.answered ? `it sends what goes beyond its subnet to ${beyond.toMac}` : 'it has no way beyond its subnet'}`,
          inGuest(
            `inside the instance: let it heed advertisements (accept_ra), or: ip -6 route replace default via ${near.linkLocal} dev IFACE`,
          ),
        );
      }),
  }),
] as const;
