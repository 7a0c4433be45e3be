import { describe, expect, it } from '@jest/globals';
import { claimsOf } from '@plumbline/topology';
import type { Actor } from '../actor.js';
import { createAddressGroups } from '../address-groups/address-groups.js';
import { createPorts, updatePort } from '../ports/ports.js';
import { createRbacPolicies } from '../rbac-policies/rbac-policies.js';
import { make, port } from '../testing/requests.js';
import { World } from '../testing/world.js';
import { ANYTHING } from './rule.js';
import { createSecurityGroupRules, deleteSecurityGroupRule, NewSecurityGroupRule } from './security-group-rules.js';
import {
  createSecurityGroups,
  deleteSecurityGroup,
  ensureDefaultGroup,
  updateSecurityGroup,
} from './security-groups.js';

const MEMBER: Actor = { projectId: 'p', role: 'member' };
const OTHER: Actor = { projectId: 'q', role: 'member' };

const named = { projectId: 'p', name: 'web', description: '', stateful: true };
const aGroup = (world: World, request: Partial<typeof named> = {}) =>
  world.do(createSecurityGroups([{ ...named, ...request }]))[0] as string;
const rule = (securityGroupId: string, request: Partial<NewSecurityGroupRule> = {}): NewSecurityGroupRule => ({
  ...{ ...ANYTHING, projectId: 'p', description: '', securityGroupId, direction: 'ingress', ethertype: 'IPv4' },
  ...request,
});
const rulesOf = (world: World, id: string) =>
  world.topology
    .find('securitygrouprule', `securitygroup/${id}`)
    .map(({ direction, ethertype, remoteGroupId }) => [direction, ethertype, remoteGroupId]);

describe('security groups', () => {
  it('begin with leave to send, and their project with a default group', () => {
    const world = new World();
    const id = aGroup(world);
    expect(rulesOf(world, id)).toEqual([
      ['egress', 'IPv4', null],
      ['egress', 'IPv6', null],
    ]);
    const [group] = world.topology.find('securitygroup', 'default/p');
    const own = group?.id as string;
    expect(group).toMatchObject({ name: 'default', description: 'Default security group', isDefault: true });
    expect(rulesOf(world, own)).toEqual([
      ['ingress', 'IPv4', own],
      ['egress', 'IPv4', null],
      ['ingress', 'IPv6', own],
      ['egress', 'IPv6', null],
    ]);
    expect(world.eventsOf(ensureDefaultGroup('p'))).toEqual([]);
    expect(world.topology.all('securitygroup')).toHaveLength(2);
    world.heldClaims();
  });

  it('have one default each project, which keeps its name and stays', () => {
    const world = new World();
    const own = world.do(ensureDefaultGroup('p'));
    expect(world.do(ensureDefaultGroup('q'))).not.toBe(own);
    expect(world.refusal(createSecurityGroups([{ ...named, name: 'Default' }]))).toBe(
      'SecurityGroupDefaultAlreadyExists: Default security group already exists.',
    );
    expect(world.refusal(updateSecurityGroup(own, { name: 'mine' }))).toBe(
      'SecurityGroupCannotUpdateDefault: Updating default security group not allowed.',
    );
    expect(world.eventsOf(updateSecurityGroup(own, { description: 'ours' }))).toEqual(['SecurityGroupAttributesSet']);
    expect(() => world.as(MEMBER, deleteSecurityGroup(own))).toThrow(
      'Insufficient rights for removing default security group.',
    );
    world.do(deleteSecurityGroup(own));
    expect(world.topology.get('securitygroup', own)).toBeUndefined();
  });

  it('stay while a port is in them, and as they are', () => {
    const world = new World();
    const networkId = make.network(world);
    const id = aGroup(world);
    const portId = make.port(world, networkId, { securityGroupIds: [id] });
    expect(world.refusal(deleteSecurityGroup(id))).toBe(`SecurityGroupInUse: Security Group ${id} in use.`);
    expect(world.refusal(updateSecurityGroup(id, { stateful: false }))).toMatch(/^SecurityGroupInUse/);
    expect(world.eventsOf(updateSecurityGroup(id, { stateful: true, name: 'net' }))).toEqual([
      'SecurityGroupAttributesSet',
    ]);
    world.do(updatePort(portId, { securityGroupIds: [] }));
    expect(world.eventsOf(updateSecurityGroup(id, { stateful: false }))).toEqual(['SecurityGroupAttributesSet']);
    expect(world.get('securitygroup', id).stateful).toBe(false);
  });

  it('take with them the rules of others that name them', () => {
    const world = new World();
    const [gone, stays] = [aGroup(world), aGroup(world)];
    world.do(createSecurityGroupRules([rule(stays, { remoteGroupId: gone })]));
    world.do(createSecurityGroupRules([rule(gone, { remoteGroupId: gone })]));
    world.do(deleteSecurityGroup(gone));
    expect(rulesOf(world, gone)).toEqual([]);
    expect(rulesOf(world, stays)).toHaveLength(2);
    world.heldClaims();
  });

  it('refuse a rule that is there already, however it is spelt', () => {
    const world = new World();
    const id = aGroup(world);
    const [first] = world.do(createSecurityGroupRules([rule(id, { protocol: 'tcp', remoteIpPrefix: '10.0.0.5/24' })]));
    expect(world.refusal(createSecurityGroupRules([rule(id, { protocol: '6', remoteIpPrefix: '10.0.0.0/24' })]))).toBe(
      `SecurityGroupRuleExists: Security group rule already exists. Rule id is ${first}.`,
    );
    expect(world.refusal(createSecurityGroupRules([rule(id, { direction: 'egress' })]))).toMatch(
      /^SecurityGroupRuleExists/,
    );
    expect(world.refusal(createSecurityGroupRules([rule(id, { protocol: 'udp' }), rule(id, { protocol: '17' })]))).toBe(
      'DuplicateSecurityGroupRuleInPost: Duplicate Security Group Rule in POST.',
    );
    world.do(deleteSecurityGroupRule(first as string));
    expect(
      world.do(createSecurityGroupRules([rule(id, { protocol: '6' }), rule(id, { protocol: 'udp' })])),
    ).toHaveLength(2);
  });

  it('take rules of one group and one project at a time', () => {
    const world = new World();
    const [one, two] = [aGroup(world), aGroup(world)];
    expect(world.refusal(createSecurityGroupRules([rule(one), rule(two)]))).toMatch(
      /^SecurityGroupNotSingleGroupRules/,
    );
    expect(world.refusal(createSecurityGroupRules([rule(one), rule(one, { projectId: 'q' })]))).toMatch(
      /^SecurityGroupRulesNotSingleTenant/,
    );
  });

  it('know only what the client sees, and obey their owner', () => {
    const world = new World();
    const mine = aGroup(world);
    const theirs = aGroup(world, { projectId: 'q' });
    const asOther = (request: NewSecurityGroupRule) => () => world.as(OTHER, createSecurityGroupRules([request]));
    expect(asOther(rule(mine))).toThrow(`Security group ${mine} does not exist`);
    expect(asOther(rule(theirs, { remoteGroupId: mine }))).toThrow(`Security group ${mine} does not exist`);
    const [offices] = world.do(
      createAddressGroups([{ projectId: 'p', name: '', description: '', addresses: ['192.0.2.0/24'] }]),
    );
    expect(asOther(rule(theirs, { remoteAddressGroupId: offices as string }))).toThrow(
      `Address group ${offices} could not be found.`,
    );
    const policy = { objectType: 'security_group', objectId: mine, action: 'access_as_shared' } as const;
    world.do(createRbacPolicies([{ ...policy, projectId: 'p', targetProject: 'q' }]));
    expect(asOther(rule(mine))).toThrow('rule:create_security_group_rule is disallowed by policy');
    expect(asOther(rule(theirs, { projectId: 'q', remoteGroupId: mine }))()).toHaveLength(1);
    const networkId = make.network(world, { projectId: 'q' });
    const [portId] = world.as(OTHER, createPorts([port(networkId, { projectId: 'q', securityGroupIds: [mine] })]));
    expect(world.get('port', portId as string).securityGroupIds).toEqual([mine]);
  });

  it('cost one claim for each port in them, and no event of their own', () => {
    const world = new World();
    const networkId = make.network(world);
    const own = world.do(ensureDefaultGroup('p'));
    const before = world.log.length;
    for (let n = 0; n < 20; n += 1) world.do(createPorts(Array.from({ length: 50 }, () => port(networkId))));
    expect(world.log.length - before).toBe(1000);
    expect(world.get('securitygroup', own).revision).toBe(0);
    expect(world.heldClaims().filter((claim) => claim.startsWith(`member/${own}/`))).toHaveLength(1000);
    for (const each of world.topology.all('port'))
      expect(claimsOf(each).filter((claim) => claim.startsWith('member/'))).toEqual([`member/${own}//${each.id}`]);
  });
});
