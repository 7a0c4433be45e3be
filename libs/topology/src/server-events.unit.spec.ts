import { describe, expect, it } from '@jest/globals';
import type { PlumbEvent } from '@plumbline/contracts';
import { Future } from './future.js';
import { serverEventsOf } from './server-events.js';
import {
  floatingIpAssociated,
  floatingIpCreated,
  floatingIpDisassociated,
  id,
  networkCreated,
  nodeRegistered,
  portBound,
  portCreated,
  World,
} from './testing/index.js';

const [NETWORK, SUBNET, PORT, OTHER, ROUTER, FLOATING] = [id(1), id(2), id(10), id(11), id(12), id(20)] as const;
const NOW = '2026-01-01T00:00:00.000Z';
const binding = { portId: PORT, networkId: NETWORK };

function cloud(): World {
  const world = new World();
  for (const host of ['cmp1', 'cmp2']) world.append(nodeRegistered(host, null));
  world.append(networkCreated({ networkId: NETWORK, segmentationId: 100 }));
  for (const [n, portId] of [PORT, OTHER].entries())
    world.append(
      portCreated({ portId, networkId: NETWORK, deviceId: id(30 + n), deviceOwner: 'compute:nova' }, 10 + n),
    );
  world.append(portBound(PORT, NETWORK, 'cmp1'));
  world.append(
    floatingIpCreated({
      ...{ floatingIpId: FLOATING, floatingNetworkId: id(3), floatingIpAddress: '203.0.113.5', floatingPortId: id(21) },
    }),
  );
  return world;
}
const associated = (portId: string, fixedIpAddress: string): PlumbEvent =>
  floatingIpAssociated({
    ...{ floatingIpId: FLOATING, portId, fixedIpAddress, subnetId: SUBNET, routerId: ROUTER },
    ...{ floatingIpAddress: '203.0.113.5', floatingNetworkId: id(3) },
  } as Parameters<typeof floatingIpAssociated>[0]);
const disassociated = (): PlumbEvent =>
  floatingIpDisassociated({ floatingIpId: FLOATING } as Parameters<typeof floatingIpDisassociated>[0]);
const port = <T extends PlumbEvent['type']>(type: T, data: object): PlumbEvent =>
  ({ type, version: 1, data: { ...binding, ...data } }) as unknown as PlumbEvent;
const told = (world: World, ...events: PlumbEvent[]): string[] =>
  serverEventsOf(Future.of(world.topology, events, NOW).changes()).map(
    ({ portId, name }) => `${portId === PORT ? 'port' : 'other'} ${name}`,
  );

describe('what Nova hears of a command', () => {
  it.each<[string, PlumbEvent[], string[]]>([
    ['a port that is made', [portCreated({ portId: id(40), networkId: NETWORK, deviceId: id(41) }, 40)], []],
    ['one that is renamed', [port('PortAttributesSet', { set: { name: 'n' } })], []],
    ['one that is bound elsewhere', [portBound(PORT, NETWORK, 'cmp2')], ['port network-vif-unplugged']],
    ['one that is unbound', [port('PortUnbound', {})], ['port network-vif-unplugged']],
    [
      'one that leaves its server with its binding, as Nova gives back what it did not make',
      [port('PortUnbound', {}), port('PortAttributesSet', { set: { deviceId: '', deviceOwner: '' } })],
      [],
    ],
    [
      'one that gets another address',
      [port('PortFixedIpsSet', { fixedIps: [{ subnetId: SUBNET, ipAddress: '10.0.0.99' }] })],
      ['port network-changed'],
    ],
    ['one that goes', [port('PortDeleted', {})], ['port network-vif-deleted']],
    ['a floating IP that comes', [associated(PORT, '10.0.0.10')], ['port network-changed']],
    ['one that is deleted while it leads nowhere', [port('FloatingIpDeleted', { floatingIpId: FLOATING })], []],
  ])('%s', (_, events, names) => {
    expect(told(cloud(), ...events)).toEqual(names);
  });

  it('a floating IP that goes, moves, or leads to another address of its port', () => {
    const world = cloud();
    world.append(associated(PORT, '10.0.0.10'));
    expect(told(world, disassociated())).toEqual(['port network-changed']);
    expect(told(world, disassociated(), associated(OTHER, '10.0.0.11'))).toEqual([
      'port network-changed',
      'other network-changed',
    ]);
    expect(told(world, disassociated(), associated(PORT, '10.0.0.12'))).toEqual(['port network-changed']);
    expect(told(world, disassociated(), associated(PORT, '10.0.0.10'))).toEqual([]);
  });

  it('of a port that goes with its floating IP, only that it is gone', () => {
    const world = cloud();
    world.append(associated(PORT, '10.0.0.10'));
    expect(told(world, disassociated(), port('PortDeleted', {}))).toEqual(['port network-vif-deleted']);
  });
});
