/**
 * Port forwardings as NAT rules, and back. One chain a forwarding, reached from one chain for floating IPs (the reference's name) and one for the router's
 * own address:
 *
 *   l3-agent-PREROUTING, l3-agent-OUTPUT ─► fip-pf ─► pf-<8 characters of its id>   -d <outside> -p tcp -m tcp --dport <ports> -j DNAT --to-destination ...
 *                                       └─► gw-pf ─► pf-...
 *
 * Ports map one to one. A range that keeps its ports names none in the target: the kernel then has no port to choose. A shifted range names the first
 * outside port behind a slash (`3000-3010/1000`): without it the kernel takes the first free port of the range.
 */
import { PortForwarding, PortRange } from '@plumbline/contracts';
import { CHAIN_PREFIX, comment } from './marks.js';
import { SavedTables } from './state.js';

/** A forwarding of a router on this host. `address`: where it is reached; null while the router has no address outside. */
export type Forwarding = Readonly<{ object: PortForwarding; address: string | null; position: number }>;
/** What of an address a forwarding takes. `ports` null: all there is of a protocol without ports. */
export type Taken = Readonly<{ address: string; protocol: PortForwarding['protocol']; ports: PortRange | null }>;
/** A forwarding as a rule says it: `target` as written behind --to-destination, `to` the address in it. */
export type ForwardedTo = Taken & Readonly<{ to: string; target: string }>;

const own = (name: string): string => `${CHAIN_PREFIX}${name}`;
const HUBS = { floating: own('fip-pf'), own: own('gw-pf') } as const;
const FORWARDING_CHAIN = own('pf-');
/** A chain's name has 28 characters at the most (XT_EXTENSION_MAXNAMELEN): 8 are left for the id. */
export const forwardingChain = (id: string): string => `${FORWARDING_CHAIN}${id.slice(0, 8)}`;

/** Protocols as iptables-save prints them where the API's name is another. */
const PRINTED: Readonly<Record<string, string>> = { icmp6: 'ipv6-icmp' };
const NAMED: Readonly<Record<string, PortForwarding['protocol']>> = {
  tcp: 'tcp',
  udp: 'udp',
  sctp: 'sctp',
  dccp: 'dccp',
  icmp: 'icmp',
  'ipv6-icmp': 'icmp6',
};

/** The match of what a forwarding takes, as iptables-save prints it. */
export function takenMatch({ address, protocol, ports }: Taken): string {
  const name = PRINTED[protocol] ?? protocol;
  const dport = ports && (ports.first === ports.last ? `${ports.first}` : `${ports.first}:${ports.last}`);
  return `-d ${address}/32 -p ${name}${dport ? ` -m ${name} --dport ${dport}` : ''}`;
}
export const TAKEN_PATTERN = '-d (\\S+)/32 -p (\\S+)(?: -m \\S+ --dport (\\d+)(?::(\\d+))?)?';
/** From the groups of TAKEN_PATTERN; null for a protocol that is never forwarded. */
export function takenFrom([address = '', name = '', first, last]: readonly (string | undefined)[]): Taken | null {
  const protocol = NAMED[name];
  if (!protocol) return null;
  return { address, protocol, ports: first ? { first: Number(first), last: Number(last ?? first) } : null };
}
export const takenText = ({ address, protocol, ports }: Taken): string =>
  `${address} ${protocol} ${ports?.first ?? ''}:${ports?.last ?? ''}`;

function targetOf({ internalIpAddress: ip, internalPorts: inside, externalPorts: outside }: PortForwarding): string {
  if (!inside || !outside) return ip;
  if (inside.first === inside.last) return `${ip}:${inside.first}`;
  if (inside.first === outside.first) return ip;
  return `${ip}:${inside.first}-${inside.last}/${outside.first}`;
}

export const isForwardingHub = (chain: string): boolean => Object.values<string>(HUBS).includes(chain);

/** Chains of the nat table, and the jumps that lead to them from where packets come in. `base`: position of the router's own rules, the jumps' too. */
export function forwardingChains(
  forwardings: readonly Forwarding[],
  base: number,
): {
  jumps: readonly string[];
  chains: Readonly<Record<string, readonly string[]>>;
} {
  const chains: Record<string, string[]> = {};
  const jumps: string[] = [];
  const jump = (position: number, target: string): string => `${comment(position)} -j ${target}`;
  for (const [kind, hub] of Object.entries(HUBS)) {
    const here = forwardings
      .filter(({ object, address }) => address !== null && (object.floatingIpId !== null) === (kind === 'floating'))
      .sort((a, b) => (a.object.id < b.object.id ? -1 : 1));
    if (here.length === 0) continue;
    jumps.push(jump(base, hub));
    const inHub = (chains[hub] = [] as string[]);
    for (const { object, address, position } of here) {
      const chain = forwardingChain(object.id);
      const taken = { address: address ?? '', protocol: object.protocol, ports: object.externalPorts };
      const rule = `${takenMatch(taken)} ${comment(position)} -j DNAT --to-destination ${targetOf(object)}`;
      // Two ids may begin alike.
      if (chains[chain]) chains[chain].push(rule);
      else chains[chain] = [rule];
      if (!inHub.some((each) => each.endsWith(` -j ${chain}`))) inHub.push(jump(position, chain));
    }
  }
  return { jumps, chains };
}

const FORWARDED = new RegExp(`^${TAKEN_PATTERN} .*-j DNAT --to-destination (([^\\s:]+)\\S*)$`);

/** Forwardings as the NAT rules found say them. */
export function forwardingsIn(found: SavedTables): ForwardedTo[] {
  const all: ForwardedTo[] = [];
  for (const [chain, rules] of found.get('nat') ?? []) {
    if (!chain.startsWith(FORWARDING_CHAIN)) continue;
    for (const rule of rules) {
      const match = FORWARDED.exec(rule);
      const taken = match && takenFrom(match.slice(1, 5));
      if (taken && match[5] && match[6]) all.push({ ...taken, target: match[5], to: match[6] });
    }
  }
  return all;
}
