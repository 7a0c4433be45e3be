/**
 * The rules of the ports that have a bridge of their own, as chains and sets: a pure function of the view and of which ports they are.
 *
 *   raw     PREROUTING ─► neutron-openvswi-PREROUTING      -i qbr<11> ─► a conntrack zone for each port; stateless and unguarded ports are not tracked
 *   filter  INPUT      ─► neutron-openvswi-INPUT           -i qbr<11> ─► drop: an instance has nothing to say to the node
 *           FORWARD    ─► neutron-openvswi-FORWARD         -i qbr<11> ─► p<10>      from qvb ─► i<class>      to qvb ─► o<class>      else drop
 *
 *   i<class>, o<class>   what is allowed whatever the rules say ─► accept      invalid ─► drop      error ─► the rules by which its connection was opened
 *                        reply ─► the rules of the other direction             else ─► the rules of this one             the rest ─► back to p<10>, which drops it
 *   security FORWARD   ─► neutron-openvswi-ACCEPTED        -i qbr<11> ─► l<10>      of a port whose accepted packets are told (logging.ts); there only while one is
 *
 *   ii, io, oo, oi<group>  first letter: ingress or egress rules; second: for packets to (i) or from (o) the instance. `io`: replies to what `ii` let in.
 *   eii, eio, eoo, eoi     the same for errors (ICMP) about connections that these rules let be opened: by what conntrack keeps of the packet that opened them
 *
 * Every packet is judged by today's rules, a reply by those of the direction in which its connection was opened. So a rule that goes stops its connections in the
 * commit that takes it away, whoever speaks, and nothing need be deleted from conntrack: what is deleted there would be opened again by the end that may send.
 * All ports with the same groups share one class: a port costs six lines, a rule four, a member one entry of a set, and nothing is their product.
 *
 * An error that comes from a router on the way has none of the connection's addresses, and iptables cannot look up conntrack's in a set: whether the other end is
 * still a member is not asked of errors to the instance. What it sends itself always goes to the other end.
 *
 * What an instance says it is (MAC, addresses, ARP, ND, DHCP, advertisements) is judged by the flows of its interface on br-int, the same as without a bridge.
 *
 * Roads not taken: accepting ESTABLISHED first, as the reference does, and deleting connections when a rule goes; one zone for a network: what one end of a node
 * refused would be a connection to the other.
 */
import {
  type AddressGroup,
  keyOf,
  type Port,
  type SecurityGroup,
  type SecurityGroupMember,
  type SecurityGroupRule,
  versionOf,
} from '@plumbline/contracts';
import type { IpVersion } from '@plumbline/iptables';
import { type HostView, objectIn, objectsOf } from '@plumbline/topology';
import { classOf } from '../firewall/group-flows.js';
import { loggedBy, logsOf } from '../firewall/logging.js';
import type { Numbers } from '../firewall/numbers.js';
import { isSecured } from '../render.js';
import { acceptLines, dropLines, throughBridge } from './logging.js';
import {
  addressSet,
  bridgeOf,
  CHAIN_PREFIX,
  classChain,
  errorChain,
  groupChain,
  logChain,
  memberSet,
  portChain,
  type Way,
} from './names.js';
import { entryOf, errorText, line, prefixText, protocolText, setText } from './rule-text.js';

export const VERSIONS: readonly IpVersion[] = [4, 6];

/** Where the kernel reaches our chains. */
export const HOOKS = [
  { table: 'raw', hook: 'PREROUTING', chain: `${CHAIN_PREFIX}PREROUTING` },
  { table: 'filter', hook: 'INPUT', chain: `${CHAIN_PREFIX}INPUT` },
  { table: 'filter', hook: 'FORWARD', chain: `${CHAIN_PREFIX}FORWARD` },
  { table: 'security', hook: 'FORWARD', chain: `${CHAIN_PREFIX}ACCEPTED` },
] as const;
const [ZONES, TO_NODE, BRIDGED, ACCEPTED] = HOOKS;
/** Those without which a port is not judged. */
export const JUDGING = [ZONES, TO_NODE, BRIDGED] as const;
/** Those by which the kernel is to reach our chains. */
export const neededHooks = ({ lines }: FilterWant): readonly (typeof HOOKS)[number][] =>
  lines.some(({ chain }) => chain === ACCEPTED.chain) ? HOOKS : JUDGING;

/** A set, group, class or port, in the order in which they need each other. */
type Owned = Readonly<{ owner: string; needs: readonly string[] }>;
export type SetWant = Owned & Readonly<{ name: string; version: IpVersion; entries: ReadonlySet<string> }>;
export type ChainWant = Owned &
  Readonly<{ version: IpVersion; table: string; chain: string; lines: readonly string[] }>;
/** A line of one of the chains that all ports share; the order of these makes no difference. */
export type LineWant = Owned & Readonly<{ version: IpVersion; table: string; chain: string; line: string }>;

export type FilterWant = Readonly<{
  sets: readonly SetWant[];
  /** What others lead to comes first. */
  chains: readonly ChainWant[];
  lines: readonly LineWant[];
}>;

/** The owner of what all need: the hooks, and that the kernel shows bridged packets at all. */
export const BASE_OWNER = 'hooks';

const REST = '-j DROP';

/** `ports` in the order of their ids. `zoneOf`: the conntrack zone of a port. */
export function renderFilter(
  view: HostView,
  ports: readonly Port[],
  numbers: Numbers,
  zoneOf: (portId: string) => number,
): FilterWant {
  const isStateful = (group: string): boolean => objectIn(view, 'securitygroup', group)?.stateful ?? true;
  const classes = new Map(
    ports.filter(isSecured).map((port) => {
      const its = classOf(port.securityGroupIds, isStateful);
      return [its.key, its] as const;
    }),
  );
  const groups = [...new Set([...classes.values()].flatMap((each) => each.groups))].sort();
  const { sets, rulesOf } = rulesAndSets(view, groups);
  const nodeAt = objectIn(view, 'node', view.host)?.setAt['node'] ?? 0;
  const chains: ChainWant[] = [];
  for (const group of groups) chains.push(...groupChains(group, rulesOf.get(group) ?? [], numbers));
  for (const key of [...classes.keys()].sort()) {
    const { mode, groups: its } = classes.get(key) ?? { mode: 'stateful', groups: [] };
    const needs = [BASE_OWNER, ...its.map((group) => `securitygroup/${group}`)];
    for (const version of VERSIONS)
      for (const way of WAYS) {
        const groupLines = (replies: boolean, match: string, chain = groupChain): string[] =>
          its.map((group) => {
            const rules = replies ? OTHER[way] : way;
            const position = objectIn(view, 'securitygroup', group)?.setAt['securitygroup'] ?? 0;
            return line(match, position, `-j ${chain(rules, way, numbers.of(`group/${group}`))}`);
          });
        const judged =
          mode === 'stateless'
            ? groupLines(false, '')
            : [
                line('-m conntrack --ctstate INVALID,UNTRACKED ', nodeAt, REST),
                ...groupLines(true, '-m conntrack --ctstate RELATED --ctdir REPLY ', errorChain),
                ...groupLines(false, '-m conntrack --ctstate RELATED --ctdir ORIGINAL ', errorChain),
                line('-m conntrack --ctstate RELATED ', nodeAt, '-j RETURN'),
                ...groupLines(true, '-m conntrack --ctdir REPLY '),
                ...groupLines(false, '-m conntrack --ctdir ORIGINAL '),
              ];
        const before = BEFORE_RULES[version][way].map((match) => line(match, nodeAt, '-j ACCEPT'));
        const chain = classChain(way, numbers.of(key));
        chains.push({ version, table: BRIDGED.table, chain, lines: [...before, ...judged], owner: key, needs });
      }
  }
  const lines: LineWant[] = [];
  const logs = [...objectsOf(view, 'packetlog')];
  for (const port of ports) {
    const its = isSecured(port) ? classOf(port.securityGroupIds, isStateful) : null;
    const owner = keyOf(port);
    const needs = [BASE_OWNER, ...(its ? [its.key] : [])];
    const { port: at = 0, binding = 0, membership = 0 } = port.setAt;
    const position = Math.max(at, binding, membership);
    const towards = (way: Way): string => (its ? `-j ${classChain(way, numbers.of(its.key))}` : '-j ACCEPT');
    const logged = its && loggedBy(logsOf(logs, port));
    const told = logged && { ...logged, position: Math.max(position, logged.position) };
    const tracking = its?.mode === 'stateful' ? `-j CT --zone ${zoneOf(port.id)}` : '-j CT --notrack';
    const from = `-i ${bridgeOf(port.id)} `;
    for (const version of VERSIONS) {
      const own = WAYS.map((way) => line(throughBridge(port.id, way), position, towards(way)));
      const drops = [...(told ? dropLines(port.id, told) : []), line('', position, REST)];
      const chain = (place: (typeof HOOKS)[number], name: string, its_lines: readonly string[]): ChainWant => ({
        ...{ version, table: place.table, chain: name, lines: its_lines, owner, needs },
      });
      chains.push(chain(BRIDGED, portChain(port.id), [...own, ...drops]));
      const shared = (place: (typeof HOOKS)[number], action: string): LineWant => ({
        ...{ version, table: place.table, chain: place.chain, owner, needs },
        line: line(from, position, action),
      });
      lines.push(shared(ZONES, tracking), shared(TO_NODE, REST), shared(BRIDGED, `-j ${portChain(port.id)}`));
      if (told?.accept && its?.mode === 'stateful') {
        const never = WAYS.flatMap((way) => BEFORE_RULES[version][way]);
        chains.push(chain(ACCEPTED, logChain(port.id), acceptLines(port.id, told, [...new Set(never)])));
        lines.push(shared(ACCEPTED, `-j ${logChain(port.id)}`));
      }
    }
  }
  return { sets, chains, lines };
}

const WAYS: readonly Way[] = ['i', 'o'];
const OTHER: Readonly<Record<Way, Way>> = { i: 'o', o: 'i' };

/** MLD (RFC 2710, 3810), router solicitation and advertisement, neighbour discovery. An instance's own advertisements are dropped by the switch. */
const [MLD, RS, RA, ND] = [[130, 131, 132, 143], [133], [134], [135, 136]] as const;
const icmp6 = (...types: number[]): string[] => types.map((type) => `-p 58 -m icmp6 --icmpv6-type ${type} `);
const udp = (from: number, to: number): string[] => [`-p 17 -m udp --sport ${from} --dport ${to} `];
/** What an instance could not work without, whatever its rules say: matches of packets that are accepted. */
const BEFORE_RULES: Readonly<Record<IpVersion, Readonly<Record<Way, readonly string[]>>>> = {
  4: { i: udp(67, 68), o: udp(68, 67) },
  6: {
    i: [...icmp6(...MLD, ...RA, ...ND), ...udp(547, 546)],
    o: [...icmp6(...MLD, ...RS, ...ND), ...udp(546, 547)],
  },
};

type RuleWith = Readonly<{ rule: SecurityGroupRule; set: string | null }>;

const versionOfRule = ({ ethertype }: SecurityGroupRule): IpVersion => (ethertype === 'IPv4' ? 4 : 6);

/** The rules of these groups, sorted, with the set that each names. */
function rulesAndSets(
  view: HostView,
  groups: readonly string[],
): { sets: SetWant[]; rulesOf: ReadonlyMap<string, readonly RuleWith[]> } {
  const rulesOf = new Map<string, RuleWith[]>(groups.map((group) => [group, []]));
  /** Remote -> the IP versions in which a rule names it. */
  const members = new Map<string, Set<IpVersion>>();
  const addresses = new Map<string, Set<IpVersion>>();
  const note = (in_: Map<string, Set<IpVersion>>, id: string, version: IpVersion) =>
    in_.set(id, (in_.get(id) ?? new Set()).add(version));
  for (const object of view.objects.values()) {
    if (object.kind !== 'securitygrouprule') continue;
    const its = rulesOf.get(object.securityGroupId);
    if (!its) continue;
    const version = versionOfRule(object);
    const { remoteGroupId: group, remoteAddressGroupId: addressGroup } = object;
    if (group) note(members, group, version);
    else if (addressGroup) note(addresses, addressGroup, version);
    const set = group ? memberSet(version, group) : addressGroup ? addressSet(version, addressGroup) : null;
    its.push({ rule: object, set });
  }
  for (const its of rulesOf.values()) its.sort((a, b) => (a.rule.id < b.rule.id ? -1 : 1));
  const entries = new Map<string, Set<string>>();
  const putIn = (name: string, of: AddressGroup | SecurityGroupMember | undefined, version: IpVersion): void => {
    const known = entries.get(name) ?? new Set<string>();
    if (of) for (const entry of entriesOf(of)[version]) known.add(entry);
    entries.set(name, known);
  };
  const versionsOf = new Map<string, IpVersion>();
  for (const [id, versions] of members)
    for (const version of versions) {
      versionsOf.set(memberSet(version, id), version);
      entries.set(memberSet(version, id), new Set());
    }
  for (const [id, versions] of addresses)
    for (const version of versions) {
      versionsOf.set(addressSet(version, id), version);
      putIn(addressSet(version, id), objectIn(view, 'addressgroup', id), version);
    }
  if (members.size > 0)
    for (const object of view.objects.values()) {
      if (object.kind !== 'securitygroupmember') continue;
      for (const version of members.get(object.securityGroupId) ?? [])
        putIn(memberSet(version, object.securityGroupId), object, version);
    }
  const sets = [...versionsOf]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, version]): SetWant => ({
      ...{ name, version, owner: `set/${name}`, needs: [] },
      entries: entries.get(name) ?? new Set(),
    }));
  return { sets, rulesOf };
}

type Entries = Readonly<Record<IpVersion, readonly string[]>>;
/** Worked out once for each object: a set may have thousands of members, of which one is new. */
const known = new WeakMap<AddressGroup | SecurityGroupMember, Entries>();

function entriesOf(of: AddressGroup | SecurityGroupMember): Entries {
  let found = known.get(of);
  if (!found) {
    const entries = (version: IpVersion): string[] =>
      of.addresses.filter((prefix) => versionOf(prefix) === version).flatMap(entryOf);
    known.set(of, (found = { 4: entries(4), 6: entries(6) }));
  }
  return found;
}

/** The rules of a group, in and out: for packets, for replies, and for errors. */
function groupChains(group: SecurityGroup['id'], rules: readonly RuleWith[], numbers: Numbers): ChainWant[] {
  const owner = `securitygroup/${group}`;
  const needs = [...new Set(rules.flatMap(({ set }) => (set === null ? [] : [`set/${set}`])))];
  return VERSIONS.flatMap((version) =>
    WAYS.flatMap((direction) =>
      WAYS.flatMap((way): ChainWant[] => {
        const its = rules.filter(
          ({ rule }) => versionOfRule(rule) === version && (rule.direction === 'ingress' ? 'i' : 'o') === direction,
        );
        const chainOf = (name: typeof groupChain, matchOf: (rule: RuleWith) => string | null): ChainWant => ({
          ...{ version, table: BRIDGED.table, chain: name(direction, way, numbers.of(`group/${group}`)), owner, needs },
          lines: its.flatMap((each) => {
            const match = matchOf(each);
            return match === null ? [] : line(match, each.rule.setAt['securitygrouprule'] ?? 0, '-j ACCEPT');
          }),
        });
        return [
          chainOf(groupChain, ({ rule, set }) => {
            const protocol = protocolText(rule, version, way !== direction);
            if (protocol === null) return null;
            const prefix = set === null && rule.remoteIpPrefix ? prefixText(rule.remoteIpPrefix, way) : '';
            return `${prefix}${protocol}${set === null ? '' : setText(set, way)}`;
          }),
          chainOf(errorChain, ({ rule, set }) => {
            const connection = errorText(rule, version, set === null ? rule.remoteIpPrefix : null);
            return connection === null ? null : `${connection}${set !== null && way === 'o' ? setText(set, way) : ''}`;
          }),
        ];
      }),
    ),
  );
}
