import { describe, expect, it } from '@jest/globals';
import { type InstanceName, instanceOf, type PlumbEvent, type Recorded } from '@plumbline/contracts';
import fc from 'fast-check';
import { hostsServing, instancePorts, lastPortsGone, projectsOfDevice, servedOn } from './instances.js';
import {
  id,
  metaOf,
  networkCreated,
  networkPlaced,
  nodeRegistered,
  portBound,
  portCreated,
  routerCreated,
  routerInterfaceAdded,
  routerGatewaySet,
  routerScheduled,
  World,
} from './testing/index.js';
import { streamOf } from './streams.js';

const [INSIDE, OUTSIDE, OTHER] = [id(1), id(2), id(3)] as const;
const ROUTER = id(10);

/** Router on net1 with an interface on INSIDE and its gateway on OUTSIDE; DHCP of INSIDE on net2, of OTHER on net3. */
function cloud(): World {
  const world = new World();
  for (const host of ['net1', 'net2', 'net3', 'cmp1']) world.append(nodeRegistered(host, null));
  for (const [n, networkId] of [INSIDE, OUTSIDE, OTHER].entries())
    world.append(networkCreated({ networkId, segmentationId: 100 + n }));
  const made: [string, PlumbEvent][] = [
    [
      'net1',
      portCreated({ portId: id(20), networkId: INSIDE, deviceId: ROUTER, deviceOwner: 'network:router_interface' }, 20),
    ],
    [
      'net1',
      portCreated({ portId: id(21), networkId: OUTSIDE, deviceId: ROUTER, deviceOwner: 'network:router_gateway' }, 21),
    ],
  ];
  world.append(routerCreated({ routerId: ROUTER }));
  for (const [, event] of made) world.append(event);
  world.append(routerInterfaceAdded(ROUTER, id(20), INSIDE, []));
  world.append(routerGatewaySet(ROUTER, id(21), OUTSIDE, []));
  world.append(networkPlaced(INSIDE, 'net1', 1));
  world.append(networkPlaced(OUTSIDE, 'net1', 2));
  world.append(routerScheduled(ROUTER, 'net1'));
  for (const [n, [networkId, host]] of (
    [
      [INSIDE, 'net2'],
      [OTHER, 'net3'],
    ] as const
  ).entries()) {
    const portId = id(30 + n);
    const facts = { portId, networkId, deviceId: 'dhcp', deviceOwner: 'network:dhcp', servesDhcp: true };
    world.append(portCreated(facts, 30 + n));
    world.append(networkPlaced(networkId, host, 1));
    world.append(portBound(portId, networkId, host));
  }
  return world;
}
const vm = (n: number, networkId: string, deviceId: string, more: object = {}) =>
  portCreated({ portId: id(100 + n), networkId, deviceId, ...more }, 100 + n);

describe('the hosts that serve an instance', () => {
  it('are those of routers and DHCP servers of its networks, and no others', () => {
    const world = cloud();
    world.append(vm(1, INSIDE, 'vm1'));
    world.append(networkPlaced(INSIDE, 'cmp1', 1));
    world.append(portBound(id(101), INSIDE, 'cmp1'));
    world.append(vm(2, OUTSIDE, 'vm2'));
    world.append(vm(3, OTHER, 'vm3'));
    world.append(vm(4, INSIDE, 'vm3'));
    const serving = (deviceId: string, projectId = 'project') => hostsServing(world.topology, { projectId, deviceId });
    expect(serving('vm1')).toEqual(['net1', 'net2']);
    // A router answers on its interfaces, not on its gateway.
    expect(serving('vm2')).toEqual([]);
    expect(serving('vm3')).toEqual(['net1', 'net2', 'net3']);
    expect(serving('vm1', 'another project')).toEqual([]);
    expect(serving(ROUTER)).toEqual([]);
    expect(serving('dhcp')).toEqual([]);
    for (const host of ['net1', 'net2', 'net3', 'cmp1'])
      for (const deviceId of ['vm1', 'vm2', 'vm3', ROUTER])
        expect(servedOn(world.topology, host)({ projectId: 'project', deviceId })).toBe(
          serving(deviceId).includes(host),
        );
  });

  it('are of one project: another one may have ports with the same device id', () => {
    const world = cloud();
    world.append(vm(1, INSIDE, 'vm1'));
    world.append(vm(2, OTHER, 'vm1', { projectId: 'another project' }));
    expect(hostsServing(world.topology, { projectId: 'project', deviceId: 'vm1' })).toEqual(['net1', 'net2']);
    expect(projectsOfDevice(world.topology, 'vm1')).toEqual(['another project', 'project']);
    expect(projectsOfDevice(world.topology, 'vm2')).toEqual([]);
  });
});

describe('an instance whose last port goes', () => {
  const NAMES: readonly InstanceName[] = ['p', 'q'].flatMap((projectId) =>
    ['a', 'b'].map((deviceId) => ({ projectId, deviceId })),
  );
  const step = fc.record({
    port: fc.nat(3),
    what: fc.constantFrom('toggle', 'device', 'owner', 'name'),
    to: fc.nat(2),
  });

  /** A log of four ports that come, go and change what they belong to. */
  function logOf(steps: readonly Readonly<{ port: number; what: string; to: number }>[]): World {
    const world = new World();
    world.append(networkCreated({ networkId: INSIDE }));
    for (const { port, what, to } of steps) {
      const portId = id(100 + port);
      const there = world.topology.get('port', portId);
      const deviceId = ['', 'a', 'b'][to] as string;
      const set =
        what === 'device'
          ? { deviceId }
          : what === 'owner'
            ? { deviceOwner: to === 0 ? 'network:x' : '' }
            : { name: `${to}` };
      if (!there) world.append(vm(port, INSIDE, deviceId, { projectId: port < 2 ? 'p' : 'q' }));
      else if (what === 'toggle')
        world.append({ type: 'PortDeleted', version: 1, data: { portId, networkId: INSIDE } });
      else world.append({ type: 'PortAttributesSet', version: 1, data: { portId, set } });
    }
    return world;
  }

  it('is told with the position at which it went, however the events are folded', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(7), (steps, size) => {
        const { log } = logOf(steps);
        const apart = new World();
        const had = (name: InstanceName) => instancePorts(apart.topology, name).length > 0;
        const wanted = log.flatMap((recorded) => {
          const before = NAMES.filter(had);
          apart.append(recorded.event as unknown as PlumbEvent);
          return before.filter((name) => !had(name)).map((instance) => ({ instance, position: recorded.position }));
        });
        const together = new World();
        const told = [];
        for (let at = 0; at < log.length; at += size + 1) {
          const batch = log.slice(at, at + size + 1);
          told.push(...lastPortsGone(together.topology, batch));
          for (const { event } of batch) together.append(event as unknown as PlumbEvent);
        }
        expect(told).toEqual(wanted);
      }),
    );
  });

  it('is told where it has a port again at the end of the events', () => {
    const world = cloud();
    world.append(vm(1, INSIDE, 'vm1'));
    const at = world.topology.position;
    const events: PlumbEvent[] = [
      { type: 'PortDeleted', version: 1, data: { portId: id(101), networkId: INSIDE } },
      vm(2, INSIDE, 'vm1'),
    ];
    const recorded = events.map((event, n): Recorded => {
      return {
        position: at + 1 + n,
        stream: streamOf(event),
        event: event as unknown as Recorded['event'],
        meta: metaOf(1),
      };
    });
    expect(lastPortsGone(world.topology, recorded)).toEqual([
      { instance: { projectId: 'project', deviceId: 'vm1' }, position: at + 1 },
    ]);
  });
});

describe('the instance of a port', () => {
  it('is its device in its project, and none of the cloud’s own', () => {
    const port = { projectId: 'p', deviceId: 'a', deviceOwner: 'compute:nova' };
    expect(instanceOf(port)).toEqual({ projectId: 'p', deviceId: 'a' });
    expect(instanceOf({ ...port, deviceOwner: '' })).toEqual({ projectId: 'p', deviceId: 'a' });
    for (const none of [{ deviceId: '' }, { projectId: '' }, { deviceOwner: 'network:router_interface' }])
      expect(instanceOf({ ...port, ...none })).toBeNull();
  });
});
