/** The walk's moves on security groups: groups, rules that name others, address groups, and ports that come to them and go. */
import type { AddressPair, SecurityGroupRule } from '@plumbline/contracts';
import { securityGroupCreated, securityGroupRuleCreated } from './events.js';
import { instancePorts, pick, pickKind, type Move } from './reach.js';
import type { Walk } from './walk.js';

const createGroup: Move = (walk, { a, b }) => {
  if (a % 3 === 0) {
    const name = `addresses-${b}`;
    const data = { addressGroupId: walk.newId(), projectId: 'project', name, description: '', addresses: prefixes(b) };
    walk.emit({ type: 'AddressGroupCreated', version: 1, data });
    return;
  }
  const securityGroupId = walk.newId();
  walk.emit(securityGroupCreated({ securityGroupId, name: `group-${b}` }));
  if (a % 2 === 0) walk.emit(ruleOf(walk, securityGroupId, { remoteGroupId: securityGroupId }));
};

const prefixes = (n: number): string[] =>
  [`198.51.100.${n % 250}/32`, `203.0.113.${(n % 8) * 32}/27`].slice(0, 1 + (n % 2));

const ruleOf = (walk: Walk, securityGroupId: string, facts: Partial<SecurityGroupRule>) =>
  securityGroupRuleCreated({ securityGroupRuleId: walk.newId(), securityGroupId, ...facts });

const createRule: Move = (walk, { a, b, c }) => {
  const group = pickKind(walk, 'securitygroup', a);
  if (!group) return;
  const [remote, addresses] = [pickKind(walk, 'securitygroup', b), pickKind(walk, 'addressgroup', b)];
  const ports = { protocol: 'tcp', portRangeMin: b + 1, portRangeMax: b + 1 };
  if (c % 3 === 0) walk.emit(ruleOf(walk, group.id, { ...ports, remoteIpPrefix: '192.0.2.0/24' }));
  else if (c % 3 === 1 && addresses)
    walk.emit(ruleOf(walk, group.id, { ...ports, remoteAddressGroupId: addresses.id }));
  else if (remote) walk.emit(ruleOf(walk, group.id, { ...ports, remoteGroupId: remote.id }));
};

const deleteRule: Move = (walk, { a }) => {
  const rule = pickKind(walk, 'securitygrouprule', a);
  if (rule) emitDeleted(walk, rule);
};

const emitDeleted = (walk: Walk, { id: securityGroupRuleId, securityGroupId }: SecurityGroupRule): void =>
  walk.emit({ type: 'SecurityGroupRuleDeleted', version: 1, data: { securityGroupRuleId, securityGroupId } });

const changeGroup: Move = (walk, { a, b, c }) => {
  const group = pickKind(walk, 'securitygroup', a);
  const addresses = pickKind(walk, 'addressgroup', b);
  if (c % 2 === 0 && addresses)
    walk.emit({
      type: 'AddressGroupAttributesSet',
      version: 1,
      data: { addressGroupId: addresses.id, set: { addresses: prefixes(c) } },
    });
  else if (group)
    walk.emit({
      type: 'SecurityGroupAttributesSet',
      version: 1,
      data: { securityGroupId: group.id, set: { stateful: b % 2 === 0 } },
    });
};

const deleteGroup: Move = (walk, { a, b }) => {
  const { topology } = walk;
  if (b % 2 === 0) {
    const unused = topology.all('addressgroup').filter(({ id }) => !topology.has(`addressgroup/${id}`));
    const gone = pick(unused, a);
    if (gone) walk.emit({ type: 'AddressGroupDeleted', version: 1, data: { addressGroupId: gone.id } });
    return;
  }
  const unused = topology.all('securitygroup').filter(({ id }) => topology.count('port', `securitygroup/${id}`) === 0);
  const gone = pick(unused, a);
  if (!gone) return;
  const rules = topology.all('securitygrouprule');
  for (const rule of rules)
    if (rule.securityGroupId === gone.id || rule.remoteGroupId === gone.id) emitDeleted(walk, rule);
  walk.emit({ type: 'SecurityGroupDeleted', version: 1, data: { securityGroupId: gone.id } });
};

/** A log of a group or of a port begins, rests or ends. */
const logPackets: Move = (walk, { a, b, c }) => {
  const log = pickKind(walk, 'packetlog', a);
  const [group, port] = [pickKind(walk, 'securitygroup', b), pick(instancePorts(walk), b)];
  if (log && c % 4 === 0) walk.emit({ type: 'PacketLogDeleted', version: 1, data: { packetLogId: log.id } });
  else if (log && c % 4 === 1) {
    const set = { enabled: b % 2 === 0 };
    walk.emit({ type: 'PacketLogAttributesSet', version: 1, data: { packetLogId: log.id, set } });
  } else if (group && port)
    walk.emit({
      type: 'PacketLogCreated',
      version: 1,
      data: {
        ...{ packetLogId: walk.newId(), projectId: 'project', name: '', description: '', enabled: true },
        ...{ resourceType: 'security_group', event: 'DROP' },
        ...{ securityGroupId: c % 2 === 0 ? group.id : null, portId: c % 2 === 0 ? null : port.id },
      },
    });
};

/** Comes to groups or goes from them, with pairs at times. */
const joinGroups: Move = (walk, { a, b, c }) => {
  const port = pick(instancePorts(walk), a);
  if (!port) return;
  const groups = walk.topology.all('securitygroup').filter((_group, at) => (b >> (at % 4)) % 2 === 1);
  const pair: AddressPair = { ipAddress: c % 2 === 0 ? `10.9.0.${c}` : '10.9.1.0/28', macAddress: port.macAddress };
  const securityGroupIds = groups.map(({ id }) => id).sort();
  const allowedAddressPairs = c % 3 === 0 ? [pair] : [];
  const set = c % 5 === 0 ? { allowedAddressPairs } : { securityGroupIds, allowedAddressPairs };
  walk.emit({ type: 'PortAttributesSet', version: 1, data: { portId: port.id, set } });
};

export const SECURITY_GROUP_MOVES: readonly Move[] = [
  createGroup,
  createGroup,
  createRule,
  createRule,
  createRule,
  deleteRule,
  changeGroup,
  deleteGroup,
  logPackets,
  joinGroups,
  joinGroups,
  joinGroups,
];
