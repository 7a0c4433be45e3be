/** The bridge mappings of a running agent, set anew in the switch's own record; with bridges, ports and flows of others on every bridge. */
import { symlink, unlink } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AgentBackend, readAgentConfig } from '@plumbline/agent-runtime/nest';
import { MAPPINGS_KEY } from '@plumbline/ovs-core';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { Instance, RealSwitch } from '@plumbline/ovs-driver/testing';
import { createLogger } from '@plumbline/telemetry';
import { makeOvsBackend } from './backend.js';
import { type Mappings, mappingsOnSwitch, setMappingsOnSwitch } from './mappings.js';
import { ovsSettings } from './settings.js';

const RUN_DIR = '/run/openvswitch';
const BRIDGES = ['br-ex', 'br-two', 'br-three'] as const;
type Bridge = (typeof BRIDGES)[number];
const FOREIGN_FLOW = 'cookie=0xabc,priority=77,dl_dst=02:00:00:00:00:99,actions=drop';
const logger = createLogger({ name: 'spec', level: 'silent' });

describe('bridge mappings that are set while the agent runs', () => {
  const config = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev' } as const;
  const statuses = new Map<string, string>();
  /** The instances by port; the hosts outside by bridge. */
  const plugged = new Map<number | Bridge, Instance>();
  let real: RealSwitch;
  let backend: AgentBackend;
  let work: Promise<unknown> = Promise.resolve();
  let told = 0;

  const { view } = [1, 2].reduce(
    (builder, n) =>
      builder
        .network(n, 'flat', { physicalNetwork: `physnet${n}`, segmentationId: null })
        .placed(n, { cmp1: 4 + n })
        .port(10 + n, n, { fixedIps: [{ subnetId: idOf(n), ipAddress: `10.0.0.1${n}` }], portSecurityEnabled: false }),
    new ViewBuilder('cmp1').node('cmp1'),
  );
  const until = async (what: string, holds: () => Promise<boolean> | boolean): Promise<void> => {
    for (const end = performance.now() + 30_000; !(await holds());) {
      if (performance.now() > end) throw new Error(`not within 30 s: ${what}; ${JSON.stringify([...statuses])}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await work;
  };
  const said = (n: number, fits: RegExp) => until(`${n} ${fits}`, () => fits.test(statuses.get(idOf(n)) ?? ''));
  const at = (name: number | Bridge): Instance => plugged.get(name) as Instance;
  /** By the flows of now. */
  const reaches = async (n: number, bridge: Bridge) => {
    await real.revalidated();
    return at(n).reaches(`10.0.0.6${BRIDGES.indexOf(bridge)}`);
  };
  const vsctl = async (...argv: string[]): Promise<string> =>
    (await real.ovs.tool(['ovs-vsctl', `--db=${real.ovs.remote}`, '--timeout=10', ...argv])).stdout.trim();
  /** What is on a bridge that is not ours. */
  const foreign = async (bridge: Bridge) => ({
    ports: (await vsctl('list-ports', bridge)).split('\n').filter((name) => !name.startsWith('phy-')),
    mode: await vsctl('get', 'Bridge', bridge, 'fail_mode'),
    uuids: await vsctl('get', 'Port', `own${BRIDGES.indexOf(bridge)}`, '_uuid'),
    flows: (await real.dump(bridge)).filter((line) => line.includes('cookie=0xabc')),
  });
  /** Our ports and flows on a bridge, and ports of br-int that lead there. */
  const ours = async (bridge: Bridge) => [
    ...(await vsctl('list-ports', bridge)).split('\n').filter((name) => name.startsWith('phy-')),
    ...(await vsctl('list-ports', 'br-int')).split('\n').filter((name) => name === `int-${bridge}`),
    ...(await real.dump(bridge)).filter((line) => /cookie=0x504c/.test(line)),
  ];
  const map = (mappings: Mappings) => setMappingsOnSwitch(real.mirror, mappings);
  const environment = () => ({
    ...{ PLUMB_HOST: 'cmp1', PLUMB_STATE_DIR: real.ovs.dir, NATS_URL: 'nats://127.0.0.1:4222' },
    ...{ PLUMB_OVSDB: real.ovs.remote, PLUMB_DATAPATH_TYPE: 'netdev', PLUMB_FIREWALL: 'none' },
    PLUMB_BRIDGE_MAPPINGS: 'physnet1:br-ex',
  });
  const facts = () => backend.nodeFacts?.()?.bridgeMappings;

  beforeAll(async () => {
    real = await RealSwitch.start(config);
    await symlink(real.ovs.dir, RUN_DIR);
    for (const [n, bridge] of BRIDGES.entries()) {
      await vsctl('add-br', bridge, '--', 'set', 'Bridge', bridge, 'datapath_type=netdev');
      await vsctl('add-port', bridge, `own${n}`, '--', 'set', 'Interface', `own${n}`, 'type=internal');
      await real.ovs.tool([
        ...['ovs-ofctl', '-O', 'OpenFlow14', 'add-flow', `unix:${real.ovs.dir}/${bridge}.mgmt`],
        FOREIGN_FLOW,
      ]);
      const host = { device: `eth${n}`, mac: `02:00:00:00:01:0${n}`, address: `10.0.0.6${n}/24`, ifaceId: null };
      plugged.set(bridge, await Instance.plug(real, { ...host, bridge }));
    }
    backend = await makeOvsBackend(readAgentConfig(environment(), ovsSettings), logger);
    backend.onTold?.(() => {
      told += 1;
    });
    backend.onNodeChange?.((touched) => {
      work = work.then(async () => {
        const result = await backend.reconciler.converge(view, { touched, mayRemove: true, unverified: false });
        for (const { id, status, reason } of result.statuses) statuses.set(id, `${status} ${reason ?? ''}`.trim());
      });
    });
    await until('br-int', () => real.mirror.bridge('br-int') !== undefined);
    for (const n of [11, 12]) {
      const options = { device: `tap${n}`, mac: macOf(n), address: `10.0.0.${n}/24`, ifaceId: idOf(n) };
      plugged.set(n, await Instance.plug(real, options));
    }
  }, 60_000);
  afterAll(async () => {
    await work;
    await backend.close();
    await unlink(RUN_DIR);
    for (const instance of plugged.values()) await instance.remove();
    await real.stop();
  });

  it('are those of the settings while the record says nothing; a port on another physical network says why', async () => {
    await said(11, /^ACTIVE$/);
    await said(12, /^ERROR no bridge_mappings entry of this node names physical network physnet2: .*plumb node map/);
    expect(facts()).toEqual({ physnet1: 'br-ex' });
    expect(await reaches(11, 'br-ex')).toBe(true);
  });

  it('added, count at once: its ports are wired, those of others lose nothing, and it is told', async () => {
    const before = await foreign('br-two');
    const toldBefore = told;
    const steady = at(11).exec(['ping', '-q', '-c', '100', '-i', '0.02', '-W', '1', '10.0.0.60']);
    await map({ physnet1: 'br-ex', physnet2: 'br-two' });
    await said(12, /^ACTIVE$/);
    expect((await steady).stdout).toContain('100 packets transmitted, 100 received');
    expect(facts()).toEqual({ physnet1: 'br-ex', physnet2: 'br-two' });
    expect(told).toBeGreaterThan(toldBefore);
    expect(await reaches(12, 'br-two')).toBe(true);
    expect(await reaches(12, 'br-ex')).toBe(false);
    expect(await foreign('br-two')).toEqual(before);
  });

  it('changed, move the ports to the other bridge, and the old one is as it was before us', async () => {
    const before = [await foreign('br-two'), await foreign('br-three')];
    await map({ physnet1: 'br-ex', physnet2: 'br-three' });
    await until('br-three', async () => (await ours('br-two')).length === 0 && (await reaches(12, 'br-three')));
    expect(await reaches(12, 'br-two')).toBe(false);
    expect(await vsctl('get', 'Bridge', 'br-two', 'external_ids')).toBe('{}');
    expect([await foreign('br-two'), await foreign('br-three')]).toEqual(before);
  });

  it('that cannot be read change nothing, and are said to an operator', async () => {
    const before = [await ours('br-ex'), await ours('br-three')];
    await vsctl('set', 'Open_vSwitch', '.', `external_ids:${MAPPINGS_KEY}="physnet1:br-ex,physnet2:br-int"`);
    await until('said', () => backend.troubles?.(view).some((each) => each.includes("'physnet2:br-int'")) === true);
    expect([await ours('br-ex'), await ours('br-three')]).toEqual(before);
    expect(facts()).toEqual({ physnet1: 'br-ex', physnet2: 'br-three' });
    await expect(map({ physnet1: 'br-ex', physnet2: 'br-ex' })).rejects.toThrow('a bridge of its own');
    await map({ physnet1: 'br-ex', physnet2: 'br-three' });
    await until('well', () => backend.troubles?.(view).length === 0);
    expect(await reaches(12, 'br-three')).toBe(true);
  });

  it('outlive the switch, and an agent that starts says nothing of them before it has read them', async () => {
    await real.ovs.stopSwitch(true);
    await real.ovs.startSwitch();
    await until('wired again', () => reaches(12, 'br-three'));
    expect(mappingsOnSwitch(real.mirror)).toBe('physnet1:br-ex,physnet2:br-three');
    const another = await makeOvsBackend(readAgentConfig(environment(), ovsSettings), logger);
    const saidFirst = [another.nodeFacts?.()];
    await until('facts', () => Boolean(saidFirst[saidFirst.push(another.nodeFacts?.()) - 1]));
    await another.close();
    expect(saidFirst.filter(Boolean).map((each) => each?.bridgeMappings)).toEqual([
      { physnet1: 'br-ex', physnet2: 'br-three' },
    ]);
  });

  it('removed, leave nothing of ours there, and its ports say why; without the key the settings count again', async () => {
    const before = await foreign('br-three');
    await map({ physnet1: 'br-ex' });
    await said(12, /^ERROR no bridge_mappings entry/);
    expect(await ours('br-three')).toEqual([]);
    expect(await foreign('br-three')).toEqual(before);
    expect(await reaches(12, 'br-three')).toBe(false);
    await map({});
    await said(11, /^ERROR no bridge_mappings entry/);
    expect(facts()).toEqual({});
    await vsctl('remove', 'Open_vSwitch', '.', 'external_ids', MAPPINGS_KEY);
    await said(11, /^ACTIVE$/);
    expect(facts()).toEqual({ physnet1: 'br-ex' });
    expect(await reaches(11, 'br-ex')).toBe(true);
  });
});
