import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { addBridge, addPort, removePort, setColumns } from '@plumbline/ovsdb';
import { run } from '@plumbline/exec';
import { actionsOn, flowLine, OvsConverger, planOptions, render, type OvsNodeConfig } from '@plumbline/ovs-core';
import { PrintingDriver } from './printing-driver.js';
import { FakeOvs, RealSwitch, STEPS, type Plugs } from './testing/index.js';
import { SwitchDriver } from './switch-driver.js';
import { concernedBy } from './switch-news.js';

const config: OvsNodeConfig = {
  bridgeMappings: { physnet1: 'br-ex' },
  tunnelIp: '127.0.0.1',
  datapathType: 'netdev',
};
const view = () =>
  new ViewBuilder('cmp1')
    .node('cmp1', { tunnelIp: '127.0.0.1' })
    .node('cmp2', { tunnelIp: '127.0.0.2' })
    .node('cmp3', { tunnelIp: '127.0.0.3' })
    .network(1, 'flat')
    .placed(1, { cmp1: 5 })
    .network(100, 'vlan')
    .placed(100, { cmp1: 6 })
    .network(49784, 'vxlan')
    .placed(49784, { cmp1: 7, cmp2: 1, cmp3: 1 })
    .port(11, 49784)
    .port(12, 49784, {
      fixedIps: [
        { subnetId: idOf(1), ipAddress: '10.0.0.12' },
        { subnetId: idOf(2), ipAddress: '2001:db8:0:0:0:0:0:12' },
      ],
    })
    .port(13, 1, { adminStateUp: false })
    .port(14, 100)
    .entry(11, 49784, 'cmp1', { addresses: ['10.0.0.11', '2001:db8::11'] })
    .entry(91, 49784, 'cmp2', { addresses: ['10.0.0.91', '2001:db8::91'] })
    .entry(92, 49784, 'cmp3', { secured: false });

describe('SwitchDriver on a real switch', () => {
  let real: RealSwitch;
  const converge = (builder: ViewBuilder, mayRemove = true, touched: ReturnType<typeof concernedBy> = 'all') =>
    real.converger.converge(builder.view, { touched, mayRemove });
  const plug = async (device: string, n: number) => {
    const peer = `${device}p`;
    await run(['ip', '-n', real.ovs.netns, 'link', 'add', device, 'type', 'veth', 'peer', 'name', peer]);
    await run(['ip', '-n', real.ovs.netns, 'link', 'set', device, 'up']);
    const external_ids = { 'iface-id': idOf(n), 'attached-mac': macOf(n) };
    await real.mirror.commit(addPort({ bridge: 'br-int', name: device, interface: { external_ids } }));
  };

  beforeAll(async () => {
    real = await RealSwitch.start(config);
    await real.mirror.commit(addBridge({ name: 'br-ex', bridge: { datapath_type: 'netdev' } }));
    await real.mirror.commit(addPort({ bridge: 'br-ex', name: 'uplink', interface: { type: 'internal' } }));
    await real.mirror.commit(addBridge({ name: 'br-other', bridge: { datapath_type: 'netdev' } }));
  });
  afterAll(() => real.stop());

  it('writes each flow in the very text that the switch prints', async () => {
    await converge(view());
    await plug('tap11', 11);
    await plug('tap.12', 12);
    await plug('tap13', 13);
    await plug('tap-14', 14);
    await plug('stranger', 99);
    const result = await converge(view());
    expect(result.failed).toEqual([]);
    const observed = await real.driver.observe();
    const desired = render(view().view, config, observed, planOptions(view().view, true));
    for (const [bridge, flows] of desired.flows) {
      const wanted = flows.map((flow) => ` ${flowLine(flow.key, flow.position, actionsOn(flow, () => true) ?? '')}`);
      const found = (await real.dump(bridge)).filter((line) => line.includes('cookie=0x504c'));
      expect(found).toEqual(wanted.sort());
    }
    expect(desired.flows.get('br-int')?.length).toBeGreaterThan(25);
  });

  it('tells each port as it is', async () => {
    const { statuses } = await converge(view());
    const told = new Map(statuses.map(({ id, status, reason }) => [id, { status, reason }]));
    expect(told.get(idOf(11))).toEqual({ status: 'ACTIVE', reason: undefined });
    expect(told.get(idOf(13))).toEqual({ status: 'DOWN', reason: 'its administrative state is down' });
    expect(told.get(idOf(14))?.status).toBe('ACTIVE');
    expect(real.mirror.port('tap11')?.tag).toBe(7);
    expect(real.mirror.port('tap13')?.tag).toBe(4095);
    expect(real.mirror.port('stranger')?.tag).toBe(4095);
  });

  it('changes nothing when nothing changed, also after a restart of the agent', async () => {
    const before = { transactions: real.transactions, state: await real.state() };
    expect(await converge(view())).toMatchObject({ applied: 0, drift: 0, failed: [] });
    real.restartAgent();
    expect(await converge(view())).toMatchObject({ applied: 0, failed: [] });
    expect({ transactions: real.transactions, state: await real.state() }).toEqual(before);
  });

  it('fills a bridge that has lost its flows, and has the switch count them', async () => {
    const before = await real.state();
    await real.ovs.tool(['ovs-ofctl', '-O', 'OpenFlow14', 'del-flows', `unix:${real.ovs.dir}/br-int.mgmt`]);
    real.restartAgent();
    const asked: string[] = [];
    const run = real.runner.run.bind(real.runner);
    real.runner.run = (argv, options) => {
      const word = argv.find((each) => /^dump-(?:flows|aggregate)$/.test(each));
      if (word && argv.some((each) => each.endsWith('/br-int.mgmt'))) asked.push(word);
      return run(argv, options);
    };
    try {
      expect(await converge(view())).toMatchObject({ failed: [] });
    } finally {
      real.runner.run = run;
    }
    expect(asked).toEqual(['dump-flows', 'dump-aggregate']);
    expect(await real.state()).toEqual(before);
  });

  it('puts back what others changed of ours, counts it, and leaves what is theirs', async () => {
    const other = (await real.dump('br-other')).length;
    const foreign = 'cookie=0xabc,table=60,priority=9,dl_dst=02:00:00:00:00:99 actions=drop';
    const socket = (bridge: string) => `unix:${real.ovs.dir}/${bridge}.mgmt`;
    await real.ovs.tool(['ovs-ofctl', '-O', 'OpenFlow14', 'add-flow', socket('br-int'), foreign]);
    await converge(view());
    const before = await real.state();
    const del = ['ovs-ofctl', '-O', 'OpenFlow14', '--strict', 'del-flows'];
    await real.ovs.tool([...del, socket('br-int'), 'table=60,priority=3']);
    await real.ovs.tool([...del, socket('br-ex'), 'priority=2,in_port=phy-br-ex']);
    await real.mirror.commit(setColumns('Port', 'tap11', { tag: 99 }));
    await real.mirror.commit(setColumns('Interface', 'patch-tun', { options: { peer: 'nobody' } }));
    const row = real.mirror.port('vxlan-7f000002');
    await real.mirror.commit(removePort('br-tun', row?.uuid ?? ''));
    const result = await converge(view());
    expect(result.failed).toEqual([]);
    expect(result.drift).toBeGreaterThanOrEqual(5);
    expect(await real.state()).toBe(before);
    expect(before).toContain('dl_dst=02:00:00:00:00:99');
    expect((await real.dump('br-other')).length).toBe(other);
    expect(real.mirror.bridge('br-other')?.external_ids).toEqual({});
    expect(real.mirror.bridge('br-ex')?.fail_mode).toBeNull();
    expect(real.mirror.port('uplink')?.external_ids).toEqual({});
  });

  it('finds a port that was plugged anew under its old name, whose flows still name the old number', async () => {
    const before = await real.state();
    const row = real.mirror.port('tap11');
    const old = real.mirror.interface('tap11')?.ofport;
    await real.mirror.commit(removePort('br-int', row?.uuid ?? ''));
    await run(['ip', '-n', real.ovs.netns, 'link', 'del', 'tap11']);
    await plug('keeps-number', 98);
    await plug('tap11', 11);
    expect(real.mirror.interface('tap11')?.ofport).not.toBe(old);
    await converge(view(), true, new Set());
    const keeps = real.mirror.port('keeps-number');
    await real.mirror.commit(removePort('br-int', keeps?.uuid ?? ''));
    await converge(view(), true, new Set());
    expect(await real.state()).toBe(before);
  });

  it('leaves no flow of a port number that is gone, also while its view may be old', async () => {
    const before = await real.state();
    const row = real.mirror.port('tap11');
    await real.mirror.commit(removePort('br-int', row?.uuid ?? ''));
    await run(['ip', '-n', real.ovs.netns, 'link', 'del', 'tap11']);
    await plug('between', 98);
    await plug('tap11', 11);
    const between = real.mirror.port('between');
    await real.mirror.commit(removePort('br-int', between?.uuid ?? ''));
    // As after a reboot without a control plane: an agent without memory, which may remove nothing that works.
    real.restartAgent();
    await converge(view(), false);
    expect(await real.state()).toBe(before);
  });

  it('says what cannot be wired, and wires the rest', async () => {
    const builder = view().port(21, 100).port(22, 100);
    const external_ids = { 'iface-id': idOf(21) };
    await real.mirror.commit(addPort({ bridge: 'br-int', name: 'no-device', interface: { external_ids } }));
    await plug('tap22', 22);
    const { statuses, failed } = await converge(builder);
    const told = new Map(statuses.map((status) => [status.id, status]));
    expect(told.get(idOf(21))).toMatchObject({ status: 'DOWN', reason: expect.stringContaining('no-device') });
    expect(told.get(idOf(22))).toMatchObject({ status: 'ACTIVE' });
    expect(failed).toEqual([]);
    for (const name of ['no-device', 'tap22'])
      await real.mirror.commit(removePort('br-int', real.mirror.port(name)?.uuid ?? ''));
    await converge(view());
  });

  it('is told of plugging and unplugging, with the id of the port', async () => {
    real.news.length = 0;
    await plug('tap31', 31);
    expect((await real.heard(({ ports }) => ports.includes(idOf(31)))).reason).toBe('plugged');
    real.news.length = 0;
    await real.mirror.commit(removePort('br-int', real.mirror.port('tap31')?.uuid ?? ''));
    await real.heard(({ ports }) => ports.includes(idOf(31)));
    real.news.length = 0;
    await converge(view().port(41, 100));
    expect(real.news).toEqual([]);
  });

  it('notices that the switch was restarted, and puts everything back', async () => {
    await converge(view());
    const ours = async () => (await real.state()).split('\n').filter((line) => !line.includes('cookie=0xabc'));
    const before = await ours();
    real.news.length = 0;
    await real.ovs.stopSwitch(true);
    await real.heard(({ reason }) => reason === 'switch-lost');
    await real.ovs.startSwitch();
    const news = await real.heard(({ reason }) => reason === 'switch-back');
    const result = await converge(view(), true, concernedBy(news, 'cmp1'));
    expect(result).toMatchObject({ drift: 0, failed: [] });
    expect(await ours()).toEqual(before);
    expect(await converge(view())).toMatchObject({ applied: 0 });
  });

  /** In the very next command that has this word: before it is carried out, or before its end is known. */
  const restartDuring = (verb: string, when: 'before' | 'after') => {
    const runs = real.runner.run.bind(real.runner);
    const restart = async () => {
      real.news.length = 0;
      await real.ovs.stopSwitch(true);
      await real.heard(({ reason }) => reason === 'switch-lost');
      await real.ovs.startSwitch();
      await real.heard(({ reason }) => reason === 'switch-back');
    };
    real.runner.run = async (argv, options) => {
      if (!argv.includes(verb)) return runs(argv, options);
      real.runner.run = runs;
      if (when === 'before') await restart();
      const result = await runs(argv, options);
      if (when === 'after') await restart();
      return result;
    };
  };

  it('does not remember what it wrote to a switch that was restarted meanwhile', async () => {
    await converge(view());
    const ours = async () => (await real.state()).split('\n').filter((line) => !line.includes('cookie=0xabc'));
    const before = await ours();
    restartDuring('add-flows', 'before');
    const port = new Set([`port/${idOf(11)}`] as const);
    await converge(view().port(11, 49784, { adminStateUp: false }), true, port);
    const news = await real.heard(({ reason }) => reason === 'switch-back');
    await converge(view(), true, concernedBy(news, 'cmp1'));
    await converge(view(), true, port);
    expect(await ours()).toEqual(before);
  });

  it('does not remember what it read of a switch that was restarted meanwhile', async () => {
    await converge(view());
    restartDuring('dump-flows', 'after');
    const old = await real.driver.flows(['br-int'], { fresh: true });
    expect(old.get('br-int')?.ours.size).toBeGreaterThan(0);
    const now = await real.driver.flows(['br-int'], { fresh: false });
    expect(now.get('br-int')?.ours.size).toBe(0);
    expect(await converge(view())).toMatchObject({ failed: [] });
  });

  it('notices that the database was away, and changes nothing when it is back', async () => {
    await converge(view());
    real.news.length = 0;
    const gone = new Promise<void>((resolve) => real.client.onConnection((connected) => connected || resolve()));
    await real.ovs.stopDatabase(true);
    await gone;
    await expect(converge(view())).rejects.toThrow('is openvswitch-switch running?');
    await real.ovs.startDatabase();
    await real.heard(({ all, reason }) => all && reason === 'database-back');
    expect(await converge(view())).toMatchObject({ applied: 0, failed: [] });
  });

  it('prints commands that, run by a shell, leave nothing to be done', async () => {
    const fresh = await RealSwitch.start({ ...config, bridgeMappings: { physnet1: 'br-new' } });
    try {
      const commands: string[] = [];
      const { dir, remote, netns } = fresh.ovs;
      const printing = new PrintingDriver({ runDir: dir, remote, print: (command) => commands.push(command) });
      const dry = new OvsConverger(printing, () => fresh.config);
      await dry.converge(view().view, { touched: 'all', mayRemove: true });
      expect(fresh.mirror.bridges()).toEqual([]);
      await run(['sh', '-e'], { netns, stdin: commands.join('\n') });
      const options = { touched: 'all', mayRemove: true } as const;
      expect(await fresh.converger.converge(view().view, options)).toMatchObject({ applied: 0, failed: [] });
    } finally {
      await fresh.stop();
    }
  });

  it('ends, after every step of the scenario, where the fake switch ends', async () => {
    const fresh = await RealSwitch.start(config);
    const fake = new FakeOvs();
    const driver = new SwitchDriver(fake.rows, fake.runner, { watch: false });
    const onFake = new OvsConverger(driver, () => config);
    const plugs: Plugs = {
      plug: async (name, ifaceId) => {
        await run(['ip', '-n', fresh.ovs.netns, 'link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`]);
        await run(['ip', '-n', fresh.ovs.netns, 'link', 'set', name, 'up']);
        await fresh.mirror.commit(
          addPort({ bridge: 'br-int', name, interface: { external_ids: { 'iface-id': ifaceId } } }),
        );
        await fake.plug(name, ifaceId);
      },
      unplug: async (name) => {
        await fresh.mirror.commit(removePort('br-int', fresh.mirror.port(name)?.uuid ?? ''));
        await fake.unplug(name);
      },
    };
    try {
      await fresh.mirror.commit(addBridge({ name: 'br-ex', bridge: { datapath_type: 'netdev' } }));
      await fake.addForeignBridge('br-ex');
      const builder = new ViewBuilder('cmp1');
      const options = { touched: 'all', mayRemove: true } as const;
      for (const step of [() => undefined, ...STEPS]) {
        await step(builder, plugs);
        const results = [
          await fresh.converger.converge(builder.view, options),
          await onFake.converge(builder.view, options),
        ];
        expect(results[0]).toEqual(results[1]);
        const standalone = 'flow priority=0 actions=NORMAL'; // the switch's own in a bridge without a controller
        const lines = (await fresh.state()).split('\n').filter((line) => line.trim() !== standalone);
        expect(lines).toEqual(fake.state().split('\n'));
      }
    } finally {
      driver.close();
      await fresh.stop();
    }
  });

  it('takes everything of ours away when nothing asks for it, and nothing else', async () => {
    real.config = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev' };
    await converge(new ViewBuilder('cmp1'));
    expect(
      real.mirror
        .bridges()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['br-ex', 'br-int', 'br-other']);
    expect(await real.dump('br-ex')).toEqual([' priority=0 actions=NORMAL']);
    expect(real.mirror.bridge('br-ex')?.external_ids).toEqual({});
    expect((real.mirror.bridge('br-ex')?.ports ?? []).length).toBe(2);
  });
});
