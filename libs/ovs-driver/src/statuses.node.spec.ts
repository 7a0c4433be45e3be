/** What the agent says of one port through its life, and whether packets pass it just then: the two must agree at each step. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from '@plumbline/exec';
import { addPort, removePort } from '@plumbline/ovsdb';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { HeldTap, Instance, RealSwitch } from './testing/index.js';

const [STEADY, PORT] = [11, 12];
const GROUP = 900;

describe.each(['none', 'openflow'] as const)('a port through its life, firewall %s', (firewall) => {
  let real: RealSwitch;
  let steady: Instance;
  let instance: Instance;

  type State = Readonly<{ host?: string; portUp?: boolean; networkUp?: boolean }>;
  const view = ({ host = 'cmp1', portUp = true, networkUp = true }: State) => {
    const builder = new ViewBuilder('cmp1').node('cmp1').node('cmp2');
    builder.network(1, 'local', { adminStateUp: networkUp }).placed(1, { cmp1: 5 });
    builder.group(GROUP).rule(1, GROUP, { direction: 'egress' }).rule(2, GROUP);
    for (const n of [STEADY, PORT]) {
      const fixedIps = [{ subnetId: idOf(1), ipAddress: `10.0.0.${n}` }];
      const own = n === PORT ? { adminStateUp: portUp, binding: { host, vnicType: 'normal', profile: {} } } : {};
      builder.port(n, 1, { fixedIps, securityGroupIds: [idOf(GROUP)], ...own });
    }
    return builder.view;
  };
  const statusOf = async (state: State, n = PORT): Promise<string | undefined> => {
    const { statuses } = await real.converger.converge(view(state), { touched: 'all', mayRemove: true });
    const found = statuses.find(({ id }) => id === idOf(n));
    return found && `${found.status} ${found.reason ?? ''}`.trim();
  };
  /** The switch opens devices, and sees what becomes of them, in its own time. */
  const until = async (state: State, fits: RegExp): Promise<void> => {
    for (const end = performance.now() + 30_000; ;) {
      const said = await statusOf(state);
      // Packets that come from now on are judged by the flows of now.
      if (fits.test(said ?? '')) return real.revalidated();
      if (performance.now() > end) throw new Error(`not ${fits}: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const passes = async () => [await steady.reaches(`10.0.0.${PORT}`), await instance.reaches(`10.0.0.${STEADY}`)];
  const plug = (n: number) =>
    Instance.plug(real, { device: `tap${n}`, mac: macOf(n), address: `10.0.0.${n}/24`, ifaceId: idOf(n) });

  beforeAll(async () => {
    real = await RealSwitch.start({ bridgeMappings: {}, datapathType: 'netdev', tunnelIp: null, firewall });
    await statusOf({});
    steady = await plug(STEADY);
  }, 60_000);
  afterAll(async () => {
    await steady.remove();
    await instance?.remove();
    await real.stop();
  });

  it('is DOWN until it is plugged in, then ACTIVE', async () => {
    await until({}, /^DOWN nothing is plugged/);
    instance = await plug(PORT);
    await until({}, /^ACTIVE$/);
    expect(await passes()).toEqual([true, true]);
  });

  it('is DOWN and silent while it or its network is set down, or its device is', async () => {
    for (const [state, fits] of [
      [{ portUp: false }, /^DOWN its administrative state is down$/],
      [{ networkUp: false }, /^DOWN its network's administrative state is down$/],
    ] as const) {
      await until(state, fits);
      // Of the port beside it only what is its own.
      expect(await statusOf(state, STEADY)).toMatch('networkUp' in state ? /^DOWN its network's/ : /^ACTIVE$/);
      expect(await passes()).toEqual([false, false]);
      await until({}, /^ACTIVE$/);
      expect(await passes()).toEqual([true, true]);
    }
    const device = (state: string) => run(['ip', '-n', real.ovs.netns, 'link', 'set', `tap${PORT}`, state]);
    await device('down');
    await until({}, /^DOWN the device of interface tap12 is set down/);
    expect(await passes()).toEqual([false, false]);
    await device('up');
    await until({}, /^ACTIVE$/);
    expect(await passes()).toEqual([true, true]);
  });

  it('is no port of this node while it is bound to another one, and silent', async () => {
    expect(await statusOf({ host: 'cmp2' })).toBeUndefined();
    await real.revalidated();
    expect(await passes()).toEqual([false, false]);
    await until({}, /^ACTIVE$/);
    expect(await passes()).toEqual([true, true]);
  });

  it('is DOWN when it is unplugged', async () => {
    await real.mirror.commit(removePort('br-int', real.mirror.port(`tap${PORT}`)?.uuid ?? ''));
    await until({}, /^DOWN nothing is plugged/);
    expect(await statusOf({}, STEADY)).toBe('ACTIVE');
  });

  it('is ACTIVE and says so of a guest that leaves checksums to this switch, which does none', async () => {
    const tap = await HeldTap.open(real.ovs.netns, 'vnet7');
    try {
      await run(['ip', '-n', real.ovs.netns, 'link', 'set', 'vnet7', 'up']);
      const keys = { 'iface-id': idOf(PORT), 'attached-mac': macOf(PORT) };
      await real.mirror.commit(addPort({ bridge: 'br-int', name: 'vnet7', interface: { external_ids: keys } }));
      await until({}, /^ACTIVE$/);
      await tap.leaveChecksums(true);
      await until({}, /^ACTIVE the guest of interface vnet7 leaves checksums to a switch that does none/);
      expect(await statusOf({}, STEADY)).toBe('ACTIVE');
      await tap.leaveChecksums(false);
      await until({}, /^ACTIVE$/);
    } finally {
      await tap.close();
    }
  });
});
