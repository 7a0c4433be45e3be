/** A provider bridge whose uplink is gone, down, without carrier or taken off: on a real switch, told by its news alone, and mended by itself. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '@plumbline/exec';
import { makeNetns, type ScratchNetns } from '@plumbline/exec/testing';
import { addBridge, addPort, removeBridge, removePort } from '@plumbline/ovsdb';
import { idOf, macOf, type ObjectKey, ViewBuilder } from '@plumbline/ovs-core/testing';
import { concernedBy } from './switch-news.js';
import { Instance, RealSwitch } from './testing/index.js';

const MAPPED = { physnet1: 'br-ex' };
const config = { bridgeMappings: MAPPED, tunnelIp: null, datapathType: 'netdev' as const };

describe('a provider bridge', () => {
  let real: RealSwitch;
  let instance: Instance, other: Instance;
  /** What is at the other end of the uplinks. */
  let outside: ScratchNetns;
  const view = new ViewBuilder('cmp1')
    .node('cmp1', { bridgeMappings: MAPPED })
    .network(1, 'flat')
    .placed(1, { cmp1: 5 })
    .port(11, 1)
    .network(41, 'local')
    .placed(41, { cmp1: 7 })
    .port(12, 41).view;
  let told = new Map<string, { status: string; reason: string | undefined }>();
  let troubles: readonly { key: string; reason: string }[] = [];
  let marked: Set<ObjectKey> | 'all' = 'all';

  const vsctl = (...argv: string[]) => real.ovs.tool(['ovs-vsctl', `--db=${real.ovs.remote}`, '--timeout=10', ...argv]);
  const link = (...argv: string[]) => run(['ip', '-n', real.ovs.netns, 'link', ...argv]);
  /** A pair of devices, one end where the switch is; with `address` the other end answers. */
  const pair = async (name: string, address?: string): Promise<void> => {
    await link('add', name, 'type', 'veth', 'peer', 'name', name, 'netns', outside.name);
    await link('set', name, 'up');
    // Its MAC stays, so that nobody has to forget another one.
    await run(['ip', '-n', outside.name, 'link', 'set', name, 'address', macOf(Number(name.slice(3))), 'up']);
    if (address !== undefined) await run(['ip', '-n', outside.name, 'address', 'add', address, 'dev', name]);
  };
  const watch = (): void => {
    real.driver.onNews((news) => {
      const concerned = concernedBy(news, 'cmp1');
      marked = concerned === 'all' || marked === 'all' ? 'all' : new Set([...marked, ...concerned]);
    });
  };
  /** Converges what the switch's news marked, as the agent does, until it holds. */
  const until = async (holds: () => boolean): Promise<void> => {
    for (const end = performance.now() + 20_000; ;) {
      const touched = marked;
      marked = new Set();
      if (touched === 'all' || touched.size > 0) {
        const result = await real.converger.converge(view, { touched, mayRemove: true });
        for (const { id, status, reason } of result.statuses) told.set(id, { status, reason });
        troubles = result.failed;
      }
      if (holds()) return;
      if (performance.now() > end) throw new Error(`does not come true: ${JSON.stringify([...told, troubles])}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const written = () => real.mirror.root?.external_ids['plumb-uplinks-br-ex'];
  const status = (n = 11) => told.get(idOf(n))?.status;
  const isCut = (because: RegExp) => () =>
    status() === 'ERROR' && because.test(told.get(idOf(11))?.reason ?? '') && status(12) === 'ACTIVE';
  const isWell = () => status() === 'ACTIVE' && troubles.length === 0;

  beforeAll(async () => {
    real = await RealSwitch.start(config);
    outside = await makeNetns('outside');
    watch();
    await real.mirror.commit(addBridge({ name: 'br-ex', bridge: { datapath_type: 'netdev' } }));
    await until(() => real.mirror.bridge('br-int') !== undefined);
    const at = { mac: macOf(11), address: '10.0.0.11/24', ifaceId: idOf(11) };
    instance = await Instance.plug(real, { device: 'tap11', ...at });
    other = await Instance.plug(real, {
      device: 'tap12',
      mac: macOf(12),
      address: '10.1.0.12/24',
      ifaceId: idOf(12),
    });
  });
  afterAll(async () => {
    for (const each of [instance, other]) await each.remove();
    await outside.remove();
    await real.stop();
  });

  it('without any uplink is as it is meant to be', async () => {
    await until(isWell);
    expect(written()).toBeUndefined();
  });

  it('with an uplink lets packets out, and remembers the uplink', async () => {
    await pair('eth1', '10.0.0.1/24');
    await vsctl('add-port', 'br-ex', 'eth1');
    await until(() => written() === 'eth1');
    await until(isWell);
    expect(await instance.reaches('10.0.0.1')).toBe(true);
  });

  it('whose uplink is set down, or has no carrier, is cut off until it is up again', async () => {
    await link('set', 'eth1', 'down');
    await until(isCut(/br-ex: its uplink eth1 is set down: an operator must set it up \(ip link set eth1 up\)/));
    expect(troubles.map(({ key }) => key)).toEqual(['bridge/br-ex']);
    await link('set', 'eth1', 'up');
    await until(isWell);
    await run(['ip', '-n', outside.name, 'link', 'set', 'eth1', 'down']);
    await until(isCut(/its uplink eth1 has no carrier: an operator must/));
    await run(['ip', '-n', outside.name, 'link', 'set', 'eth1', 'up']);
    await until(isWell);
  });

  it('whose uplink was deleted is cut off until there is one of its name, which is opened anew', async () => {
    await link('delete', 'eth1');
    await until(isCut(/the device of its uplink eth1 is gone from this node: an operator must/));
    await pair('eth1', '10.0.0.1/24');
    await until(isWell);
    expect(await instance.reaches('10.0.0.1')).toBe(true);
    expect(real.mirror.interface('eth1')?.ofport_request).toBeNull();
  });

  it('whose uplink was taken off is cut off, also for an agent without memory, until it is put on or given up', async () => {
    const takenOff = isCut(
      /eth1 was taken off it; an operator must put one on again \(ovs-vsctl add-port br-ex eth1\)/,
    );
    await vsctl('del-port', 'br-ex', 'eth1');
    await until(takenOff);
    told = new Map();
    real.restartAgent();
    watch();
    marked = 'all';
    await until(takenOff);
    await vsctl('add-br', 'br-wrong', '--', 'set', 'Bridge', 'br-wrong', 'datapath_type=netdev');
    await vsctl('add-port', 'br-wrong', 'eth1');
    await until(isCut(/eth1 is on br-wrong, to which nothing leads from br-ex; .*ovs-vsctl del-port eth1, then/));
    await vsctl('del-br', 'br-wrong', '--', 'add-port', 'br-ex', 'eth1');
    await until(isWell);
    await vsctl('del-port', 'br-ex', 'eth1');
    await until(takenOff);
    await vsctl('remove', 'Open_vSwitch', '.', 'external_ids', 'plumb-uplinks-br-ex');
    await until(isWell);
    await vsctl('add-port', 'br-ex', 'eth1');
    await until(() => isWell() && written() === 'eth1');
  });

  it('that was deleted with its uplink is made again, and is cut off', async () => {
    await real.mirror.commit(removeBridge(real.mirror.bridge('br-ex')!.uuid));
    await until(isCut(/eth1 was taken off it/));
    expect(real.mirror.bridge('br-ex')).toBeDefined();
    await vsctl('add-port', 'br-ex', 'eth1');
    await until(isWell);
    expect(await instance.reaches('10.0.0.1')).toBe(true);
  });

  it('with several uplinks goes on by one that works, and the others are told', async () => {
    await pair('eth2');
    await vsctl('add-port', 'br-ex', 'eth2');
    await until(() => written() === 'eth1,eth2');
    await link('set', 'eth2', 'down');
    await until(() => troubles.length > 0);
    expect([status(), troubles]).toEqual([
      'ACTIVE',
      [{ key: 'uplink/eth2', reason: expect.stringMatching(/eth2 is set down.*; br-ex has another that works$/) }],
    ]);
    await link('set', 'eth1', 'down');
    await until(isCut(/eth1 is set down.*; its uplink eth2 is set down/));
    await link('set', 'eth2', 'up');
    await until(() => status() === 'ACTIVE');
    await vsctl('del-port', 'br-ex', 'eth2');
    await until(isCut(/eth1 is set down/));
    await link('set', 'eth1', 'up');
    await until(isWell);
  });

  it('whose uplink is a bond is cut off when all its devices are', async () => {
    await vsctl('del-port', 'br-ex', 'eth1', '--', 'add-bond', 'br-ex', 'bond0', 'eth1', 'eth2');
    await until(() => isWell() && written() === 'bond0');
    await link('set', 'eth2', 'down');
    await until(() => troubles.length > 0);
    expect([status(), troubles.map(({ key }) => key)]).toEqual(['ACTIVE', ['uplink/bond0']]);
    await link('delete', 'eth1');
    await until(isCut(/eth1 is gone.*; its uplink eth2 is set down/));
    await pair('eth1', '10.0.0.1/24');
    await until(() => status() === 'ACTIVE');
    await link('set', 'eth2', 'up');
    await until(isWell);
    await vsctl('del-port', 'br-ex', 'bond0', '--', 'add-port', 'br-ex', 'eth1');
    await until(isWell);
  });

  it('that is mapped no more is forgotten', async () => {
    real.config = { ...config, bridgeMappings: {} };
    marked = 'all';
    await until(() => status() === 'ERROR' && written() === undefined);
    real.config = config;
    marked = 'all';
    await until(() => isWell() && written() === 'eth1');
  });

  it('whose uplink is in another bridge that is joined to it is cut off with that, and when the joint is gone', async () => {
    await real.mirror.commit(removePort('br-ex', real.mirror.port('eth1')!.uuid));
    const patch = (bridge: string, name: string, peer: string) =>
      addPort({ bridge, name, interface: { type: 'patch', options: { peer } } });
    await real.mirror.commit([
      ...addBridge({ name: 'br-nic', bridge: { datapath_type: 'netdev' } }),
      ...addPort({ bridge: 'br-nic', name: 'eth1' }),
      ...patch('br-nic', 'nic-ex', 'ex-nic'),
      ...patch('br-ex', 'ex-nic', 'nic-ex'),
    ]);
    await until(isWell);
    expect(await instance.reaches('10.0.0.1')).toBe(true);
    await link('set', 'eth1', 'down');
    await until(isCut(/eth1 is set down/));
    await link('set', 'eth1', 'up');
    await until(isWell);
    await vsctl('del-port', 'br-nic', 'nic-ex');
    await until(isCut(/eth1 is on br-nic, to which nothing leads from br-ex/));
    await real.mirror.commit(patch('br-nic', 'nic-ex', 'ex-nic'));
    await until(isWell);
  });
});
