import { describe, expect, it } from '@jest/globals';
import type { Actor } from '../actor.js';
import { createSecurityGroups, ensureDefaultGroup } from '../security-groups/security-groups.js';
import { registerNode, removeNode } from '../nodes/nodes.js';
import { make, port } from '../testing/requests.js';
import { World } from '../testing/world.js';
import { createPorts, NewPort, PortChanges, updatePort } from './ports.js';

const ABSENT = '00000000-0000-4000-8000-ffffffffffff';
const ON = { host: 'cmp1', vnicType: 'normal', profile: {} };

function aNetwork() {
  const world = new World();
  const networkId = make.network(world);
  const subnetId = make.subnet(world, networkId, '10.0.0.0/24');
  const own = world.do(ensureDefaultGroup('p'));
  const [web] = world.do(createSecurityGroups([{ projectId: 'p', name: 'web', description: '', stateful: true }]));
  const create = (request: Partial<NewPort>) => createPorts([port(networkId, request)]);
  const change = (id: string, changes: PortChanges) => updatePort(id, changes);
  return { world, networkId, subnetId, own, web: web as string, create, change };
}

describe('security of ports', () => {
  it('is the default group where nothing is said, and nothing where none applies', () => {
    const { world, networkId, own, web } = aNetwork();
    const groupsOf = (request: Partial<NewPort>) =>
      world.get('port', make.port(world, networkId, request)).securityGroupIds;
    expect(groupsOf({})).toEqual([own]);
    expect(groupsOf({ securityGroupIds: [] })).toEqual([]);
    expect(groupsOf({ securityGroupIds: [web, own, web] })).toEqual([own, web].sort());
    expect(groupsOf({ portSecurityEnabled: false })).toEqual([]);
    expect(groupsOf({ deviceOwner: 'network:dhcp' })).toEqual([]);
  });

  it('makes the default group with the first port of a project', () => {
    const world = new World();
    const networkId = make.network(world);
    const made = world.eventsOf(createPorts([port(networkId), port(networkId)]));
    expect(made.filter((type) => type !== 'SecurityGroupRuleCreated')).toEqual([
      'SecurityGroupCreated',
      'PortCreated',
      'PortCreated',
    ]);
    expect(made).toHaveLength(7);
  });

  it('is refused in parts that do not go together', () => {
    const { world, web, create } = aNetwork();
    const refusal = (request: Partial<NewPort>) => world.refusal(create(request));
    const pair = { ipAddress: '10.0.0.9', macAddress: null };
    expect(refusal({ portSecurityEnabled: false, securityGroupIds: [web] })).toBe(
      'PortSecurityAndIPRequiredForSecurityGroups: Port security must be enabled and port must have an IP address in order to use security groups.',
    );
    expect(refusal({ portSecurityEnabled: false, allowedAddressPairs: [pair] })).toBe(
      'AddressPairAndPortSecurityRequired: Port Security must be enabled in order to have allowed address pairs on a port.',
    );
    expect(refusal({ securityGroupIds: [ABSENT] })).toBe(
      `SecurityGroupNotFound: Security group ${ABSENT} does not exist`,
    );
    expect(refusal({ projectId: 'q', securityGroupIds: [web] })).toMatch(/^SecurityGroupNotFound/);
    expect(refusal({ deviceOwner: 'network:dhcp', securityGroupIds: [web] })).toMatch(/^InvalidInput/);
    expect(refusal({ allowedAddressPairs: [pair, pair] })).toBe(
      'DuplicateAddressPairInRequest: Request contains duplicate address pair: mac_address None ip_address 10.0.0.9.',
    );
    const many = Array.from({ length: 11 }, (_, n) => ({ ipAddress: `10.0.1.${n}`, macAddress: null }));
    expect(refusal({ allowedAddressPairs: many })).toMatch(/^AllowedAddressPairExhausted: .* maximum 10\.$/);
  });

  it('is changed as a whole', () => {
    const { world, networkId, web, own, change } = aNetwork();
    const id = make.port(world, networkId);
    expect(world.refusal(change(id, { portSecurityEnabled: false }))).toMatch(/^PortSecurityPortHasSecurityGroup: /);
    expect(world.refusal(change(id, { portSecurityEnabled: false, securityGroupIds: [web] }))).toMatch(
      /^PortSecurityAndIPRequiredForSecurityGroups/,
    );
    expect(world.refusal(change(id, { securityGroupIds: [own, ABSENT] }))).toMatch(/^SecurityGroupNotFound/);
    world.do(
      change(id, { securityGroupIds: [web], allowedAddressPairs: [{ ipAddress: '10.0.0.9', macAddress: null }] }),
    );
    const { macAddress } = world.get('port', id);
    expect(world.get('port', id)).toMatchObject({
      securityGroupIds: [web],
      allowedAddressPairs: [{ ipAddress: '10.0.0.9', macAddress }],
    });
    expect(world.refusal(change(id, { portSecurityEnabled: false, securityGroupIds: [] }))).toMatch(
      /^AddressPairAndPortSecurityRequired/,
    );
    const off = { portSecurityEnabled: false, securityGroupIds: [], allowedAddressPairs: [] };
    expect(world.eventsOf(change(id, off))).toEqual(['PortAttributesSet']);
    expect(world.eventsOf(change(id, off))).toEqual([]);
    expect(world.eventsOf(change(id, { portSecurityEnabled: true }))).toEqual(['PortAttributesSet']);
    expect(world.get('port', id).securityGroupIds).toEqual([]);
    world.heldClaims();
  });

  it('is bound only where it is enforced', () => {
    const { world, networkId } = aNetwork();
    const says = (firewall: string | undefined) =>
      world.do(registerNode({ host: 'cmp1', tunnelIp: null, bridgeMappings: {}, firewall }));
    const bound = (request: Partial<NewPort> = {}) => createPorts([port(networkId, { binding: ON, ...request })]);
    const refused =
      /^PortSecurityNotEnforced: Host cmp1 does not enforce .*port_security_enabled=false.*PLUMB_FIREWALL/;
    expect(world.refusal(bound())).toMatch(refused);
    for (const firewall of [undefined, 'none', 'of-tomorrow']) {
      says(firewall);
      expect(world.refusal(bound())).toMatch(refused);
    }
    for (const free of [
      { portSecurityEnabled: false },
      { deviceOwner: 'network:dhcp' },
      { binding: { ...ON, host: '' } },
    ])
      expect(world.do(bound(free))).toHaveLength(1);
    const [open] = world.do(bound({ portSecurityEnabled: false })) as [string];
    expect(world.refusal(updatePort(open, { portSecurityEnabled: true }))).toMatch(refused);
    const [dhcp] = world.do(bound({ deviceOwner: 'network:dhcp' })) as [string];
    expect(world.refusal(updatePort(dhcp, { deviceOwner: '' }))).toMatch(refused);
    for (const firewall of ['openflow', 'hybrid']) {
      says(firewall);
      const [id] = world.do(bound()) as [string];
      expect(world.refusal(updatePort(id, { binding: { host: 'cmp2' } }))).toMatch(/Host cmp2 does not enforce/);
      // A node that stops enforcing keeps what is bound there, and gets nothing new.
      for (const stop of [() => says('none'), () => world.do(removeNode('cmp1'))]) {
        stop();
        expect(world.eventsOf(updatePort(id, { name: `${firewall} ${stop}` }))).toEqual(['PortAttributesSet']);
        expect(world.eventsOf(updatePort(id, { securityGroupIds: [] }))).not.toContain('PortUnbound');
        expect(world.refusal(bound())).toMatch(refused);
        says(firewall);
      }
      expect(world.told(updatePort(open, { portSecurityEnabled: true }))).toEqual(['cmp1']);
    }
  });

  it('is bound only if the host still enforces when the command is stored', () => {
    const { world, networkId } = aNetwork();
    const facts = { host: 'cmp1', tunnelIp: null, bridgeMappings: {} };
    world.do(registerNode({ ...facts, firewall: 'openflow' }));
    const bound = createPorts([port(networkId, { binding: ON })]);
    expect(world.expected(bound)).toMatchObject({ 'node-cmp1': 1 });
    const unbound = createPorts([port(networkId)]);
    expect(world.expected(unbound)).not.toHaveProperty('node-cmp1');
  });

  it('keeps how a port shall be plugged while it is bound nowhere', () => {
    const { world, networkId, change } = aNetwork();
    make.node(world, 'cmp1');
    const unbound = { host: '', vnicType: 'direct', profile: { pci: '0:0' } };
    const id = make.port(world, networkId, { binding: unbound });
    expect(world.get('port', id).binding).toEqual(unbound);
    expect(world.eventsOf(change(id, { binding: { vnicType: 'normal' } }))).toEqual(['PortBindingAttributesSet']);
    expect(world.eventsOf(change(id, { binding: { host: 'cmp1' } }))).toEqual(['PortBound', 'NetworkPlacedOnHost']);
    expect(world.get('port', id).binding).toEqual({ host: 'cmp1', vnicType: 'normal', profile: { pci: '0:0' } });
    expect(world.eventsOf(change(id, { binding: { host: '', profile: {} } }))).toEqual([
      'PortUnbound',
      'PortBindingAttributesSet',
      'NetworkWithdrawnFromHost',
    ]);
  });

  it('merges extra DHCP options by name and IP version', () => {
    const { world, networkId, change } = aNetwork();
    const option = (name: string, value: string | null, ipVersion: 4 | 6 = 4) => ({ name, value, ipVersion });
    const id = make.port(world, networkId, {
      extraDhcpOpts: [option('mtu', '1400'), option('mtu', '1300', 6), option('gone', null), option('router', '')],
    });
    const now = () =>
      world.get('port', id).extraDhcpOpts.map(({ name, value, ipVersion }) => `${name}/${ipVersion}=${value}`);
    expect(now()).toEqual(['mtu/4=1400', 'mtu/6=1300', 'router/4=']);
    world.do(change(id, { extraDhcpOpts: [option('mtu', '9000'), option('router', null), option('tftp', 'x')] }));
    expect(now()).toEqual(['mtu/4=9000', 'mtu/6=1300', 'tftp/4=x']);
    expect(world.eventsOf(change(id, { extraDhcpOpts: [option('none', null)] }))).toEqual([]);
  });

  it('chooses another MAC when asked for any', () => {
    const { world, networkId, change } = aNetwork();
    const id = make.port(world, networkId);
    const { macAddress } = world.get('port', id);
    expect(world.eventsOf(change(id, { macAddress: null }))).toEqual(['PortAttributesSet']);
    expect(world.get('port', id).macAddress).not.toBe(macAddress);
  });
});

describe('ports of members on networks of others', () => {
  const MEMBER: Actor = { projectId: 'q', role: 'member' };
  const rights = (world: World, networkId: string, request: Partial<NewPort>) => () =>
    world.as(MEMBER, createPorts([port(networkId, { projectId: 'q', ...request })]));

  it('choose a subnet of a shared network, and leave the rest to its owner', () => {
    const world = new World();
    const networkId = make.network(world, { shared: true });
    const subnetId = make.subnet(world, networkId, '10.0.0.0/24');
    const [id] = rights(world, networkId, { fixedIps: [{ subnetId }] })() as [string];
    const may = (request: Partial<NewPort>) => rights(world, networkId, request);
    expect(may({ fixedIps: [{ ipAddress: '10.0.0.9' }] })).toThrow('rule:create_port:fixed_ips:ip_address');
    expect(may({ deviceOwner: 'network:dhcp' })).toThrow('rule:create_port:device_owner');
    const change = (changes: PortChanges) => () => world.as(MEMBER, updatePort(id, changes));
    expect(change({ fixedIps: [{ subnetId, ipAddress: '10.0.0.9' }] })).toThrow(
      'rule:update_port:fixed_ips:ip_address',
    );
    expect(change({ deviceOwner: 'network:dhcp' })).toThrow('rule:update_port:device_owner');
    expect(change({ deviceOwner: 'compute:nova' })).not.toThrow();
  });

  it('get an address of an external network, not one of a subnet of their choice', () => {
    const world = new World();
    const networkId = make.network(world, { external: true });
    const subnetId = make.subnet(world, networkId, '192.0.2.0/24');
    expect(rights(world, networkId, {})()).toHaveLength(1);
    expect(rights(world, networkId, { fixedIps: [{ subnetId }] })).toThrow('rule:create_port:fixed_ips:subnet_id');
  });

  it('are not made where nobody sees the network', () => {
    const world = new World();
    const networkId = make.network(world);
    expect(rights(world, networkId, {})).toThrow(`Network ${networkId} could not be found.`);
  });
});
