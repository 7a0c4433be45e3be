import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ObservedFlows, ObservedSwitch } from './driver.js';
import { bridgesOfOurs, planBuild, planFlows, planOptions, planRelease } from './plan.js';
import { OvsNodeConfig } from './render.js';
import { afterChanges, afterFlows, NO_FLOWS } from './simulate.js';
import { idOf, ViewBuilder } from './testing/index.js';
import { render } from './wanted.js';

type World = { switch: ObservedSwitch; flows: Map<string, ObservedFlows> };
const emptyWorld = (): World => ({ switch: new Map(), flows: new Map() });

/** One convergence on data alone; gives the number of changes made. */
function converge(world: World, view: ViewBuilder['view'], config: OvsNodeConfig, mayRemove = true): number {
  const options = planOptions(view, mayRemove);
  const desired = render(view, config, world.switch, options);
  const { changes } = planBuild(desired, world.switch, options);
  world.switch = afterChanges(world.switch, changes);
  const seen = new Map(
    bridgesOfOurs(desired, world.switch).map((name) => [name, world.flows.get(name) ?? NO_FLOWS] as const),
  );
  const { steps } = planFlows(desired, world.switch, seen, options);
  for (const step of steps) world.flows.set(step.bridge, afterFlows(seen.get(step.bridge) ?? NO_FLOWS, step));
  const release = planRelease(desired, world.switch, options);
  world.switch = afterChanges(world.switch, release);
  return changes.length + steps.length + release.length;
}

function plug(world: World, name: string, ifaceId: string, ofport: number): void {
  const bridge = world.switch.get('br-int');
  if (!bridge) return;
  const ports = new Map(bridge.ports);
  const port = { name, bridge: 'br-int', tag: null, mark: null, tagMark: null, ifaceId, type: '', options: {} };
  ports.set(name, { ...port, ofport, error: null });
  world.switch = new Map(world.switch).set('br-int', { ...bridge, ports });
}

const someConfig: fc.Arbitrary<OvsNodeConfig> = fc.record({
  bridgeMappings: fc.constantFrom<Record<string, string>>({}, { physnet1: 'br-ex' }, { physnet1: 'br-ex', b: 'br-b' }),
  tunnelIp: fc.constantFrom('192.0.2.1', null),
  datapathType: fc.constant('netdev' as const),
});
const someView = fc
  .record({
    networks: fc.array(fc.record({ type: fc.constantFrom('flat', 'vlan', 'vxlan' as const), hosts: fc.nat(7) }), {
      maxLength: 5,
    }),
    ports: fc.array(fc.record({ network: fc.nat(4), up: fc.boolean(), secured: fc.boolean() }), { maxLength: 8 }),
  })
  .map(({ networks, ports }) => {
    const builder = new ViewBuilder('h0');
    for (let h = 0; h < 3; h += 1) builder.node(`h${h}`, { tunnelIp: `192.0.2.${h + 1}` });
    networks.forEach(({ type, hosts }, n) => {
      const on = ['h0', 'h1', 'h2'].filter((_, h) => (hosts >> h) & 1);
      builder.network(n, type).placed(n, Object.fromEntries(on.map((host) => [host, n + 1])));
    });
    ports.forEach(({ network, up, secured }, n) =>
      builder.port(100 + n, network, { adminStateUp: up, portSecurityEnabled: secured }),
    );
    return builder.view;
  });

describe('plan', () => {
  it('leads from any state of ours to any other, and is empty there', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(someView, someConfig), { minLength: 1, maxLength: 4 }), (sequence) => {
        const world = emptyWorld();
        for (const [view, config] of sequence) {
          converge(world, view, config);
          for (let n = 100; n < 104; n += 1) plug(world, `tap${n}`, idOf(n), n);
          converge(world, view, config);
          expect(converge(world, view, config)).toBe(0);
        }
        const [view, config] = sequence.at(-1) ?? fc.sample(fc.tuple(someView, someConfig), 1)[0]!;
        const direct = emptyWorld();
        converge(direct, view, config);
        for (let n = 100; n < 104; n += 1) plug(direct, `tap${n}`, idOf(n), n);
        converge(direct, view, config);
        expect(shape(world)).toEqual(shape(direct));
      }),
      { numRuns: 150 },
    );
  });

  it('adds and repairs, but removes nothing, while the view may be old', () => {
    fc.assert(
      fc.property(someView, someView, someConfig, (before, later, config) => {
        const world = emptyWorld();
        converge(world, before, config);
        const had = shape(world);
        converge(world, later, config, false);
        for (const bridge of had.keys()) {
          const now = world.switch.get(bridge);
          expect([...(now?.ports.keys() ?? [])]).toEqual(expect.arrayContaining(had.get(bridge)?.ports ?? []));
          expect([...(world.flows.get(bridge)?.ours.keys() ?? [])]).toEqual(
            expect.arrayContaining(had.get(bridge)?.flows.map((line) => line.split(' actions=')[0]) ?? []),
          );
        }
      }),
      { numRuns: 100 },
    );
  });

  it('leaves what has a later position than an old view', () => {
    const config: OvsNodeConfig = { bridgeMappings: {}, tunnelIp: '192.0.2.1', datapathType: 'netdev' };
    const builder = new ViewBuilder('h0').network(1, 'vxlan').placed(1, { h0: 4 });
    const old = { ...builder.view, objects: new Map(builder.view.objects) };
    const world = emptyWorld();
    converge(world, builder.placed(1, { h0: 9 }).view, config);
    expect(converge(world, old, config, false)).toBe(0);
    expect(converge(world, old, config, true)).toBeGreaterThan(0);
  });

  it('neither adds nor removes for a frozen object', () => {
    const config: OvsNodeConfig = { bridgeMappings: {}, tunnelIp: '192.0.2.1', datapathType: 'netdev' };
    const builder = new ViewBuilder('h0').network(1, 'vxlan').placed(1, { h0: 4 }).port(100, 1);
    const world = emptyWorld();
    converge(world, builder.view, config);
    plug(world, 'tap100', idOf(100), 100);
    converge(world, builder.view, config);
    const frozen = { position: 99, type: 'PortTeleported', version: 1 };
    builder.view.frozen.set(`port/${idOf(100)}`, frozen);
    builder.view.frozen.set(`network/${idOf(1)}`, frozen);
    builder.port(100, 1, { adminStateUp: false }).placed(1, { h0: 7 });
    const before = shape(world);
    converge(world, builder.view, config);
    expect(shape(world).get('br-int')?.tags).toEqual(before.get('br-int')?.tags);
  });

  it('removes nothing while a frozen object is not even in the view', () => {
    const config: OvsNodeConfig = { bridgeMappings: {}, tunnelIp: '192.0.2.1', datapathType: 'netdev' };
    const builder = new ViewBuilder('h0').network(1, 'vxlan').placed(1, { h0: 4 });
    const world = emptyWorld();
    converge(world, builder.view, config);
    builder.remove(`network/${idOf(1)}`).remove(`placement/${idOf(1)}`);
    builder.view.frozen.set(`network/${idOf(1)}`, { position: 9, type: 'NetworkTwisted', version: 2 });
    expect(converge(world, builder.view, config)).toBe(0);
  });

  it('keeps the bridge and ports of others: adopts, and on the way out only takes its marks off', () => {
    const world = emptyWorld();
    const uplink = { name: 'eth1', bridge: 'br-ex', tag: null, mark: null, tagMark: null, ifaceId: null, type: '' };
    const ports = new Map([['eth1', { ...uplink, options: {}, ofport: 1, error: null }]]);
    const foreign = { name: 'br-ex', datapathType: 'netdev', failMode: null, mark: null, adopted: false, ports };
    world.switch = new Map([['br-ex', foreign]]);
    const config: OvsNodeConfig = { bridgeMappings: { physnet1: 'br-ex' }, tunnelIp: null, datapathType: 'netdev' };
    const view = new ViewBuilder('h0').network(1, 'flat').placed(1, { h0: 5 }).view;
    converge(world, view, config);
    expect(world.switch.get('br-ex')).toMatchObject({ adopted: true, failMode: null });
    expect([...(world.switch.get('br-ex')?.ports.keys() ?? [])]).toEqual(['eth1', 'phy-br-ex']);
    converge(world, view, { ...config, bridgeMappings: {} });
    expect(world.switch.get('br-ex')).toEqual(foreign);
    expect(world.flows.get('br-ex')?.ours.size).toBe(0);
  });

  it('forgets what was learned for a tag when its network goes', () => {
    const config: OvsNodeConfig = { bridgeMappings: {}, tunnelIp: '192.0.2.1', datapathType: 'netdev' };
    const builder = new ViewBuilder('h0').network(1, 'vxlan').placed(1, { h0: 4 });
    const world = emptyWorld();
    converge(world, builder.view, config);
    const view = builder.remove(`network/${idOf(1)}`).remove(`placement/${idOf(1)}`).view;
    const options = planOptions(view, true);
    const { steps } = planFlows(render(view, config, world.switch, options), world.switch, world.flows, options);
    expect(steps).toMatchObject([
      { bridge: 'br-tun', remove: ['table=4, priority=1,tun_id=0x1'], forget: [{ localVlanId: 4 }] },
    ]);
  });

  it('does not write over a foreign flow, and says where it stands', () => {
    const config: OvsNodeConfig = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev' };
    const world = emptyWorld();
    const view = new ViewBuilder('h0').view;
    const options = planOptions(view, true);
    world.switch = afterChanges(
      new Map(),
      planBuild(render(view, config, new Map(), options), new Map(), options).changes,
    );
    const foreign = new Set(['table=23, priority=0']);
    const desired = render(view, config, world.switch, options);
    const { steps, refused } = planFlows(
      desired,
      world.switch,
      new Map([['br-int', { ours: new Map(), foreign, lostPorts: new Set<number>() }]]),
      options,
    );
    expect(steps[0]?.add.map((flow) => flow.key)).not.toContain('table=23, priority=0');
    expect(refused).toEqual([{ key: 'bridge/br-int', reason: expect.stringContaining('table=23, priority=0') }]);
  });
});

const shape = (world: World) =>
  new Map(
    [...world.switch.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((bridge) => [
        bridge.name,
        {
          failMode: bridge.failMode,
          ports: [...bridge.ports.keys()].sort(),
          tags: [...bridge.ports.values()].map((port) => `${port.name}=${port.tag}`).sort(),
          flows: [...(world.flows.get(bridge.name)?.ours ?? [])]
            .map(([key, { actions }]) => `${key} actions=${actions}`)
            .sort(),
        },
      ]),
  );
