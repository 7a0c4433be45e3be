/** What of a removed router's port stays on its node and on the others, for how long, and what ends it at once. */
import { describe, expect, it } from '@jest/globals';
import { keyOf, type ObjectKey, placeId, type Placement } from '@plumbline/contracts';
import type { ConvergeOptions } from '@plumbline/topology';
import type { ObservedPort, ObservedSwitch } from './driver.js';
import { BR_INT } from './marks.js';
import type { OvsNodeConfig } from './render.js';
import { StayingConverger, STAYS_MS } from './staying.js';
import { idOf, ViewBuilder } from './testing/index.js';
import { render } from './wanted.js';

const config: OvsNodeConfig = { bridgeMappings: {}, tunnelIp: '192.0.2.1', datapathType: 'netdev' };
const [NETWORK, ROUTER, PORT, DEVICE] = [501, 70, 20, 'tap20'] as const;
const VXLAN_TO_CMP2 = 'vxlan-c0000202';

/** Network 501 is on cmp1, which looks, and on cmp2. Router 70 is on `routerOn` and has port 20 of it, whose device is on cmp1's switch if it is there. */
class Node {
  readonly builder: ViewBuilder;
  readonly looks: ReadonlySet<ObjectKey>[] = [];
  observed: ObservedSwitch = new Map();
  private now = 0;
  private due: { at: number; ring: () => void } | null = null;
  private seen: ReadonlySet<ObjectKey> = new Set();
  private rendered = render(new ViewBuilder('cmp1').view, config, new Map(), { mayRemove: true });
  private statuses: string[] = [];
  private readonly staying = new StayingConverger(
    {
      converge: async (view, { touched }) => {
        this.seen = touched === 'all' ? new Set(view.objects.keys()) : touched;
        this.rendered = render(view, config, this.observed, { mayRemove: true });
        const statuses = this.rendered.portPlans.map(({ port: { id } }) => ({
          ...({ kind: 'port', id, position: 1, status: 'ACTIVE' } as const),
        }));
        return { applied: 0, drift: 0, failed: [], statuses };
      },
    },
    { observe: async () => this.observed },
    {
      nowMs: () => this.now,
      random: Math.random,
      after: (ms, ring) => {
        this.due = { at: this.now + ms, ring };
        return () => void (this.due = null);
      },
    },
    (keys) => void this.looks.push(keys),
  );

  constructor(routerOn: 'cmp1' | 'cmp2') {
    this.builder = new ViewBuilder('cmp1')
      .node('cmp1', { tunnelIp: '192.0.2.1' })
      .node('cmp2', { tunnelIp: '192.0.2.2' })
      .network(NETWORK, 'vxlan')
      .placed(NETWORK, { cmp1: 7, cmp2: 1 })
      .routerEntry(PORT, NETWORK, ROUTER)
      .routerPlace(PORT, NETWORK, ROUTER, routerOn);
    if (routerOn === 'cmp2') return;
    this.builder.router(ROUTER);
    this.builder.port(PORT, NETWORK, {
      ...{ deviceOwner: 'network:router_interface', deviceId: idOf(ROUTER), portSecurityEnabled: false },
      binding: { host: '', vnicType: 'normal', profile: {} },
    });
    this.plug();
  }

  plug(): void {
    const port: ObservedPort = {
      ...{ name: DEVICE, bridge: BR_INT, tag: 7, mark: null, tagMark: null, ifaceId: idOf(PORT), type: '' },
      ...{ options: {}, ofport: 5, error: null },
    };
    const bridge = { name: BR_INT, datapathType: 'netdev', failMode: 'secure', mark: 1, adopted: false };
    this.observed = new Map([[BR_INT, { ...bridge, ports: new Map([[DEVICE, port]]) }]]);
  }

  unplug(): void {
    this.observed = new Map();
  }

  async converge(touched: ConvergeOptions['touched'], mayRemove = true): Promise<void> {
    ({ statuses: this.statuses as unknown } = await this.staying.converge(this.builder.view, { touched, mayRemove }));
  }

  /** The objects leave the view, as one message says it. */
  async leave(...keys: ObjectKey[]): Promise<void> {
    for (const key of keys) this.builder.remove(key);
    await this.converge(new Set(keys));
  }

  async passes(ms: number): Promise<void> {
    this.now += ms;
    if (this.due && this.due.at <= this.now) this.due.ring();
    const keys = this.looks.splice(0);
    if (keys[0]) await this.converge(keys[0]);
  }

  /** What is wanted of the port's interface, and of the network's tunnels. */
  wanted() {
    const { tags, flows } = this.rendered;
    const flood = flows.get('br-tun')?.find(({ key }) => key.startsWith('table=22, priority=1'));
    return { tag: tags.find(({ name }) => name === DEVICE)?.tag, floods: flood?.floods ?? [] };
  }

  get told(): readonly unknown[] {
    return this.statuses;
  }
  get touched(): readonly ObjectKey[] {
    return [...this.seen].sort();
  }
}

const ports: readonly ObjectKey[] = [
  ...([`port/${idOf(PORT)}`, `routerentry/${idOf(PORT)}`] as const),
  `routerplace/${placeId(idOf(ROUTER), idOf(PORT))}`,
];
/** It was the last one of its network on cmp1: nothing of the network stays in the view, nor the other node. */
const lastOne = [...ports, `network/${idOf(NETWORK)}`, `placement/${idOf(NETWORK)}`, 'node/cmp2'] as const;
const WIRED = { tag: 7, floods: [VXLAN_TO_CMP2] };
const CLOSED = { tag: 4095, floods: [] };

describe('a removed port of a router here', () => {
  it('stays wired with its network until its device is off the switch, and has no status', async () => {
    const node = new Node('cmp1');
    await node.converge('all');
    expect([node.wanted(), node.told.length]).toEqual([WIRED, 1]);
    await node.leave(...lastOne);
    expect([node.wanted(), node.told]).toEqual([WIRED, []]);
    await node.converge('all');
    expect(node.wanted()).toEqual(WIRED);
    node.unplug();
    await node.converge(new Set());
    expect(node.wanted()).toEqual({ tag: undefined, floods: [] });
    expect(node.touched).toEqual([`network/${idOf(NETWORK)}`, 'node/cmp2', `placement/${idOf(NETWORK)}`, ports[0]]);
    // And does not come back with it.
    node.plug();
    await node.converge(new Set());
    expect(node.wanted()).toEqual(CLOSED);
  });

  it('is closed after a time though its device is there', async () => {
    const node = new Node('cmp1');
    await node.converge('all');
    await node.leave(...lastOne);
    await node.passes(STAYS_MS - 1);
    expect(node.wanted()).toEqual(WIRED);
    await node.passes(1);
    expect(node.wanted()).toEqual(CLOSED);
    await node.passes(STAYS_MS);
    expect(node.looks).toEqual([]);
  });

  it('stays also when its router was deleted meanwhile, and when the network is here for other ports', async () => {
    const node = new Node('cmp1');
    await node.converge('all');
    await node.leave(...ports, `router/${idOf(ROUTER)}`);
    expect(node.wanted()).toEqual(WIRED);
  });

  it.each<[string, (node: Node) => void]>([
    ['its router goes on elsewhere', ({ builder: { view } }) => void view.elsewhere.add(`router/${idOf(ROUTER)}`)],
    ['its router is on another node', ({ builder }) => void builder.router(ROUTER, 'cmp2')],
    ['its local VLAN is of another network', ({ builder }) => void builder.network(9, 'local').placed(9, { cmp1: 7 })],
    ['its VNI is of another network', ({ builder }) => void builder.network(9, 'vxlan', { segmentationId: NETWORK })],
    ['nothing was plugged', (node) => node.unplug()],
  ])('is closed at once when %s', async (_why, happens) => {
    for (const atOnce of [true, false]) {
      const node = new Node('cmp1');
      await node.converge('all');
      if (atOnce) happens(node);
      await node.leave(...lastOne);
      if (!atOnce) {
        expect(node.wanted()).toEqual(WIRED);
        happens(node);
        await node.converge(new Set(['network/x' as ObjectKey]));
      }
      expect(node.wanted().tag).not.toBe(7);
    }
  });

  it('is an instance’s: closed at once; by a view that may be old nothing begins to stay', async () => {
    const node = new Node('cmp1');
    const owner = { deviceOwner: 'compute:nova', deviceId: '' };
    node.builder.port(PORT, NETWORK, owner);
    await node.converge('all');
    expect(node.wanted()).toEqual(WIRED);
    await node.leave(...lastOne);
    expect(node.wanted()).toEqual(CLOSED);

    const old = new Node('cmp1');
    await old.converge('all');
    for (const key of lastOne) old.builder.remove(key);
    await old.converge(new Set(lastOne), false);
    await old.passes(STAYS_MS);
    expect(old.looks).toEqual([]);
  });
});

describe('a removed port of a router on another node', () => {
  const withdrawn = async (node: Node) => {
    node.builder.placed(NETWORK, { cmp1: 7 });
    for (const key of ['node/cmp2', ...ports.slice(1)] as ObjectKey[]) node.builder.remove(key);
    await node.converge(new Set<ObjectKey>([...ports.slice(1), 'node/cmp2', `placement/${idOf(NETWORK)}`]));
  };

  it('keeps the tunnel to that node for a while, though it has nothing of the network any more', async () => {
    const node = new Node('cmp2');
    await node.converge('all');
    await withdrawn(node);
    expect(node.wanted().floods).toEqual([VXLAN_TO_CMP2]);
    await node.passes(STAYS_MS);
    expect(node.wanted().floods).toEqual([]);
  });

  it('keeps none to a node that is gone for good, and none where there was no such port', async () => {
    const gone = new Node('cmp2');
    await gone.converge('all');
    await withdrawn(gone);
    gone.builder.node('cmp2', { tunnelIp: '192.0.2.2', removed: true });
    await gone.converge(new Set(['node/cmp2'] as const));
    expect(gone.wanted().floods).toEqual([]);

    const plain = new Node('cmp2');
    for (const key of ports.slice(1)) plain.builder.remove(key);
    await plain.converge('all');
    await withdrawn(plain);
    expect(plain.wanted().floods).toEqual([]);
  });

  it('changes nothing of what the log’s own view says', async () => {
    const node = new Node('cmp2');
    await node.converge('all');
    await withdrawn(node);
    const placement = node.builder.view.objects.get(`placement/${idOf(NETWORK)}`) as Placement;
    expect([Object.keys(placement.hosts), keyOf(placement)]).toEqual([['cmp1'], `placement/${idOf(NETWORK)}`]);
  });
});
