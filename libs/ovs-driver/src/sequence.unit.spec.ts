import { describe, expect, it } from '@jest/globals';
import { OvsConverger, OvsUnavailable, type OvsNodeConfig } from '@plumbline/ovs-core';
import type { ConvergeOptions as AllOptions } from '@plumbline/ovs-core';
import { idOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { OvsdbUnreachable } from '@plumbline/ovsdb';
import { SwitchDriver } from './switch-driver.js';
import type { SwitchNews } from './switch-news.js';
import { FakeOvs, STEPS } from './testing/index.js';

type ConvergeOptions = Omit<AllOptions, 'unverified'>;

const config: OvsNodeConfig = {
  bridgeMappings: { physnet1: 'br-ex' },
  tunnelIp: '192.0.2.1',
  datapathType: 'netdev',
};
const ALL: ConvergeOptions = { touched: 'all', mayRemove: true };

/** One fake switch and the agent on it. */
class Node {
  readonly ovs = new FakeOvs();
  driver = this.newDriver();
  converger = new OvsConverger(this.driver, () => config);
  readonly news: SwitchNews[] = [];

  private newDriver(): SwitchDriver {
    const driver = new SwitchDriver(this.ovs.rows, this.ovs.runner, { watch: false });
    driver.onNews((news) => this.news.push(news));
    return driver;
  }
  restart(): void {
    this.driver.close();
    this.driver = this.newDriver();
    this.converger = new OvsConverger(this.driver, () => config);
  }
  converge(builder: ViewBuilder, options = ALL) {
    return this.converger.converge(builder.view, options);
  }
}

/** Runs the steps; `between` says what happens around each. Ends settled. */
async function play(
  between: (node: Node, builder: ViewBuilder, step: () => Promise<void>) => Promise<void>,
): Promise<Node> {
  const node = new Node();
  await node.ovs.addForeignBridge('br-ex');
  await node.ovs.plug('uplink', null, { bridge: 'br-ex' });
  const builder = new ViewBuilder('cmp1');
  await node.converge(builder); // br-int is there before anybody plugs into it
  for (const step of STEPS)
    await between(node, builder, async () => {
      await step(builder, node.ovs);
    });
  const result = await node.converge(builder);
  expect(result.failed).toEqual([]);
  const mutations = node.ovs.mutations;
  expect(await node.converge(builder)).toMatchObject({ applied: 0, drift: 0 });
  expect(node.ovs.mutations).toBe(mutations);
  return node;
}

const asWritten = async (node: Node, builder: ViewBuilder, step: () => Promise<void>) => {
  await step();
  await node.converge(builder);
};

describe('the scenario, five ways', () => {
  const wanted = play(asWritten).then((node) => node.ovs.state());

  it('ends with what the view says', async () => {
    const state = await wanted;
    expect(state).toContain('port tap11 tag=1');
    expect(state).toContain('port vxlan-c0000216');
    expect(state).not.toContain('vxlan-c0000202');
    expect(state).not.toContain('dl_vlan=2');
    expect(state).toContain('arp_spa=10.0.0.200');
    expect(state).toContain('port uplink tag=- - [] {}');
  });

  it('every step converged twice', async () => {
    const node = await play(async (node, builder, step) => {
      await asWritten(node, builder, step);
      expect(await node.converge(builder)).toMatchObject({ applied: 0, drift: 0 });
    });
    expect(node.ovs.state()).toBe(await wanted);
  });

  it('a restart of the agent after every step, before and after it converged', async () => {
    const node = await play(async (node, builder, step) => {
      node.restart();
      await asWritten(node, builder, step);
      node.restart();
      expect(await node.converge(builder)).toMatchObject({ applied: 0 });
    });
    expect(node.ovs.state()).toBe(await wanted);
  });

  it('one converge at the end', async () => {
    const node = await play(async (_node, _builder, step) => step());
    expect(node.ovs.state()).toBe(await wanted);
  });

  it('each change failing once', async () => {
    for (const what of ['transaction', 'bundle'] as const) {
      const node = await play(async (node, builder, step) => {
        await step();
        node.ovs.failNext(what);
        await node.converge(builder);
        node.ovs.failNothing();
        await node.converge(builder);
      });
      expect(node.ovs.state()).toBe(await wanted);
    }
  });

  it('what touches single objects only, with the flows known from before', async () => {
    const node = await play(async (node, builder, step) => {
      await step();
      await node.converge(builder, { touched: new Set(), mayRemove: true });
    });
    expect(node.ovs.state()).toBe(await wanted);
  });

  it('each step by what it touched only: the same as one look at everything, which then has nothing to do', async () => {
    const node = await play(async (node, builder, step) => {
      const before = new Map(builder.view.objects);
      node.news.length = 0;
      await step();
      const { objects } = builder.view;
      const changed = [...new Set([...before.keys(), ...objects.keys()])].filter(
        (key) => before.get(key) !== objects.get(key),
      );
      const plugged = node.news.flatMap(({ ports }) => ports.map((id) => `port/${id}` as const));
      const all = node.news.some((news) => news.all);
      await node.converge(builder, { touched: all ? 'all' : new Set([...changed, ...plugged]), mayRemove: true });
      const state = node.ovs.state();
      expect(await node.converge(builder)).toMatchObject({ applied: 0, drift: 0 });
      expect(node.ovs.state()).toBe(state);
    });
    expect(node.ovs.state()).toBe(await wanted);
  });

  it('first without the right to remove, then with it: what was owed is still known', async () => {
    const node = await play(async (node, builder, step) => {
      await step();
      await node.converge(builder, { touched: new Set(), mayRemove: false });
      await node.converge(builder, { touched: 'all', mayRemove: false });
      await node.converge(builder, { touched: new Set(), mayRemove: true });
      const mutations = node.ovs.mutations;
      await node.converge(builder);
      expect(node.ovs.mutations).toBe(mutations);
    });
    expect(node.ovs.state()).toBe(await wanted);
  });

  it('the switch restarted after every step', async () => {
    const node = await play(async (node, builder, step) => {
      await asWritten(node, builder, step);
      node.ovs.restartSwitch();
      expect((await node.converge(builder)).drift).toBe(0);
    });
    expect(node.ovs.state()).toBe(await wanted);
  });

  it('one flow of ours and one of theirs broken after every step: ours comes back, theirs stays broken', async () => {
    const node = await play(async (node, builder, step) => {
      await asWritten(node, builder, step);
      node.ovs.addForeignFlow('br-int', 'table=60, priority=9,dl_dst=02:00:00:00:00:99', 'drop');
      await node.converge(builder);
      expect(node.ovs.deleteFlow('br-int', 'table=60, priority=3')).toBe(true);
      expect(node.ovs.deleteFlow('br-int', 'table=60, priority=9,dl_dst=02:00:00:00:00:99')).toBe(true);
      expect(await node.converge(builder)).toMatchObject({ drift: 1, failed: [] });
    });
    expect(node.ovs.state()).toBe(await wanted);
  });
});

describe('OvsConverger', () => {
  const ready = async () => {
    const node = new Node();
    const builder = new ViewBuilder('cmp1').network(501, 'vxlan').placed(501, { cmp1: 1 });
    for (let n = 1; n <= 20; n += 1) builder.port(n, 501);
    await node.converge(builder);
    for (let n = 1; n <= 20; n += 1) await node.ovs.plug(`tap${n}`, idOf(n));
    return { node, builder };
  };
  it('writes the flows of a port again that got another number while they were written', async () => {
    const { node, builder } = await ready();
    const run = node.ovs.runner.run.bind(node.ovs.runner);
    let again = false;
    node.ovs.runner.run = async (argv, options) => {
      const result = await run(argv, options);
      if (again || !argv.includes('--bundle') || !argv.some((each) => each.endsWith('/br-int.mgmt'))) return result;
      again = true;
      await node.ovs.unplug('tap1');
      await node.ovs.plug('tap1', idOf(1));
      return result;
    };
    const ports = Array.from({ length: 20 }, (_, at) => `port/${idOf(at + 1)}` as const);
    await node.converge(builder, { touched: new Set(ports), mayRemove: true });
    expect(again).toBe(true);
    await node.converge(builder, { touched: new Set(ports.slice(0, 1)), mayRemove: true });
    node.restart();
    expect(await node.converge(builder)).toMatchObject({ applied: 0, drift: 0, failed: [] });
  });

  it('writes the flows of a port again that got another number before those of another port were written', async () => {
    const { node, builder } = await ready();
    await node.converge(builder);
    builder.port(21, 501);
    await node.ovs.plug('tap21', idOf(21));
    const apply = node.driver.apply.bind(node.driver);
    let again = false;
    node.driver.apply = async (step) => {
      if (!again && step.op === 'flows' && step.bridge === 'br-int') {
        again = true;
        await node.ovs.unplug('tap1');
        await node.ovs.plug('tap1', idOf(1));
      }
      return apply(step);
    };
    await node.converge(builder, { touched: new Set([`port/${idOf(21)}` as const]), mayRemove: true });
    expect(again).toBe(true);
    await node.converge(builder, { touched: new Set([`port/${idOf(1)}` as const]), mayRemove: true });
    node.restart();
    expect(await node.converge(builder)).toMatchObject({ applied: 0, drift: 0, failed: [] });
  });

  const statusOf = (result: Awaited<ReturnType<Node['converge']>>, n: number) =>
    result.statuses.find(({ id }) => id === idOf(n));

  it('wires twenty ports with one transaction and one bundle', async () => {
    const { node, builder } = await ready();
    const before = { transactions: node.ovs.rows.transactions, bundles: node.ovs.bundles };
    const result = await node.converge(builder);
    expect(result.statuses.map(({ status }) => status)).toEqual(Array(20).fill('ACTIVE'));
    expect(node.ovs.rows.transactions - before.transactions).toBe(1);
    expect(node.ovs.bundles - before.bundles).toBe(1);
  });

  it('starts one process for one more port', async () => {
    const { node, builder } = await ready();
    await node.converge(builder);
    builder.port(21, 501);
    await node.ovs.plug('tap21', idOf(21));
    const calls = node.ovs.runner.calls.length;
    const result = await node.converge(builder, { touched: new Set([`port/${idOf(21)}` as const]), mayRemove: true });
    expect(node.ovs.runner.calls.length - calls).toBe(1);
    expect(result.statuses).toMatchObject([{ id: idOf(21), status: 'ACTIVE', position: builder.view.position }]);
  });

  it('neither looks nor renders for what is not on the switch: floating IPs, forwardings, a router that stays', async () => {
    const { node, builder } = await ready();
    builder.router(50);
    await node.converge(builder);
    let observed = 0;
    const observe = node.driver.observe.bind(node.driver);
    node.driver.observe = () => {
      observed += 1;
      return observe();
    };
    builder.router(50);
    const touched = new Set([
      `floatingip/${idOf(1)}`,
      `portforwarding/${idOf(2)}`,
      `router/${idOf(50)}`,
      `subnet/${idOf(3)}`,
    ] as const);
    expect(await node.converge(builder, { touched, mayRemove: true })).toEqual({
      applied: 0,
      drift: 0,
      statuses: [],
      failed: [],
    });
    expect(observed).toBe(0);
    builder.router(50, 'elsewhere');
    await node.converge(builder, { touched, mayRemove: true });
    expect(observed).toBe(1);
  });

  it('says of what is no object that it is still not well, whatever was touched', async () => {
    const { node, builder } = await ready();
    await node.ovs.plug('twin', idOf(3));
    const twins = (await node.converge(builder)).failed;
    expect(twins).toMatchObject([{ key: expect.stringContaining('interface/') }]);
    for (const key of [`floatingip/${idOf(1)}`, `port/${idOf(9)}`] as const)
      expect((await node.converge(builder, { touched: new Set([key]), mayRemove: true })).failed).toEqual(twins);
    await node.ovs.unplug('twin');
    const well = await node.converge(builder, { touched: new Set([`port/${idOf(3)}`] as const), mayRemove: true });
    expect(well.failed).toEqual([]);
  });

  it('quarantines the one port whose flows are refused, and wires the nineteen others', async () => {
    const { node, builder } = await ready();
    node.ovs.refusedInFlows.add('tap7');
    const result = await node.converge(builder);
    expect(result.failed).toEqual([{ key: `port/${idOf(7)}`, reason: expect.stringContaining('tap7') }]);
    expect(statusOf(result, 7)).toMatchObject({ status: 'ERROR', reason: expect.stringContaining('tap7') });
    expect(result.statuses.filter(({ status }) => status === 'ACTIVE')).toHaveLength(19);
  });

  it('says of a tunnel that cannot be made which node it leads to, and keeps the rest', async () => {
    const { node, builder } = await ready();
    node.ovs.rows.unopenable.add('vxlan-c0000202');
    builder.node('cmp2', { tunnelIp: '192.0.2.2' }).node('cmp3', { tunnelIp: '192.0.2.3' });
    builder.placed(501, { cmp1: 1, cmp2: 1, cmp3: 1 });
    const result = await node.converge(builder);
    expect(result.failed).toEqual([{ key: 'node/cmp2', reason: expect.stringContaining('vxlan-c0000202') }]);
    expect(node.ovs.state()).toContain('set_field:0x1f5->tun_id,output:"vxlan-c0000203"');
  });

  it('tells a change of status once, whatever was touched', async () => {
    const { node, builder } = await ready();
    await node.converge(builder);
    const quiet: ConvergeOptions = { touched: new Set(), mayRemove: true };
    expect((await node.converge(builder, quiet)).statuses).toEqual([]);
    await node.ovs.unplug('tap3');
    const { statuses } = await node.converge(builder, quiet);
    expect(statuses).toMatchObject([
      { id: idOf(3), status: 'DOWN', reason: expect.stringContaining('nothing is plugged') },
    ]);
    expect((await node.converge(builder, quiet)).statuses).toEqual([]);
  });

  it('throws when the database is away, and changes nothing', async () => {
    const { node, builder } = await ready();
    node.ovs.rows.inSync = false;
    await expect(node.converge(builder)).rejects.toThrow(OvsUnavailable);
    node.ovs.rows.inSync = true;
    node.ovs.rows.failNext(new OvsdbUnreachable('unix:/nowhere', 'not now'));
    await expect(node.converge(builder)).rejects.toThrow(OvsUnavailable);
    expect((await node.converge(builder)).failed).toEqual([]);
  });

  it('does not tell its own changes as news, and tells those of others', async () => {
    const { node, builder } = await ready();
    node.news.length = 0;
    await node.converge(builder);
    expect(node.news).toEqual([]);
    await node.ovs.setTag('tap5', 99);
    expect(node.news).toEqual([{ ports: [idOf(5)], all: false, reason: 'plugged' }]);
    expect(await node.converge(builder)).toMatchObject({ drift: 1 });
    await node.ovs.deleteBridge('br-tun');
    expect(node.news.at(-1)).toMatchObject({ all: true, reason: 'changed' });
    expect((await node.converge(builder)).failed).toEqual([]);
    expect(node.ovs.state()).toContain('bridge br-tun');
  });

  it('keeps everything while the view may be old, and adds what is new in it', async () => {
    const { node, builder } = await ready();
    await node.converge(builder);
    const before = node.ovs.state();
    const restored = new ViewBuilder('cmp1');
    expect(await node.converge(restored, { touched: 'all', mayRemove: false })).toMatchObject({
      applied: 0,
      failed: [],
    });
    expect(node.ovs.state()).toBe(before);
  });
});
