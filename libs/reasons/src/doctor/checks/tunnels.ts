/** The tunnels between nodes. */
import { NODE_AGENT } from '@plumbline/contracts';
import { answered, byAdministrator, check, type Facts, fault, unknown, WELL } from '../check.js';
import { nameOf } from './names.js';
import { andNobodyMends } from './switch.js';

/** What VXLAN over IPv4 adds to a packet of an instance (RFC 7348): Ethernet, VXLAN, UDP, IPv4. */
const OVERHEAD_BYTES = 50;

export const tunnelChecks = [
  check({
    id: 'tunnel-end-here',
    of: 'node',
    needs: ['wiring'],
    finds:
      'The address at which the tunnels of the node begin is on none of its devices, or the device that has it is set down: what nodes send each other is lost.',
    mends: 'Give the address back to its device, and look at what took it away (the network settings of the node).',
    whose: 'cloud',
    judge: (host, facts) => {
      if (!facts.scene.tunnels.some(({ from, to }) => from === host || to === host)) return null;
      const given = answered(facts.wiring(host));
      if ('verdict' in given) return given.verdict;
      const { tunnelEnds } = given.told;
      const lost = tunnelEnds.find(({ device, up }) => device === null || !up);
      if (!lost) return tunnelEnds.length === 0 ? null : WELL;
      const { localIp, device } = lost;
      return device === null
        ? fault(
            `no device of ${host} has ${localIp}, at which its tunnels begin`,
            byAdministrator(
              `ip address add ${localIp}/LENGTH dev DEVICE on ${host}, or set PLUMB_TUNNEL_IP to the address that it has now and start its agent anew`,
            ),
          )
        : fault(
            `${device} of ${host} is set down, which has ${localIp}, at which its tunnels begin`,
            byAdministrator(`ip link set ${device} up on ${host}`),
          );
    },
  }),
  check({
    id: 'tunnel-answers',
    of: 'tunnel',
    needs: ['wiring', 'path'],
    finds:
      'The tunnel between two nodes does not answer (BFD): the far node is off, or something drops UDP port 4789 between them.',
    mends: 'Let UDP port 4789 through, both ways.',
    whose: 'cloud',
    judge: ({ from, to, network }, facts) => {
      const end = tunnelEnd(from, to, facts);
      if (!end) return null;
      const given = answered(facts.wiring(from));
      if ('verdict' in given) return given.verdict;
      const path = answered(facts.path(from, end));
      if ('verdict' in path) return path.verdict;
      const tunnel = given.told.tunnels.find(({ remoteIp }) => remoteIp === end.to[0]);
      const reached = path.told.ends[0]?.reached === true;
      if (tunnel?.up === true) return WELL;
      const mending = andNobodyMends(from, NODE_AGENT, facts);
      if (!tunnel)
        return fault(
          `${from} has no tunnel to ${to}, with which it shares network ${nameOf(network)}${mending.what}`,
          byAdministrator(mending.how ?? `see why the agent of ${from} does not make it (plumb status)`),
        );
      // Of a release that does not speak BFD silence means nothing.
      if (facts.objects.get('node', to)?.bfd !== true)
        return unknown(`${to} does not say whether its tunnel ends answer`);
      return fault(
        reached
          ? `the tunnel from ${from} to ${to} does not answer, though ${end.to[0]} does: something between them drops UDP port 4789`
          : `the tunnel from ${from} to ${to} does not answer, nor does ${end.to[0]}`,
        byAdministrator(
          reached
            ? `let UDP port 4789 pass between ${end.from} and ${end.to[0]}, both ways`
            : `look whether ${to} runs, and at the network between ${end.from} and ${end.to[0]}`,
        ),
      );
    },
  }),
  check({
    id: 'tunnel-length',
    of: 'tunnel',
    needs: ['path'],
    finds:
      'The underlay between two nodes does not carry packets of the length that the network needs: small ones pass, large ones vanish.',
    mends: 'Raise the MTU of the underlay, or lower the MTU of the network.',
    whose: 'cloud',
    judge: ({ from, to, network }, facts) => {
      const end = tunnelEnd(from, to, facts);
      if (!end) return null;
      const path = answered(facts.path(from, end));
      if ('verdict' in path) return path.verdict;
      const [told] = path.told.ends;
      if (!told?.reached) return unknown(`${end.to[0]} does not answer pings from ${from}`);
      if (told.whole) return WELL;
      return fault(
        `packets of ${end.bytes} bytes do not pass from ${from} to ${to} (${end.to[0]}): network ${nameOf(network)} has an MTU of ${network.mtuBytes}, and VXLAN adds ${OVERHEAD_BYTES}`,
        byAdministrator(
          `raise the MTU of the network between ${from} and ${to} to ${end.bytes}, or: openstack network set --mtu SMALLER ${network.id}`,
        ),
      );
    },
  }),
] as const;

function tunnelEnd(from: string, to: string, { objects, scene }: Facts) {
  const [near, far] = [objects.get('node', from)?.tunnelIp, objects.get('node', to)?.tunnelIp];
  if (!near || !far || near.includes(':') || far.includes(':')) return null;
  const shared = scene.tunnels
    .filter((each) => each.from === from && each.to === to)
    .map(({ network }) => network.mtuBytes);
  return { from: near, to: [far], bytes: Math.max(...shared) + OVERHEAD_BYTES };
}
