/** Whether the instance has its address, who gives it one, and who else has it. */
import { carrierOf, DEVICE_OWNER, dhcpServiceOf, isRouterPort, type Port, type Probe } from '@plumbline/contracts';
import { streamOfObject } from '@plumbline/topology';
import { answered, byAdministrator, byOwner, check, type Facts, fault, inGuest, type Verdict, WELL } from '../check.js';
import { hostOfPort, serversOf } from '../scene.js';
import { DOCTOR_MAC, asked, atGuest, isAnswer, ofGuest, withoutAddress } from './asking.js';
import { NOWHERE, nameOf } from './names.js';
import { isIpv6, neighbourProbe } from './neighbour.js';
import { andNobodyMends } from './switch.js';

/** Who gives instances their addresses. */
export const serviceChecks = [
  check({
    id: 'dhcp-served',
    of: 'port',
    when: ['floating-ip', 'port', 'network', 'all'],
    needs: ['log', 'probe', 'namespace'],
    finds: 'The instance does not have its address, and no DHCP server serves its network.',
    mends: 'Start the DHCP agent; openstack network agent add network --dhcp AGENT NETWORK',
    whose: 'cloud',
    judge: (port, facts) =>
      withoutAddress(port, facts, ({ subnet }) => {
        if (dhcpServiceOf(subnet) !== 'leased') return null;
        const servers = serversOf(facts.objects, port.networkId).filter(({ binding }) => binding.host !== '');
        const network = facts.objects.get('network', port.networkId);
        if (servers.length === 0)
          return fault(
            `no DHCP server serves network ${network ? nameOf(network) : port.networkId}`,
            byAdministrator(
              `start a DHCP agent on a network node, then: openstack network agent add network --dhcp AGENT ${port.networkId}`,
            ),
          );
        let trouble: Verdict = null;
        for (const server of servers) {
          const { host } = server.binding;
          const given = answered(facts.namespace(host, 'network', port.networkId));
          if ('verdict' in given) {
            trouble = given.verdict;
            continue;
          }
          if (given.told.there && given.told.listens.includes('udp/67')) return WELL;
          const mending = andNobodyMends(host, carrierOf.network, facts);
          trouble = fault(
            `dnsmasq does not run on ${host} for network ${network ? nameOf(network) : port.networkId}${mending.what}`,
            byAdministrator(mending.how ?? `see why the DHCP agent of ${host} does not start it (plumb status)`),
          );
        }
        return trouble;
      }),
  }),
] as const;

export const addressChecks = [
  check({
    id: 'dhcp-enabled',
    of: 'port',
    when: ['floating-ip', 'port', 'network', 'all'],
    needs: ['log', 'probe'],
    finds: 'The instance does not have its address, and DHCP is off on its subnet.',
    mends: 'openstack subnet set --dhcp SUBNET; or set the address inside the instance.',
    whose: 'project',
    judge: (port, facts) =>
      withoutAddress(port, facts, ({ ip, subnet }) =>
        dhcpServiceOf(subnet) === 'leased'
          ? WELL
          : fault(
              `the instance of port ${nameOf(port)} does not have its address ${ip}, and DHCP is off on subnet ${nameOf(subnet)}`,
              byOwner(`openstack subnet set --dhcp ${subnet.id}, or set ${ip} inside the instance`),
              {
                stream: streamOfObject(subnet),
                types: ['SubnetAttributesSet', 'SubnetCreated'],
                data: { subnetId: subnet.id, enableDhcp: false },
              },
            ),
      ),
  }),
  check({
    id: 'guest-address',
    of: 'port',
    when: ['floating-ip', 'port', 'network', 'all'],
    needs: ['probe'],
    finds: 'The instance does not have the address of its port: it answers no ARP for it on its own device.',
    mends: 'Inside the instance: set its interface up, ask for an address by DHCP.',
    whose: 'project',
    judge: (port, facts) =>
      withoutAddress(port, facts, (guest) =>
        fault(
          `the instance of port ${nameOf(port)} does not answer for its address ${guest.ip}: it does not run, its interface is down, or it has another address`,
          inGuest(
            `inside the instance (its console): see "ip address", then ask for the address (dhclient, udhcpc) or set ${guest.ip}`,
          ),
        ),
      ),
  }),
  check({
    id: 'duplicate-address',
    of: 'port',
    when: ['floating-ip', 'port', 'network'],
    needs: ['log', 'probe'],
    finds:
      'Another instance of the network has the address of the port, too: one whose port is not guarded; or, on a physical network, a machine of somebody else.',
    mends: 'Take the address from that instance, or guard its port: openstack port set --enable-port-security PORT',
    whose: 'cloud',
    judge: (port, facts) => ofGuest(port, facts, ({ ip }) => hadElsewhere(port, ip, facts)),
  }),
] as const;

/** Of verdicts about one thing the one that counts most. */
export const firstOf = (verdicts: readonly Verdict[]): Verdict =>
  (['fault', 'pending', 'unknown'] as const).flatMap((is) => verdicts.find((each) => each?.is === is) ?? [])[0] ?? WELL;

/** Whether anybody else has this address of the port: an instance whose port is not guarded, or a machine on its physical network. */
export function hadElsewhere(port: Port, ip: string, facts: Facts): Verdict {
  const open: Verdict[] = [];
  for (const other of unguardedOn(port, facts)) {
    const from = { mac: DOCTOR_MAC, ip: NOWHERE };
    const told = asked(facts, other.binding.host, neighbourProbe(atGuest(other.id), from, ip));
    if (!isAnswer(told)) open.push(told);
    else if (told.answered)
      return fault(
        `the instance of port ${nameOf(other)} has ${ip}, too, the address of port ${nameOf(port)}`,
        byOwner(
          `take ${ip} from that instance, or guard its port: openstack port set --enable-port-security ${other.id}`,
        ),
        {
          stream: streamOfObject(other),
          types: ['PortAttributesSet', 'PortCreated'],
          data: { portSecurityEnabled: false },
        },
      );
  }
  const outside = onPhysicalNetwork(port, ip, facts);
  return firstOf([outside, ...open]);
}

/** On a physical network anybody may have the address: asked is by a router or a DHCP server of ours that is on it. */
function onPhysicalNetwork(port: Port, ip: string, { objects, ...facts }: Facts): Verdict {
  const network = objects.get('network', port.networkId);
  if (network?.physicalNetwork === null) return null;
  const asker = objects
    .find('port', `network/${port.networkId}`)
    .map((each) => ({ port: each, place: placeOf(each), host: hostOfPort(objects, each) }))
    .find(({ place, host }) => place !== null && host !== '');
  if (!asker?.place) return null;
  const probe = neighbourProbe(asker.place, { mac: asker.port.macAddress, ip: NOWHERE }, ip);
  const told = asked({ ...facts, objects }, asker.host, {
    ...probe,
    kind: isIpv6(ip) ? 'others6' : 'others',
    to: { mac: port.macAddress, ip },
  });
  if (!isAnswer(told)) return told;
  if (told.answered !== true) return WELL;
  return fault(
    `somebody else answers for ${ip}, the address of port ${nameOf(port)}: a machine with the MAC ${told.fromMac}`,
    byAdministrator(
      `find ${told.fromMac} on the network and take ${ip} from it, or keep ${ip} out of the allocation pool`,
    ),
  );
}

/** Ports in namespaces of ours. */
function placeOf(port: Port): Probe['place'] | null {
  if (port.servesDhcp) return { in: 'network', networkId: port.networkId, portId: port.id };
  if (!isRouterPort(port)) return null;
  return {
    ...{ in: 'router', routerId: port.deviceId, portId: port.id },
    gateway: port.deviceOwner === DEVICE_OWNER.routerGateway,
  };
}

export const MOST_OTHERS = 20;

/** Ports that may send from any address. */
const unguardedOn = (port: Port, { objects, scene }: Facts): readonly Port[] =>
  objects
    .find('port', `network/${port.networkId}`)
    .filter(
      (each) =>
        each.id !== port.id &&
        !each.portSecurityEnabled &&
        !each.deviceOwner.startsWith('network:') &&
        each.binding.host !== '' &&
        each.adminStateUp &&
        // A virtual address is at one of several instances.
        !scene.ports.some(({ id }) => id === each.id),
    )
    .slice(0, MOST_OTHERS);
