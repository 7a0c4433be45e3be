/**
 * Port forwardings as NAT rules, and back. Each has one chain, reached from one chain for floating IPs (the reference's name) or one for the router's own
 * address:
 *
 *   l3-agent-PREROUTING, l3-agent-OUTPUT ─► fip-pf ─► pf-<8 characters of its id>   to <outside>, tcp, <ports>: DNAT to <inside>, <ports>
 *                                       └─► gw-pf ─► pf-...
 *
 * Ports map one to one. For a range that keeps its ports the target names no port: the kernel then has none to choose. A shifted range names its first outside
 * port: without it the kernel takes the first free port of the range.
 */
import { ObjectKey, PortForwarding, PortRange } from '@plumbline/contracts';
import { ownChain } from './marks.js';
import { Action, Draft, jump, Match, Origin, Protocol, rule, RuleBody } from './rule.js';

/** A port forwarding of a router on this host. `address`: its outside address; null while the router has none. */
export type Forwarding = Readonly<{ object: PortForwarding; address: string | null; position: number }>;
/** What a port forwarding takes of an address. `ports` null: everything of a protocol without ports. */
export type Taken = Readonly<{ address: string; protocol: Protocol; ports: PortRange | null }>;
type Target = Extract<Action, { do: 'dnat' }>;
/** A port forwarding as in a rule: what it takes, and its inside address. */
export type ForwardedTo = Taken & Readonly<{ target: Target }>;

const HUBS = { floating: ownChain('fip-pf'), own: ownChain('gw-pf') } as const;
const FORWARDING_CHAIN = ownChain('pf-');
/** A chain's name has 28 characters at the most (XT_EXTENSION_MAXNAMELEN): 8 are left for the id. */
export const forwardingChain = (id: string): string => `${FORWARDING_CHAIN}${id.slice(0, 8)}`;
export const isForwardingHub = (chain: string): boolean => Object.values<string>(HUBS).includes(chain);

/** The match of what a forwarding takes. */
export const takenMatch = ({ address, protocol, ports }: Taken): Match[] => [
  { on: 'destination', address },
  { on: 'protocol', protocol, ports },
];
/** The reverse; null for a rule that matches anything else. */
export function takenBy({ match }: Pick<RuleBody, 'match'>): Taken | null {
  const [to, what] = match;
  if (match.length !== 2 || to?.on !== 'destination' || what?.on !== 'protocol') return null;
  return { address: to.address, protocol: what.protocol, ports: what.ports };
}
/** Equal for equal ones. */
export const takenText = ({ address, protocol, ports }: Taken): string =>
  `${address} ${protocol} ${ports?.first ?? ''}:${ports?.last ?? ''}`;
/** Equal for port forwardings that take the same to the same inside address. */
export const forwardedText = (forwarded: ForwardedTo): string => {
  const { to, ports, base } = forwarded.target;
  return `${takenText(forwarded)} ${to} ${ports?.first ?? ''}-${ports?.last ?? ''}/${base ?? ''}`;
};

function targetOf({ internalIpAddress: to, internalPorts: inside, externalPorts: outside }: PortForwarding): Target {
  const everyPort: Target = { do: 'dnat', to, ports: null, base: null };
  if (!inside || !outside) return everyPort;
  if (inside.first === inside.last) return { ...everyPort, ports: inside };
  return inside.first === outside.first ? everyPort : { ...everyPort, ports: inside, base: outside.first };
}

/** Chains of the nat table, and the jumps that lead to them from where packets come in. `base`: of the router's own rules, the jumps' too. */
export function forwardingChains(
  forwardings: readonly Forwarding[],
  base: Origin,
): {
  jumps: readonly Draft[];
  chains: Readonly<Record<string, readonly Draft[]>>;
} {
  const chains: Record<string, Draft[]> = {};
  const jumps: Draft[] = [];
  for (const [kind, hub] of Object.entries(HUBS)) {
    const here = forwardings
      .filter(({ object, address }) => address !== null && (object.floatingIpId !== null) === (kind === 'floating'))
      .sort((a, b) => (a.object.id < b.object.id ? -1 : 1));
    if (here.length === 0) continue;
    jumps.push(jump(base, hub));
    const inHub = (chains[hub] = [] as Draft[]);
    const entered = new Set<string>();
    for (const { object, address, position } of here) {
      const origin = { owner: `portforwarding/${object.id}` as ObjectKey, position };
      const chain = forwardingChain(object.id);
      const taken = { address: address ?? '', protocol: object.protocol, ports: object.externalPorts };
      // Two ids may have the same start.
      (chains[chain] ??= []).push(rule(origin, takenMatch(taken), targetOf(object)));
      if (!entered.has(chain)) inHub.push(jump(origin, chain));
      entered.add(chain);
    }
  }
  return { jumps, chains };
}

/** The port forwardings in the NAT rules among these. */
export function forwardingsIn(rules: readonly RuleBody[]): ForwardedTo[] {
  const all: ForwardedTo[] = [];
  for (const each of rules) {
    const { chain, action } = each;
    if (action.do !== 'dnat' || !chain.startsWith(FORWARDING_CHAIN)) continue;
    const taken = takenBy(each);
    if (taken) all.push({ ...taken, target: action });
  }
  return all;
}
