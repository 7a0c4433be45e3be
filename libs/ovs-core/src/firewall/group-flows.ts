/**
 * The flows of rules: conjunctive matches in three parts (ovs-fields(7), "Conjunctive Match Fields"), so that nothing is multiplied.
 *
 *   1 address     an address of the remote set, or a prefix; none for any         one flow an address, whatever the number of groups that name it
 *   2 class       the groups of the port (reg7)                                   one flow a class, direction and family
 *   3 protocol    protocol and ports of a rule                                    the rule's own flow
 *
 * All rules of a group, direction and family with one remote are one *use* of that remote and one conjunction: its id leads to table 90. So a rule whose remote is in
 * use costs its protocol part; the first use of a set costs a change of each address and class, in one bundle; a member costs a flow; a port costs nothing here.
 *
 * Road not taken: the port itself as the second part. It would be a change of each port for each new remote; ports with the same groups are alike.
 *
 * Goals: an event costs what it changes. What is kept is what was last told; the flows follow from it alone, in whatever order it was told (a property test).
 */
import {
  type AddressGroup,
  canonicalCidr,
  type SecurityGroup,
  type SecurityGroupMember,
  type SecurityGroupRule,
  versionOf,
} from '@plumbline/contracts';
import { type Flow, keyOfFlow } from '../flow.js';
import { hex, type Numbers } from './numbers.js';
import { protocolMatches } from './protocols.js';
import { type Part, SharedFlows } from './shared-flows.js';
import { type Direction, type Family, goto, type Mode, RULES, TABLE, TRACKED } from './tables.js';

const PRIORITY = 10;
const ANY = 'any';

/** The ports that have the same groups, and so the same rules. */
export type PortClass = Readonly<{ key: string; mode: Mode; groups: readonly string[] }>;

/** A remote that a group names in one direction and family, for ports of one mode. */
type Use = Readonly<{
  key: string;
  group: string;
  direction: Direction;
  family: Family;
  mode: Mode;
  /** `any`, a prefix, `securitygroup/<id>` or `addressgroup/<id>`. */
  remote: string;
}>;
type Used = { use: Use; rules: ReadonlyMap<string, SecurityGroupRule> };

/** A port is stateless when all its groups are: a stateful group tracks the connections of its ports, whichever rule allows them. */
export function classOf(groups: readonly string[], isStateful: (group: string) => boolean): PortClass {
  const mode: Mode = groups.length > 0 && !groups.some(isStateful) ? 'stateless' : 'stateful';
  const sorted = [...groups].sort();
  return { key: `class/${mode}/${sorted.join('+')}`, mode, groups: sorted };
}

export class GroupFlows {
  private readonly groups = new Map<string, SecurityGroup>();
  private readonly rules = new Map<string, SecurityGroupRule>();
  private readonly rulesOf = new Map<string, Map<string, SecurityGroupRule>>();
  private readonly members = new Map<string, Map<string, SecurityGroupMember>>();
  private readonly addressGroups = new Map<string, AddressGroup>();
  private readonly ports = new Map<string, PortClass>();
  private readonly portsIn = new Map<string, Set<string>>();
  private readonly classes = new Map<string, PortClass>();
  private readonly classesOf = new Map<string, Set<string>>();
  private readonly usesOf = new Map<string, Map<string, Used>>();
  private readonly usesOfRemote = new Map<string, Set<Use>>();
  private readonly shared = new SharedFlows();

  constructor(private readonly numbers: Numbers) {}

  /** False for a group that is not known: its ports are tracked. */
  isStateful = (id: string): boolean => this.groups.get(id)?.stateful ?? true;

  /** Ports that have the group. */
  portsOf(group: string): string[] {
    return [...(this.classesOf.get(group) ?? [])].flatMap((key) => [...(this.portsIn.get(key) ?? [])]);
  }

  /** True when the group's ports must be told anew: their class may be another one. */
  setGroup(id: string, group: SecurityGroup | undefined): boolean {
    const before = this.isStateful(id);
    if (group) this.groups.set(id, group);
    else this.groups.delete(id);
    this.refresh(id);
    return before !== this.isStateful(id);
  }

  setRule(id: string, rule: SecurityGroupRule | undefined): void {
    const before = this.rules.get(id);
    if (before === rule) return;
    if (before) this.rulesOf.get(before.securityGroupId)?.delete(id);
    if (rule) {
      this.rules.set(id, rule);
      mapIn(this.rulesOf, rule.securityGroupId).set(id, rule);
    } else this.rules.delete(id);
    for (const group of new Set([before?.securityGroupId, rule?.securityGroupId])) if (group) this.refresh(group);
  }

  setMember(id: string, groupId: string, member: SecurityGroupMember | undefined): void {
    const of = mapIn(this.members, groupId);
    if (of.get(id) === member) return;
    if (member) of.set(id, member);
    else of.delete(id);
    for (const use of this.usesOfRemote.get(`securitygroup/${groupId}`) ?? []) this.putMember(use, id, member);
    if (of.size === 0) this.members.delete(groupId);
  }

  setAddressGroup(id: string, group: AddressGroup | undefined): void {
    if (this.addressGroups.get(id) === group) return;
    if (group) this.addressGroups.set(id, group);
    else this.addressGroups.delete(id);
    for (const use of this.usesOfRemote.get(`addressgroup/${id}`) ?? []) this.putAddressGroup(use, id, group);
  }

  /** Null: the port is not here, or has no rules. */
  setPort(id: string, next: PortClass | null): void {
    const before = this.ports.get(id) ?? null;
    if (before?.key === next?.key) return;
    if (next) {
      this.ports.set(id, next);
      setIn(this.portsIn, next.key).add(id);
    } else this.ports.delete(id);
    if (before) this.portsIn.get(before.key)?.delete(id);
    if (before && this.portsIn.get(before.key)?.size === 0) this.setClass(before, false);
    if (next && !this.classes.has(next.key)) this.setClass(next, true);
  }

  /** The flows that changed since the last call; null: it is not wanted any more. */
  changed(): Map<string, Flow | null> {
    return this.shared.changed();
  }

  /** Objects that a flow of rules is there for: rules, groups, address groups, ports that are members. */
  servedBy(key: string): readonly string[] {
    return [...new Set(this.shared.sourcesOf(key).flatMap((source) => this.objectsOf(source)))].sort();
  }

  /** A source is a class of ports, a class and one of its groups, a use of a remote, or a use and what fills one of its parts. */
  private objectsOf(source: string): readonly string[] {
    const [first = '', group = '', direction = '', family = '', remote = '', id] = source.split(' ');
    if (first.startsWith('class/'))
      return (group === '' ? (first.split('/')[2] ?? '').split('+') : [group]).map((each) => `securitygroup/${each}`);
    const use = `${first} ${group} ${direction} ${family} ${remote}`;
    if (id === undefined)
      return [...(this.usesOf.get(group)?.get(use)?.rules.keys() ?? [])].map((rule) => `securitygrouprule/${rule}`);
    if (this.rules.has(id)) return [`securitygrouprule/${id}`];
    const [, port] = id.split('_');
    return [port === undefined ? `addressgroup/${id}` : `port/${port}`];
  }

  private setClass(of: PortClass, there: boolean): void {
    if (there) this.classes.set(of.key, of);
    else {
      this.classes.delete(of.key);
      this.portsIn.delete(of.key);
    }
    for (const group of of.groups) {
      if (there) setIn(this.classesOf, group).add(of.key);
      else this.classesOf.get(group)?.delete(of.key);
    }
    if (!there) this.shared.replace(of.key, []);
    for (const group of of.groups) {
      if (!there) for (const mode of MODES) this.shared.replace(`${of.key} ${group} ${mode}`, []);
      this.refresh(group);
    }
  }

  /** A stateless port's packets go to its rules without tracking. */
  private bypass(of: PortClass): Part[] {
    const number = hex(this.numbers.of(of.key));
    const position = Math.max(...of.groups.map((group) => this.groupAt(group)));
    return FAMILIES.flatMap((family) => [
      part(TABLE.beforeRulesFrom, 70, `${family},reg7=${number}`, goto(RULES.stateless.egress), position),
      part(TABLE.beforeRulesTo, 90, `${family},reg7=${number}`, goto(RULES.stateless.ingress), position),
    ]);
  }

  private groupAt(group: string): number {
    return this.groups.get(group)?.setAt['securitygroup'] ?? 0;
  }

  /** What this group's rules need, by what is here now. */
  private refresh(group: string): void {
    const classes = [...(this.classesOf.get(group) ?? [])].flatMap((key) => this.classes.get(key) ?? []);
    const before = this.usesOf.get(group) ?? NO_USES;
    const now = this.usesBy(group, new Set(classes.map(({ mode }) => mode)));
    if (now.size > 0) this.usesOf.set(group, now);
    else this.usesOf.delete(group);
    for (const [key, used] of before) {
      const kept = now.get(key);
      for (const id of used.rules.keys()) if (!kept?.rules.has(id)) this.shared.replace(`${key} ${id}`, []);
      if (!kept) this.putUse(used.use, null);
    }
    for (const [key, { use, rules }] of now) {
      const known = before.get(key);
      for (const [id, rule] of rules)
        if (known?.rules.get(id) !== rule) this.shared.replace(`${key} ${id}`, this.ruleParts(use, rule));
      this.putUse(known?.use ?? use, Math.min(...[...rules.values()].map(ruleAt)));
      if (known) now.set(key, { use: known.use, rules });
    }
    for (const of of classes) {
      this.shared.replace(`${of.key} ${group} ${of.mode}`, this.classParts(of, group, now));
      if (of.mode === 'stateless') this.shared.replace(of.key, this.bypass(of));
    }
  }

  private usesBy(group: string, modes: ReadonlySet<Mode>): Map<string, Used> {
    const uses = new Map<string, { use: Use; rules: Map<string, SecurityGroupRule> }>();
    for (const [id, rule] of this.rulesOf.get(group) ?? [])
      for (const mode of modes) {
        const use = useOf(rule, mode);
        const known = uses.get(use.key);
        if (known) known.rules.set(id, rule);
        else uses.set(use.key, { use, rules: new Map([[id, rule]]) });
      }
    return uses;
  }

  /** The end of a use's conjunction, and its addresses. `position` of its first rule; null: it is not used any more. */
  private putUse(use: Use, position: number | null): void {
    const number = this.numbers.of(numberName(use));
    const accept = (at: number) =>
      part(RULES[use.mode][use.direction], PRIORITY, `conj_id=${number},${use.family}`, goto(TABLE.allowed), at);
    const at = position ?? 0;
    const fixed = position === null || isSet(use) || use.remote === ANY ? [] : [this.address(use, use.remote, at)];
    this.shared.replace(use.key, position === null ? [] : [accept(at), ...fixed]);
    if (!isSet(use)) return;
    const uses = setIn(this.usesOfRemote, use.remote);
    if (position !== null && uses.has(use)) return;
    const there = position !== null;
    if (there) uses.add(use);
    else uses.delete(use);
    if (uses.size === 0) this.usesOfRemote.delete(use.remote);
    const id = use.remote.slice(use.remote.indexOf('/') + 1);
    if (use.remote.startsWith('addressgroup/'))
      this.putAddressGroup(use, id, there ? this.addressGroups.get(id) : undefined);
    else for (const [each, member] of this.members.get(id) ?? []) this.putMember(use, each, there ? member : undefined);
  }

  private putMember(use: Use, id: string, member: SecurityGroupMember | undefined): void {
    const position = Math.max(0, ...Object.values(member?.setAt ?? {}));
    this.putAddresses(use, id, member?.addresses ?? [], position);
  }

  private putAddressGroup(use: Use, id: string, group: AddressGroup | undefined): void {
    this.putAddresses(use, id, group?.addresses ?? [], group?.setAt['addressgroup'] ?? 0);
  }

  private putAddresses(use: Use, source: string, addresses: readonly string[], position: number): void {
    const ofFamily = addresses.filter((address) => familyOf(address) === use.family);
    this.shared.replace(
      `${use.key} ${source}`,
      ofFamily.flatMap(inSet).map((address) => this.address(use, address, position)),
    );
  }

  private address(use: Use, remote: string, position: number): Part {
    const match = addressMatch(use, remote);
    return part(RULES[use.mode][use.direction], PRIORITY, match, this.clause(use, 'address'), position);
  }

  private ruleParts(use: Use, rule: SecurityGroupRule): Part[] {
    return protocolMatches(rule, use.family, use.mode).map((match) =>
      part(RULES[use.mode][use.direction], PRIORITY, match, this.clause(use, 'protocol'), ruleAt(rule)),
    );
  }

  private classParts(of: PortClass, group: string, uses: ReadonlyMap<string, Used>): Part[] {
    const number = hex(this.numbers.of(of.key));
    return [...uses.values()]
      .filter(({ use }) => use.mode === of.mode)
      .map(({ use }) => {
        const match = `${use.family},reg7=${number}`;
        return part(RULES[use.mode][use.direction], PRIORITY, match, this.clause(use, 'class'), this.groupAt(group));
      });
  }

  /** Without the first part where any address will do. */
  private clause(use: Use, which: keyof typeof CLAUSES): string {
    const clause = use.remote === ANY ? `${CLAUSES[which] - 1}/2` : `${CLAUSES[which]}/3`;
    return `conjunction(${this.numbers.of(numberName(use))},${clause})`;
  }
}

const CLAUSES = { address: 1, class: 2, protocol: 3 } as const;
const MODES: readonly Mode[] = ['stateful', 'stateless'];
const FAMILIES: readonly Family[] = ['ip', 'ipv6'];
const NO_USES: ReadonlyMap<string, Used> = new Map();

const part = (table: number, priority: number, match: string, action: string, position: number): Part => ({
  key: keyOfFlow(table, priority, match),
  action,
  position,
});

const ruleAt = (rule: SecurityGroupRule): number => rule.setAt['securitygrouprule'] ?? 0;
const familyOf = (address: string): Family => (versionOf(address) === 4 ? 'ip' : 'ipv6');
const isSet = ({ remote }: Use): boolean => remote.startsWith('securitygroup/') || remote.startsWith('addressgroup/');
/** Stateful and stateless ports are judged in tables of their own, so one number serves both. */
const numberName = ({ group, direction, family, remote }: Use): string =>
  `use/${group}/${direction}/${family}/${remote}`;

function useOf(rule: SecurityGroupRule, mode: Mode): Use {
  const remote = rule.remoteGroupId
    ? `securitygroup/${rule.remoteGroupId}`
    : rule.remoteAddressGroupId
      ? `addressgroup/${rule.remoteAddressGroupId}`
      : remotePrefix(rule.remoteIpPrefix ?? '0.0.0.0/0');
  const { securityGroupId: group, direction } = rule;
  const family: Family = rule.ethertype === 'IPv4' ? 'ip' : 'ipv6';
  const key = `${mode} ${group} ${direction} ${family} ${remote}`;
  return { key, group, direction, family, mode, remote };
}

/** A prefix as a match has it: without the length of a single address; `any` for all addresses. */
function remotePrefix(prefix: string): string {
  const canonical = prefix.includes('/') ? canonicalCidr(prefix) : prefix;
  if (canonical.endsWith('/0')) return ANY;
  return canonical.replace(canonical.includes(':') ? /\/128$/ : /\/32$/, '');
}

/**
 * Prefixes of a set as matches have them. All addresses are two halves: the switch wants a flow for each part of a conjunction, and the match for any address is
 * that for any protocol.
 */
function inSet(prefix: string): string[] {
  const one = remotePrefix(prefix);
  if (one !== ANY) return [one];
  return prefix.includes(':') ? ['::/1', '8000::/1'] : ['0.0.0.0/1', '128.0.0.0/1'];
}

function addressMatch({ direction, family, mode }: Use, remote: string): string {
  const side = direction === 'ingress' ? 'src' : 'dst';
  const field = `${family === 'ip' ? 'nw' : 'ipv6'}_${side}`;
  return mode === 'stateful' ? `${TRACKED},ct_${field}=${remote},${family}` : `${family},${field}=${remote}`;
}

function mapIn<V>(maps: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let found = maps.get(key);
  if (!found) maps.set(key, (found = new Map()));
  return found;
}

function setIn<V>(sets: Map<string, Set<V>>, key: string): Set<V> {
  let found = sets.get(key);
  if (!found) sets.set(key, (found = new Set()));
  return found;
}
