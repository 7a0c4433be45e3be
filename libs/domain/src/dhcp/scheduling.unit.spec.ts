import { describe, expect, it } from '@jest/globals';
import { claimsOf } from '@plumbline/topology';
import { createNetworks, deleteNetwork } from '../networks/networks.js';
import { registerNode } from '../nodes/nodes.js';
import { createPorts, deletePort, updatePort } from '../ports/ports.js';
import { createSubnets, deleteSubnet, updateSubnet } from '../subnets/subnets.js';
import { network, port, subnet } from '../testing/requests.js';
import { POLICY, World } from '../testing/world.js';
import { assignDhcp, dhcpPending, scheduleDhcp, unassignDhcp, type DhcpFleet } from './scheduling.js';

const hostOf = (host: string) => ({ host, uuid: `00000000-0000-5000-8000-00000000000${host.slice(-1)}` });
const fleet = (...hosts: string[]): DhcpFleet => ({ hosts: hosts.map(hostOf), stays: new Set(hosts), perNetwork: 1 });

function start(): { world: World; networkId: string; subnetId: string } {
  const world = new World();
  for (const host of ['net1', 'net2'])
    world.do(registerNode({ host, tunnelIp: `10.0.0.${host.slice(-1)}`, bridgeMappings: {} }));
  const [networkId = ''] = world.do(createNetworks([network()], POLICY));
  const [subnetId = ''] = world.do(createSubnets([subnet(networkId, '10.1.0.0/29')]));
  return { world, networkId, subnetId };
}
const serversIn = (world: World, networkId: string) => world.topology.find('port', `serves/${networkId}`);

describe('a network with DHCP', () => {
  it('gets a server with an address where an agent may serve it, and nothing before', () => {
    const { world, networkId, subnetId } = start();
    expect(serversIn(world, networkId)).toEqual([]);
    expect(world.do(scheduleDhcp(fleet(), 10))).toBe(0);
    expect(world.do(scheduleDhcp(fleet('net1'), 10))).toBe(1);
    const [server] = serversIn(world, networkId);
    expect(server).toMatchObject({
      deviceOwner: 'network:dhcp',
      deviceId: `dhcp00000000-0000-5000-8000-000000000001-${networkId}`,
      portSecurityEnabled: false,
      binding: { host: 'net1' },
      fixedIps: [{ subnetId }],
    });
    expect(world.get('placement', networkId)).toMatchObject({ hosts: { net1: {} } });
    expect(dhcpPending(world.topology, fleet('net1', 'net2'))).toEqual([]);
    world.heldClaims();
  });

  it('is served from the command on by which it gets its first subnet, whoever asked', () => {
    const { world } = start();
    const [id = ''] = world.do(createNetworks([network()], POLICY));
    const request = { ...subnet(id, '10.5.0.0/24'), enableDhcp: false };
    const [subnetId = ''] = world.do(createSubnets([request], fleet('net1')));
    expect(serversIn(world, id)).toEqual([]);
    world.do(updateSubnet(subnetId, { enableDhcp: true }, fleet('net1')));
    expect(serversIn(world, id)).toMatchObject([{ binding: { host: 'net1' }, fixedIps: [{ subnetId }] }]);
    // The servers that are there are enough, wherever they are.
    world.do(createSubnets([subnet(id, '10.6.0.0/24')], fleet('net2')));
    expect(serversIn(world, id)).toMatchObject([{ binding: { host: 'net1' } }]);
    const two = { ...fleet('net1', 'net2'), perNetwork: 2 };
    world.do(createSubnets([subnet(id, '10.7.0.0/24')], two));
    expect(serversIn(world, id)).toHaveLength(2);
    for (const server of serversIn(world, id)) expect(server.fixedIps).toHaveLength(3);
    const member = { projectId: 'p1', role: 'member' } as const;
    const [own = ''] = world.as(member, createNetworks([{ ...network(), projectId: 'p1' }], POLICY));
    world.as(member, createSubnets([{ ...subnet(own, '10.8.0.0/24'), projectId: 'p1' }], fleet('net1')));
    expect(serversIn(world, own)).toHaveLength(1);
    world.heldClaims();
  });

  it('is served only by a network node that reaches it', () => {
    const { world, networkId } = start();
    world.admit('net1', ['compute']);
    expect(world.do(scheduleDhcp(fleet('net1', 'cmp9'), 10))).toBe(0);
    expect(serversIn(world, networkId)).toEqual([]);
  });

  it('has as many servers as asked for, on different hosts, if there are as many', () => {
    const { world, networkId } = start();
    const two = { ...fleet('net1', 'net2'), perNetwork: 2 };
    world.do(scheduleDhcp({ ...fleet('net1'), perNetwork: 2 }, 10));
    expect(serversIn(world, networkId)).toHaveLength(1);
    world.do(scheduleDhcp(two, 10));
    expect(new Set(serversIn(world, networkId).map(({ binding }) => binding.host))).toEqual(new Set(['net1', 'net2']));
  });

  it('moves with its port, address and MAC when its host is gone', () => {
    const { world, networkId } = start();
    world.do(scheduleDhcp(fleet('net1'), 10));
    const [before] = serversIn(world, networkId);
    world.do(scheduleDhcp(fleet('net2'), 10));
    const servers = serversIn(world, networkId);
    expect(servers).toHaveLength(1);
    expect(servers[0]).toMatchObject({
      id: before?.id,
      macAddress: before?.macAddress,
      fixedIps: before?.fixedIps,
      deviceId: `dhcp00000000-0000-5000-8000-000000000002-${networkId}`,
      binding: { host: 'net2' },
    });
    expect(world.get('placement', networkId).hosts).not.toHaveProperty('net1');
  });

  it('stays where it is when nobody else can take it', () => {
    const { world, networkId } = start();
    world.do(scheduleDhcp(fleet('net1'), 10));
    world.do(scheduleDhcp(fleet(), 10));
    expect(serversIn(world, networkId)[0]?.binding.host).toBe('net1');
  });
});

describe('addresses of a server follow the subnets', () => {
  it('of one that comes, that is switched off and on, and that goes', () => {
    const { world, networkId, subnetId } = start();
    world.do(scheduleDhcp(fleet('net1'), 10));
    const subnets = () => serversIn(world, networkId)[0]?.fixedIps.map((ip) => ip.subnetId);
    const [second = ''] = world.do(createSubnets([subnet(networkId, '10.2.0.0/24')]));
    expect(subnets()).toEqual([subnetId, second]);
    world.do(updateSubnet(subnetId, { enableDhcp: false }));
    expect(subnets()).toEqual([second]);
    world.do(updateSubnet(subnetId, { enableDhcp: true }));
    expect(subnets()).toEqual([second, subnetId]);
    world.do(deleteSubnet(second));
    expect(subnets()).toEqual([subnetId]);
    world.heldClaims();
  });

  it('the last one takes the server with it, with the next report', () => {
    const { world, networkId, subnetId } = start();
    world.do(scheduleDhcp(fleet('net1'), 10));
    world.do(updateSubnet(subnetId, { enableDhcp: false }));
    expect(world.do(scheduleDhcp(fleet('net1'), 10))).toBe(1);
    expect(serversIn(world, networkId)).toEqual([]);
    expect(world.topology.get('placement', networkId)?.hosts ?? {}).toEqual({});
  });

  it('in more than five subnets', () => {
    const { world, networkId } = start();
    world.do(createSubnets(Array.from({ length: 6 }, (_, n) => subnet(networkId, `10.9.${n}.0/24`))));
    world.do(scheduleDhcp(fleet('net1'), 10));
    expect(serversIn(world, networkId)[0]?.fixedIps).toHaveLength(7);
  });

  it('that are all taken are tried again when one is free', () => {
    const { world, networkId } = start();
    const ports = Array.from({ length: 5 }, () => port(networkId));
    const [first = ''] = world.do(createPorts(ports));
    world.do(scheduleDhcp(fleet('net1'), 10));
    expect(serversIn(world, networkId)[0]?.fixedIps).toEqual([]);
    expect(dhcpPending(world.topology, fleet('net1'))).toHaveLength(1);
    expect(world.do(scheduleDhcp(fleet('net1'), 10))).toBe(0);
    world.do(deletePort(first));
    expect(world.do(scheduleDhcp(fleet('net1'), 10))).toBe(1);
    expect(serversIn(world, networkId)[0]?.fixedIps).toHaveLength(1);
  });
});

describe('the port of a server', () => {
  it('goes with its network, and with its subnet its address', () => {
    const { world, networkId, subnetId } = start();
    world.do(scheduleDhcp(fleet('net1'), 10));
    world.do(deleteSubnet(subnetId));
    world.do(deleteNetwork(networkId));
    expect(world.topology.all('port')).toEqual([]);
    expect(world.topology.all('port').flatMap(claimsOf)).toEqual([]);
  });

  it('is not changed by users, and made again when it was deleted', () => {
    const { world, networkId } = start();
    world.do(scheduleDhcp(fleet('net1'), 10));
    const [{ id = '' } = {}] = serversIn(world, networkId);
    expect(world.refusal(updatePort(id, { deviceId: 'x' }))).toContain('ServicePortInUse');
    expect(world.refusal(updatePort(id, { binding: { host: 'net2' } }))).toContain('ServicePortInUse');
    world.do(deletePort(id));
    world.do(scheduleDhcp(fleet('net1'), 10));
    expect(serversIn(world, networkId)).toHaveLength(1);
  });

  it('is never one that a user made, whatever its device owner and id', () => {
    const { world, networkId } = start();
    const deviceId = `dhcp${hostOf('net1').uuid}-${networkId}`;
    const [own = ''] = world.do(createPorts([port(networkId, { deviceOwner: 'network:dhcp', deviceId })]));
    world.do(scheduleDhcp(fleet('net1'), 10));
    expect(serversIn(world, networkId).map(({ id }) => id)).not.toContain(own);
    expect(serversIn(world, networkId)).toHaveLength(1);
    expect(world.get('port', own).binding.host).toBe('');
  });
});

it('an administrator puts a network on an agent and takes it off', () => {
  const { world, networkId } = start();
  const agent = (host: string) => ({ id: `agent-${host}`, ...hostOf(host) });
  world.do(assignDhcp(networkId, agent('net1')));
  expect(world.refusal(assignDhcp(networkId, agent('net1')))).toContain('NetworkHostedByDHCPAgent');
  world.do(assignDhcp(networkId, agent('net2')));
  world.do(unassignDhcp(networkId, agent('net1')));
  expect(serversIn(world, networkId).map(({ binding }) => binding.host)).toEqual(['net2']);
  expect(world.refusal(unassignDhcp(networkId, agent('net1')))).toContain('NetworkNotHostedByDhcpAgent');
});
