import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { idOf, macOf, PROTOCOL_NUMBERS, type SecurityGroupRule, ViewBuilder } from '@plumbline/ovs-core/testing';
import { addBridge, addPort } from '@plumbline/ovsdb';
import { watchBridges } from './bridge-watch.js';
import { HeldTap, Instance, Prober, RealSwitch } from './testing/index.js';
import { firewallSuite } from './testing/firewall-suite.js';

firewallSuite('hybrid');

/** Devices are named by the first characters of their port's id. */
const portId = (n: number): string => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
const [OPEN, EVERY, REMOTE, ADDRESSES] = [901, 902, 903, 950];

/** Everything out, TCP port 80 in. */
function view(): ViewBuilder {
  return new ViewBuilder('cmp1')
    .node('cmp1')
    .network(1, 'flat')
    .placed(1, { cmp1: 5 })
    .group(OPEN)
    .rule(301, OPEN, { direction: 'egress' })
    .rule(302, OPEN, { protocol: 'tcp', portRangeMin: 80, portRangeMax: 80 });
}
const add = (builder: ViewBuilder, n: number, groups: readonly number[] = [OPEN]): ViewBuilder =>
  builder.port(n, 1, {
    id: portId(n),
    fixedIps: [{ subnetId: idOf(1), ipAddress: `10.0.0.${n}` }],
    securityGroupIds: groups.map(idOf),
  });

describe('bridges of instances', () => {
  let real: RealSwitch;
  const config = { bridgeMappings: { physnet1: 'br-ex' }, tunnelIp: null, datapathType: 'netdev' } as const;
  const instances = new Map<number, Instance>();
  const probers = new Map<number, Prober>();
  const plug = async (n: number, way: 'plug' | 'plugByBridge') => {
    const options = { device: `tap${n}`, mac: macOf(n), address: `10.0.0.${n}/24`, ifaceId: portId(n) };
    instances.set(n, await Instance[way](real, options));
    probers.set(n, await Prober.start(instances.get(n)?.netns.name ?? '', [80, 81]));
  };
  const unplug = async (n: number, device: string) => {
    await real.ovs.tool(['ovs-vsctl', `--db=${real.ovs.remote}`, '--no-wait', 'del-port', 'br-int', device]);
    await probers.get(n)?.stop();
    await instances.get(n)?.remove();
    probers.delete(n);
    instances.delete(n);
  };
  const converge = (builder: ViewBuilder, touched: 'all' | readonly number[] = 'all') =>
    real.converger.converge(builder.view, {
      touched: touched === 'all' ? touched : new Set(touched.map((n) => `port/${portId(n)}` as const)),
      mayRemove: true,
    });
  const statusOf = async (builder: ViewBuilder, n: number, touched: 'all' | readonly number[] = 'all') => {
    const found = (await converge(builder, touched)).statuses.find(({ id }) => id === portId(n));
    return found && [found.status, found.reason];
  };
  const reaches = (from: number, to: number, port: number) =>
    probers.get(from)?.ask({ do: 'tcp', to: `10.0.0.${to}`, port, seconds: port === 80 ? 5 : 0.5 });
  const inside = async (...argv: string[]) =>
    (await real.runner.run(['ip', 'netns', 'exec', real.ovs.netns, ...argv])).stdout;
  const rules = async () =>
    [await inside('iptables-save'), await inside('ip6tables-save')].join('').replaceAll(/^#.*\n|\[\d+:\d+\]/gm, '');
  const tagOf = (device: string) => real.mirror.port(device)?.tag;

  beforeAll(async () => {
    real = await RealSwitch.start({ ...config, firewall: 'hybrid' });
    await real.mirror.commit(addBridge({ name: 'br-ex', bridge: { datapath_type: 'netdev' } }));
    await converge(view());
  });
  afterAll(async () => {
    for (const prober of probers.values()) await prober.stop();
    for (const instance of instances.values()) await instance.remove();
    await real.stop();
  });

  it('are wired by the event that tells of the plug, each with its rules', async () => {
    const builder = add(add(view(), 11), 12);
    await converge(builder);
    for (const n of [11, 12]) {
      await plug(n, 'plugByBridge');
      expect(await statusOf(builder, n, [n])).toEqual(['ACTIVE', undefined]);
    }
    expect(await Promise.all([reaches(11, 12, 80), reaches(12, 11, 81)])).toEqual([true, false]);
  });

  it('get back what is altered; what others have there stays', async () => {
    const builder = add(add(view(), 11), 12);
    await converge(builder);
    const before = await rules();
    await inside('iptables', '-I', 'FORWARD', '-i', 'theirs0', '-j', 'ACCEPT');
    await inside('iptables', '-N', 'THEIRS');
    await inside('ipset', 'create', 'theirs', 'hash:net');
    for (const family of ['iptables', 'ip6tables']) {
      await inside(family, '-F', 'neutron-openvswi-p0000000b-0');
      await inside(family, '-t', 'raw', '-F', 'neutron-openvswi-PREROUTING');
      await inside(family, '-D', 'FORWARD', '-j', 'neutron-openvswi-FORWARD');
      await inside(family, '-A', 'neutron-openvswi-FORWARD', '-j', 'ACCEPT');
    }
    await real.runner.writeSysctls({ 'net/bridge/bridge-nf-call-iptables': '0' }, { netns: real.ovs.netns });
    const result = await converge(builder);
    expect(result.failed).toEqual([]);
    expect(result.drift).toBeGreaterThan(0);
    const after = await rules();
    expect(after.includes('-A FORWARD -i theirs0 -j ACCEPT')).toBe(true);
    expect(await inside('ipset', 'list', '-n')).toContain('theirs');
    const sorted = (text: string) =>
      text
        .split('\n')
        .filter((line) => !/theirs0|THEIRS/.test(line))
        .sort();
    expect(sorted(after)).toEqual(sorted(before));
    expect(after.indexOf('-A FORWARD -j neutron-openvswi-FORWARD')).toBeLessThan(after.indexOf('theirs0'));
    expect(await inside('cat', '/proc/sys/net/bridge/bridge-nf-call-iptables')).toBe('1\n');
    expect(await converge(builder)).toMatchObject({ applied: 0, drift: 0 });
    await inside('iptables', '-D', 'FORWARD', '-i', 'theirs0', '-j', 'ACCEPT');
  });

  it('show every form of a rule as it is written, and lose all of it with the last port', async () => {
    const builder = view().group(EVERY).group(REMOTE).addressGroup(ADDRESSES, ['10.0.0.0/28', 'fd00::/64', '::/0']);
    builder.member(REMOTE, 12, ['10.0.0.12/32', '0.0.0.0/0', 'fd00::12/128', '::ffff:0:0/96']);
    const forms: Partial<SecurityGroupRule>[] = [
      ...Object.keys(PROTOCOL_NUMBERS).map((protocol) => ({ protocol })),
      ...['tcp', 'udp', 'sctp', 'dccp', 'udplite'].flatMap((protocol) =>
        [
          [1, 65535],
          [0, 65535],
          [80, 80],
          [80, 90],
        ].map(([portRangeMin, portRangeMax]) => ({ protocol, portRangeMin, portRangeMax })),
      ),
      ...[null, 0].flatMap((portRangeMax) =>
        ['icmp', 'ipv6-icmp'].map((protocol) => ({ protocol, portRangeMin: 8, portRangeMax })),
      ),
      { protocol: '143' },
      { remoteGroupId: idOf(REMOTE), protocol: 'udp' },
      { remoteAddressGroupId: idOf(ADDRESSES) },
    ];
    let n = 1000;
    for (const ethertype of ['IPv4', 'IPv6'] as const)
      for (const direction of ['ingress', 'egress'] as const) {
        const prefixes =
          ethertype === 'IPv4'
            ? ['10.1.2.3/32', '10.0.0.0/8', '0.0.0.0/0']
            : ['fd00::1/128', '::2:3/128', '::ffff:0:0/96', '::/0'];
        for (const form of [...forms, ...prefixes.map((remoteIpPrefix) => ({ remoteIpPrefix }))])
          builder.rule((n += 1), EVERY, { ethertype, direction, ...(form as Partial<SecurityGroupRule>) });
      }
    add(add(builder, 11, [EVERY]), 12, [EVERY, OPEN]);
    const result = await converge(builder);
    expect(result.statuses.map(({ status, reason }) => reason ?? status)).toEqual(['ACTIVE', 'ACTIVE']);
    real.restartAgent();
    expect(await converge(builder)).toMatchObject({ applied: 0, failed: [] });
    for (const each of [11, 12]) await unplug(each, `qvo${portId(each).slice(0, 11)}`);
    await converge(view());
    expect((await rules()).match(/^-A neutron.*|^:neutron-openvswi-[a-z].*/gm)).toBeNull();
    expect(await inside('ipset', 'list', '-n')).toBe('theirs\n');
  });

  it('get back within a moment what somebody changes by hand, and their port says what only its plugger can mend', async () => {
    const builder = add(view().group(REMOTE).member(REMOTE, 32, ['10.0.0.32/32', 'fd00::32/128']), 31, [OPEN, REMOTE]);
    builder.rule(401, REMOTE, { protocol: 'udp', remoteGroupId: idOf(REMOTE) });
    builder.rule(402, REMOTE, { ethertype: 'IPv6', protocol: 'udp', remoteGroupId: idOf(REMOTE) });
    for (const n of [31, 32]) await plug(n, 'plugByBridge');
    add(builder, 32);
    await converge(builder);
    let looks = 0;
    const statuses = new Map<string, string>();
    const unwatch = watchBridges(
      real.runner,
      async () => {
        const options = { touched: new Set(['node/cmp1'] as const), mayRemove: true };
        for (const { id, reason, status } of (await real.converger.converge(builder.view, options)).statuses)
          statuses.set(id, reason ?? status);
        looks += 1;
      },
      { netns: real.ovs.netns },
    );
    const until = async (what: string, holds: () => Promise<boolean> | boolean): Promise<void> => {
      for (const end = Date.now() + 20_000; !(await holds());) {
        if (Date.now() > end) throw new Error(`not within 20 s: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const all = async () =>
      [await rules(), await inside('ipset', 'save'), await inside('sh', '-c', 'cat /proc/sys/net/bridge/*-call-ip*')]
        .join('')
        .split('\n')
        .sort();
    try {
      // It has begun to listen when it hears of what nobody put right yet; what nobody hears of is not put right at all.
      const before = await all();
      const same = async () => JSON.stringify(await all()) === JSON.stringify(before);
      for (let begun = false; !begun; begun = await same()) {
        await inside('iptables', '-A', 'neutron-openvswi-FORWARD', '-j', 'ACCEPT');
        const heard = looks;
        for (const end = Date.now() + 2_000; looks === heard && Date.now() < end;)
          await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const set4 = `NIPv4${idOf(REMOTE).slice(-26)}`;
      const set6 = set4.replace('v4', 'v6');
      const both = (...argv: string[]) => ['iptables', 'ip6tables'].map((family) => [family, ...argv]);
      const harms: (readonly (readonly string[])[])[] = [
        both('-F', 'neutron-openvswi-p0000001f-0'),
        both('-D', 'FORWARD', '-j', 'neutron-openvswi-FORWARD'),
        both('-t', 'raw', '-F', 'neutron-openvswi-PREROUTING'),
        both('-F'),
        [
          ['ipset', 'add', set4, '10.0.0.99'],
          ['ipset', 'flush', set6],
        ],
        [4, 6].map((version) => ['sysctl', '-qw', `net.bridge.bridge-nf-call-ip${version === 4 ? '' : '6'}tables=0`]),
      ];
      for (const harm of harms) {
        await Promise.all(harm.map((argv) => inside(...argv)));
        expect([harm, await same()]).toEqual([harm, false]);
        await until(JSON.stringify(harm), same);
      }
      // What another program put before our jump comes after it, and stays.
      for (const argv of both('-I', 'FORWARD', '1', '-j', 'ACCEPT')) await inside(...argv);
      const first = async () =>
        (await Promise.all(both('-S', 'FORWARD').map((argv) => inside(...argv)))).map((text) => text.split('\n')[1]);
      await until('our jump first', async () => (await first()).every((line) => line?.includes('-j neutron')));
      for (const argv of both('-D', 'FORWARD', '-j', 'ACCEPT')) await inside(...argv);
      expect(await Promise.all([reaches(31, 32, 80), reaches(32, 31, 81)])).toEqual([true, false]);
      const id = portId(32);
      for (const [harm, says, mend] of [
        ['qvb00000020-00 nomaster', /^qvb00000020-00 is not in the bridge/, 'qvb00000020-00 master qbr00000020-00'],
        [
          'tap00000020-00 nomaster',
          /^tap00000020-00 is not in the bridge.*put it in/,
          'tap00000020-00 master qbr00000020-00',
        ],
        ['qbr00000020-00 down', /^qbr00000020-00 is set down/, 'qbr00000020-00 up'],
        ['tap00000020-00 down', /^tap00000020-00 is set down/, 'tap00000020-00 up'],
      ] as const) {
        await inside('ip', 'link', 'set', ...harm.split(' '));
        await until(harm, () => says.test(statuses.get(id) ?? ''));
        expect(tagOf('qvo00000020-00')).toBe(4095);
        await inside('ip', 'link', 'set', ...mend.split(' '));
        await until(mend, () => statuses.get(id) === 'ACTIVE');
        expect(await reaches(31, 32, 80)).toBe(true);
      }
    } finally {
      unwatch();
      for (const each of [31, 32]) await unplug(each, `qvo${portId(each).slice(0, 11)}`);
    }
  }, 60_000);

  it('that are not made as they should be keep their port on the dead VLAN, as does an instance without one', async () => {
    const builder = add(add(view(), 21), 22);
    await plug(21, 'plugByBridge');
    await inside('ip', 'link', 'set', 'qvb00000015-00', 'nomaster');
    expect(await statusOf(builder, 21)).toEqual([
      'ERROR',
      expect.stringContaining('qvb00000015-00 is not in the bridge'),
    ]);
    expect(tagOf('qvo00000015-00')).toBe(4095);
    await inside('ip', 'link', 'set', 'qvb00000015-00', 'master', 'qbr00000015-00');
    expect(await statusOf(builder, 21)).toEqual(['ACTIVE', undefined]);
    await plug(22, 'plug');
    const direct = ['ERROR', expect.stringContaining('qbr00000016-00')];
    expect(await statusOf(builder, 22, [22])).toEqual(direct);
    real.restartAgent();
    expect(await statusOf(builder, 22)).toEqual(direct);
    expect(tagOf('tap22')).toBe(4095);
    expect(await reaches(21, 22, 81)).toBe(false);
    await unplug(22, 'tap22');
  });

  it('have a guest that leaves its checksums to this switch, which does none: its port is ACTIVE and says so', async () => {
    const builder = add(view(), 41);
    const id = portId(41);
    const [tapName, bridge, near, far] = ['tap', 'qbr', 'qvb', 'qvo'].map((kind) => `${kind}${id.slice(0, 11)}`);
    const tap = await HeldTap.open(real.ovs.netns, tapName ?? '');
    const ip = (...argv: string[]) => inside('ip', 'link', ...argv);
    const becomes = async (fits: RegExp): Promise<void> => {
      let said: string | undefined;
      for (const end = Date.now() + 20_000; !fits.test(said ?? '');) {
        if (Date.now() > end) throw new Error(`not ${fits}: ${said}`);
        said = (await statusOf(builder, 41))?.join(' ').trim();
      }
    };
    try {
      await ip('add', bridge ?? '', 'type', 'bridge');
      await ip('add', near ?? '', 'type', 'veth', 'peer', 'name', far ?? '');
      for (const device of [tapName, near]) await ip('set', device ?? '', 'master', bridge ?? '');
      for (const device of [tapName, near, far, bridge]) await ip('set', device ?? '', 'up');
      const external_ids = { 'iface-id': id, 'attached-mac': macOf(41) };
      await real.mirror.commit(addPort({ bridge: 'br-int', name: far ?? '', interface: { external_ids } }));
      await becomes(/^ACTIVE$/);
      await tap.leaveChecksums(true);
      await becomes(/^ACTIVE the guest of interface qvo00000029-00 leaves checksums to a switch that does none/);
      await tap.leaveChecksums(false);
      await becomes(/^ACTIVE$/);
    } finally {
      await tap.close();
      await real.ovs.tool(['ovs-vsctl', `--db=${real.ovs.remote}`, '--no-wait', '--if-exists', 'del-port', far ?? '']);
      for (const device of [far, bridge]) await ip('delete', device ?? '');
    }
  });

  it('come and go with the setting, but a port that is plugged in keeps its way, and is named', async () => {
    const builder = add(add(view(), 21), 22);
    await plug(22, 'plugByBridge');
    await converge(builder);
    const both = async (firewall: 'openflow' | 'hybrid' | 'none') => {
      real.config = { ...config, firewall };
      real.restartAgent();
      const { statuses } = await converge(builder);
      await real.revalidated();
      return [...statuses.map(({ status }) => status), ...real.converger.leftOver()];
    };
    const answers = () => Promise.all([reaches(21, 22, 80), reaches(22, 21, 81)]);
    expect(await both('openflow')).toEqual(['ACTIVE', 'ACTIVE', portId(21), portId(22)]);
    expect(await answers()).toEqual([true, false]);
    await unplug(22, 'qvo00000016-00');
    await plug(22, 'plug');
    expect(await both('openflow')).toEqual(['ACTIVE', 'ACTIVE', portId(21)]);
    expect(await answers()).toEqual([true, false]);
    expect(await both('hybrid')).toEqual(['ACTIVE', 'ACTIVE', portId(22)]);
    expect(await answers()).toEqual([true, false]);
    expect(await both('none')).toEqual(['ACTIVE', 'ACTIVE']);
    expect(await rules()).not.toContain('neutron-openvswi');
    expect(await answers()).toEqual([true, true]);
    // Nothing is put on a bridge anew where flows judge: not even br_netfilter is needed.
    expect(await both('openflow')).toEqual(['ACTIVE', 'ACTIVE']);
    expect(await rules()).not.toContain('neutron-openvswi');
    expect(await answers()).toEqual([true, false]);
  });
});
