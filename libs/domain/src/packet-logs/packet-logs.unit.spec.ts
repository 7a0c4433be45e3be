import { describe, expect, it } from '@jest/globals';
import { registerNode } from '../nodes/nodes.js';
import { deletePort, updatePort } from '../ports/ports.js';
import { createSecurityGroups, deleteSecurityGroup } from '../security-groups/security-groups.js';
import { make } from '../testing/requests.js';
import { World } from '../testing/world.js';
import { createPacketLogs, deletePacketLog, type NewPacketLog, updatePacketLog } from './packet-logs.js';

const named = { projectId: 'p', name: 'n', description: '' };
const NOBODY = '00000000-0000-4000-8000-0000000000ff';

function aWorld() {
  const world = new World();
  for (const host of ['cmp1', 'cmp2'])
    world.do(registerNode({ host, tunnelIp: null, bridgeMappings: {}, firewall: 'openflow' }));
  const [group = '', other = ''] = world.do(
    createSecurityGroups(['web', 'db'].map((name) => ({ ...named, name, stateful: true }))),
  );
  const networkId = make.network(world);
  const on = (host: string, securityGroupIds: string[]) =>
    make.port(world, networkId, {
      ...{ securityGroupIds, deviceOwner: 'compute:nova' },
      binding: { host, vnicType: 'normal', profile: {} },
    });
  return { world, group, other, on };
}
const request = (more: Partial<NewPacketLog>): NewPacketLog => ({
  ...{ ...named, enabled: true, resourceType: 'security_group', event: 'DROP', securityGroupId: null, portId: null },
  ...more,
});
const log = (more: Partial<NewPacketLog>) => createPacketLogs([request(more)]);

describe('packet logs', () => {
  it('are known on the hosts of the ports that they name, and on no other', () => {
    const { world, group, other, on } = aWorld();
    const [first, second] = [on('cmp1', [group]), on('cmp2', [other])];
    expect(world.told(log({ securityGroupId: group }))).toEqual(['cmp1']);
    expect(world.told(log({ portId: second }))).toEqual(['cmp2']);
    const [id = ''] = world.do(log({ securityGroupId: other }));
    expect(world.told(updatePacketLog(id, { enabled: false }))).toEqual(['cmp2']);
    world.do(updatePort(first, { securityGroupIds: [group, other] }));
    expect(world.told(updatePacketLog(id, { enabled: false }))).toEqual(['cmp1', 'cmp2']);
    expect(world.eventsOf(updatePacketLog(id, { enabled: true }))).toEqual([]);
    expect(world.told(deletePacketLog(id))).toEqual(['cmp1', 'cmp2']);
  });

  it('name what there is', () => {
    const { world, group, other, on } = aWorld();
    const port = on('cmp1', [group]);
    expect(world.refusal(log({ resourceType: 'router', portId: port }))).toBe(
      'InvalidLogResourceType: Invalid log resource_type: router.',
    );
    expect(world.refusal(log({}))).toMatch(/^InvalidInput: .*resource_id.*target_id/);
    expect(world.refusal(log({ securityGroupId: NOBODY }))).toBe(
      `ResourceNotFound: Resource ${NOBODY} could not be found.`,
    );
    expect(world.refusal(log({ portId: NOBODY }))).toBe(
      `TargetResourceNotFound: Target resource ${NOBODY} could not be found.`,
    );
    expect(world.refusal(log({ portId: port, securityGroupId: other }))).toMatch(/^InvalidResourceConstraint/);
    expect(world.do(log({ portId: port, securityGroupId: group }))).toHaveLength(1);
    expect(world.refusal(updatePacketLog(NOBODY, {}))).toMatch(/^LogResourceNotFound/);
  });

  it('go with the port or the group that they name', () => {
    const { world, group, other, on } = aWorld();
    const port = on('cmp1', [group]);
    const [, ofOther] = [world.do(log({ portId: port })), world.do(log({ securityGroupId: other }))];
    world.do(log({ portId: port, securityGroupId: group }));
    expect(world.eventsOf(deletePort(port))).toEqual(
      expect.arrayContaining(['PacketLogDeleted', 'PacketLogDeleted', 'PortDeleted']),
    );
    expect(world.topology.all('packetlog').map(({ id }) => id)).toEqual(ofOther);
    world.do(deleteSecurityGroup(other));
    expect(world.topology.all('packetlog')).toEqual([]);
    expect(world.heldClaims().filter((claim) => claim.startsWith('logged/'))).toEqual([]);
  });
});
