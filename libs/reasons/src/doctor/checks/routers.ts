/** The namespace of a router. */
import { canonicalAddress, carrierOf, type Router } from '@plumbline/contracts';
import { type Answers, byAdministrator, check, type Facts, fault, unknown, WELL } from '../check.js';
import { covers, ruleContradicts } from '../match.js';
import { insideOf } from './inside.js';
import { externalSubnetsOf } from './intent.js';
import { nameOf } from './names.js';
import { andNobodyMends, packetsOf } from './switch.js';

/** Of the table of connections; beyond it the kernel drops what begins. */
const FULL = 0.95;

export const routerChecks = [
  check({
    id: 'router-namespace',
    of: 'router',
    needs: ['namespace'],
    finds:
      'The namespace of the router is not on its node, one of its devices is missing or down, an address or its default route is missing, or it does not forward.',
    mends: 'Start the agent, which makes it.',
    whose: 'cloud',
    judge: (router, facts) =>
      insideOf(router, facts, (seen, host) => {
        const wrong = wrongIn(router, seen, facts);
        if (wrong === null) return WELL;
        const mending = andNobodyMends(host, carrierOf.router, facts);
        return fault(
          `router ${nameOf(router)} on ${host}: ${wrong}${mending.what}`,
          byAdministrator(mending.how ?? `see why the agent of ${host} does not make it (plumb status)`),
        );
      }),
  }),
  check({
    id: 'foreign-rule',
    of: 'router',
    needs: ['namespace'],
    finds: "Somebody else put a rule into the router's namespace that drops packets.",
    mends: 'ip netns exec qrouter-ROUTER iptables -t TABLE -D CHAIN RULE',
    whose: 'cloud',
    judge: (router, facts) =>
      insideOf(router, facts, (seen, host) => {
        const packets = packetsOf(facts);
        const isHarmful = (line: string): boolean => packets.some((packet) => !ruleContradicts(line, packet));
        const hasIpv6 = packets.some(({ addresses }) => addresses.some((address) => address.includes(':')));
        const harmful4 = seen.foreign.find(isHarmful);
        const harmful = harmful4 ?? (hasIpv6 ? seen.foreign6.find(isHarmful) : undefined);
        if (harmful === undefined) return WELL;
        const tool = harmful4 === undefined ? 'ip6tables' : 'iptables';
        const [table = '', ...rest] = harmful.split(' ');
        const rule = rest.join(' ');
        return fault(
          `a rule of somebody else in the namespace of router ${nameOf(router)} on ${host} drops packets: ${rule} (${tool}, table ${table})`,
          byAdministrator(
            `whoever wrote it must take it away: ip netns exec qrouter-${router.id} ${tool} -t ${table} ${rule.replace(/^-A/, '-D')} on ${host}`,
          ),
        );
      }),
  }),
  check({
    id: 'led-astray',
    of: 'router',
    needs: ['namespace'],
    finds:
      "Somebody else put a route, a neighbour or a policy rule into the router's namespace that leads packets elsewhere, or nowhere.",
    mends: 'ip -n qrouter-ROUTER route, neighbour or rule delete ...; start the agent, which sweeps them.',
    whose: 'cloud',
    judge: (router, facts) =>
      insideOf(router, facts, (seen, host) => {
        const addresses = packetsOf(facts).flatMap((packet) => packet.addresses);
        const harmful = seen.astray.find(({ of }) => of === null || covers(of, addresses));
        if (!harmful) return WELL;
        const mending = andNobodyMends(host, carrierOf.router, facts);
        return fault(
          `${harmful.what} in the namespace of router ${nameOf(router)} on ${host}, by somebody else, leads packets astray${mending.what}`,
          byAdministrator(
            mending.how ?? `take it away (ip -n qrouter-${router.id} ...), or wait: the agent of ${host} sweeps it`,
          ),
        );
      }),
  }),
  check({
    id: 'connections-full',
    of: 'router',
    needs: ['namespace'],
    finds: "The table of connections of the router's namespace is full: the kernel drops what begins.",
    mends: 'sysctl -w net.netfilter.nf_conntrack_max=N on the node; conntrack -L says whose they are.',
    whose: 'cloud',
    judge: (router, facts) =>
      insideOf(router, facts, (seen, host) => {
        const { connections } = seen;
        if (connections === null) return unknown('the kernel does not say how many connections it tracks');
        if (connections.count < connections.most * FULL) return WELL;
        return fault(
          `router ${nameOf(router)} on ${host} tracks ${connections.count} connections, and the kernel allows ${connections.most}: new ones are dropped`,
          byAdministrator(
            `sysctl -w net.netfilter.nf_conntrack_max=${connections.most * 2} on ${host}, and see whose they are (ip netns exec qrouter-${router.id} conntrack -L)`,
          ),
        );
      }),
  }),
] as const;

function wrongIn(router: Router, told: Answers['namespace'], { objects, scene }: Facts): string | null {
  if (!told.there) return 'its namespace is not there';
  const ports = [
    ...Object.keys(router.interfaces).map((id) => ({ id, prefix: 'qr-' })),
    ...(router.gateway ? [{ id: router.gateway.portId, prefix: 'qg-' }] : []),
  ];
  for (const { id, prefix } of ports) {
    const port = objects.get('port', id);
    const network = port && objects.get('network', port.networkId);
    if (!port?.adminStateUp || !network?.adminStateUp) continue;
    const device = `${prefix}${id.slice(0, 11)}`;
    const link = told.links.find((each) => each.device === device);
    if (!link) return `device ${device} is missing`;
    if (!link.up) return `device ${device} is set down`;
    const floating =
      prefix === 'qg-' ? scene.floatingIps.filter(({ association }) => association?.routerId === router.id) : [];
    const wanted = [
      ...port.fixedIps.map(({ ipAddress }) => ipAddress),
      ...floating.map((each) => each.floatingIpAddress),
    ];
    const lacking = wanted.find(
      (address) => !link.addresses.some((each) => each.split('/')[0] === canonicalAddress(address)),
    );
    if (lacking !== undefined) return `address ${lacking} is not on ${device}`;
  }
  const gateways = externalSubnetsOf(objects, router).flatMap(({ gatewayIp }) => gatewayIp ?? []);
  const lacking = gateways.find((gatewayIp) => !told.defaults.includes(canonicalAddress(gatewayIp)));
  if (lacking !== undefined) return `its default route by ${lacking} is missing`;
  if (ports.length === 0) return null;
  if (!told.forwards) return 'its namespace does not forward (net.ipv4.ip_forward is 0)';
  const hasIpv6 = ports.some(({ id }) =>
    objects.get('port', id)?.fixedIps.some(({ ipAddress }) => ipAddress.includes(':')),
  );
  return hasIpv6 && !told.forwards6 ? 'its namespace does not forward IPv6 (net.ipv6.conf.all.forwarding is 0)' : null;
}
