/** What was rendered by what was touched is what would be rendered from nothing, after any events. */
import { describe, expect, it } from '@jest/globals';
import { placeId } from '@plumbline/contracts';
import fc from 'fast-check';
import type { ObservedPort, ObservedSwitch } from './driver.js';
import { OvsNodeConfig } from './render.js';
import { idOf, macOf, ViewBuilder } from './testing/index.js';
import { Desired, render, WantedSwitch } from './wanted.js';

const config: OvsNodeConfig = {
  bridgeMappings: { physnet1: 'br-ex' },
  tunnelIp: '192.0.2.1',
  datapathType: 'netdev',
};
const HOSTS = ['h0', 'h1', 'h2', 'h3'];

type Event = (node: Node) => void;

/** A view and a switch that change, and what was kept beside them. */
class Node {
  readonly builder = new ViewBuilder('h0');
  switch: ObservedSwitch = new Map();
  readonly wanted = new WantedSwitch();

  setPorts(change: (ports: Map<string, ObservedPort>) => void): void {
    const ports = new Map(this.switch.get('br-int')?.ports);
    change(ports);
    const bridge = { name: 'br-int', datapathType: 'netdev', failMode: 'secure', mark: 1, adopted: false, ports };
    this.switch = new Map([['br-int', bridge]]);
  }
}

const n = fc.nat(3);
const someEvent: fc.Arbitrary<Event> = fc.oneof(
  fc.tuple(fc.nat(3), fc.constantFrom('192.0.2.1', '192.0.2.2', '192.0.2.3', null), fc.boolean()).map(
    ([h, tunnelIp, removed]): Event =>
      ({ builder }) =>
        void builder.node(HOSTS[h] ?? '', { tunnelIp, removed }),
  ),
  fc
    .tuple(
      ...([
        n,
        fc.constantFrom('flat', 'vlan', 'vxlan' as const),
        fc.nat(2),
        fc.constantFrom('physnet1', 'nowhere'),
      ] as const),
      fc.boolean(),
    )
    .map(
      ([id, type, number, physical, adminStateUp]): Event =>
        ({ builder }) =>
          void builder.network(id, type, {
            adminStateUp,
            segmentationId: type === 'flat' ? null : number,
            physicalNetwork: type === 'vxlan' ? null : physical,
          }),
    ),
  fc.tuple(n, fc.nat(15), fc.nat(2)).map(
    ([id, hosts, tag]): Event =>
      ({ builder }) =>
        void builder.placed(
          id,
          Object.fromEntries(HOSTS.flatMap((host, h) => ((hosts >> h) & 1 ? [[host, tag + 1]] : []))),
        ),
  ),
  fc.tuple(fc.nat(4), n, fc.boolean(), fc.boolean(), fc.constantFrom('h0', 'h1')).map(
    ([id, network, adminStateUp, ofRouter, host]): Event =>
      ({ builder }) =>
        void builder.port(id, network, {
          adminStateUp,
          binding: { host, vnicType: 'normal', profile: {} },
          ...(ofRouter ? { deviceOwner: 'network:router_interface', deviceId: idOf(50 + (id % 2)) } : {}),
        }),
  ),
  fc.tuple(fc.nat(1), fc.constantFrom('h0', 'h1')).map(
    ([id, host]): Event =>
      ({ builder }) =>
        void builder.router(50 + id, host),
  ),
  fc.tuple(...([fc.nat(4), n, fc.nat(3), fc.boolean()] as const), fc.subarray(['10.0.0.1', '10.0.0.0/30', '::/0'])).map(
    ([id, network, h, secured, allowed]): Event =>
      ({ builder }) =>
        void builder.entry(id, network, HOSTS[h] ?? '', {
          secured,
          addresses: [`10.0.0.${id}`, `2001:db8::${id}`],
          pairs: allowed.map((ipAddress) => ({ ipAddress, macAddress: macOf(id + 1) })),
        }),
  ),
  fc.tuple(fc.nat(4), n, fc.nat(1), fc.nat(3)).map(
    ([id, network, router, h]): Event =>
      ({ builder }) =>
        void (h === 3
          ? builder.routerEntry(id, network, 50 + router)
          : builder.routerPlace(id, network, 50 + router, HOSTS[h] ?? '')),
  ),
  fc.tuple(fc.nat(4), fc.nat(1)).map(
    ([id, router]): Event =>
      ({ builder }) =>
        void builder.remove(`routerplace/${placeId(idOf(50 + router), idOf(id))}`),
  ),
  fc
    .tuple(
      fc.constantFrom('network', 'placement', 'port', 'router', 'node', 'forwardingentry', 'routerentry' as const),
      fc.nat(4),
    )
    .map(
      ([kind, id]): Event =>
        ({ builder }) =>
          void builder.remove(
            kind === 'node' ? `node/${HOSTS[id]}` : `${kind}/${idOf(kind === 'router' ? 50 + id : id)}`,
          ),
    ),
  fc.tuple(fc.nat(4), fc.nat(5), fc.boolean(), fc.option(fc.constantFrom(2, 4095), { nil: null })).map(
    ([device, id, takenUp, tag]): Event =>
      (node) =>
        node.setPorts((ports) => {
          const name = `tap${device}`;
          const plugged = { name, bridge: 'br-int', tag, mark: null, tagMark: null, ifaceId: idOf(id), type: '' };
          ports.set(name, { ...plugged, options: {}, ofport: takenUp ? device + 1 : null, error: null });
        }),
  ),
  fc.nat(4).map(
    (device): Event =>
      (node) =>
        node.setPorts((ports) => ports.delete(`tap${device}`)),
  ),
);

const plain = (desired: Desired) => ({ ...desired, flows: Object.fromEntries([...desired.flows].sort()) });

describe('WantedSwitch', () => {
  it('by what was touched is what a look at everything gives, after any events', () => {
    const turn = fc.record({
      events: fc.array(someEvent, { minLength: 1, maxLength: 4 }),
      mayRemove: fc.boolean(),
      own: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(turn, { minLength: 1, maxLength: 12 }), (turns) => {
        const node = new Node();
        node.wanted.update(node.builder.view, config, node.switch, 'all', true);
        for (const { events, mayRemove, own } of turns) {
          const before = new Map(node.builder.view.objects);
          for (const event of events) event(node);
          const { view } = node.builder;
          const touched = new Set(
            [...new Set([...before.keys(), ...view.objects.keys()])].filter(
              (key) => before.get(key) !== view.objects.get(key),
            ),
          );
          const was = plain(node.wanted.desired(node.wanted.all()));
          const concerned = node.wanted.concerns(view, touched);
          const dirty = node.wanted.update(view, config, node.switch, touched, mayRemove);
          const now = plain(node.wanted.desired(node.wanted.all()));
          expect(now).toEqual(plain(render(view, config, node.switch, { mayRemove })));
          // Whatever is asked for now was looked at if it was not asked for before; whatever was, leaves or stays.
          for (const [bridge, flows] of Object.entries(now.flows))
            for (const flow of flows) {
              const known = was.flows[bridge]?.some((each) => JSON.stringify(each) === JSON.stringify(flow));
              if (!known && dirty !== 'all') expect(dirty.has(flow.owner || 'base')).toBe(true);
              expect(node.wanted.leavingFlows.get(bridge)?.has(flow.key) ?? false).toBe(false);
            }
          for (const [bridge, flows] of Object.entries(was.flows))
            for (const { key } of flows)
              if (!now.flows[bridge]?.some((each) => each.key === key))
                expect(node.wanted.leavingFlows.get(bridge)?.has(key)).toBe(true);
          if (!concerned && touched.size > 0)
            for (const key of touched) expect(dirty === 'all' || !dirty.has(key)).toBe(true);
          if (own) node.wanted.settle(node.switch);
        }
      }),
      { numRuns: 200 },
    );
  });
});
