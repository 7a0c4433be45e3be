import { describe, expect, it } from '@jest/globals';
import type { ObservedPort, ObservedSwitch } from './driver.js';
import { actionsOn, portText } from './flow.js';
import { cookieOf, intPatch, OUR_COOKIES, phyPatch, readCookie, tunnelName } from './marks.js';
import { linkLocal } from './link-local.js';
import { OvsNodeConfig } from './render.js';
import { idOf, ViewBuilder } from './testing/index.js';
import { render } from './wanted.js';

const config: OvsNodeConfig = {
  bridgeMappings: { physnet1: 'br-ex' },
  tunnelIp: '192.0.2.1',
  datapathType: 'netdev',
};
const plugged = (name: string, ifaceId: string, more: Partial<ObservedPort> = {}): ObservedPort => ({
  name,
  bridge: 'br-int',
  tag: null,
  mark: null,
  tagMark: null,
  ifaceId,
  type: '',
  options: {},
  ofport: 7,
  error: null,
  ...more,
});
const brInt = (...ports: ObservedPort[]): ObservedSwitch =>
  new Map([
    [
      'br-int',
      {
        name: 'br-int',
        datapathType: 'netdev',
        failMode: 'secure',
        mark: 1,
        adopted: false,
        ports: new Map(ports.map((port) => [port.name, port])),
      },
    ],
  ]);
const lines = (desired: ReturnType<typeof render>, bridge: string): string[] =>
  (desired.flows.get(bridge) ?? []).map((flow) => `${flow.key} actions=${actionsOn(flow, () => true)}`).sort();

describe('render', () => {
  it('gives a flat provider network the flows of scenario D', () => {
    const view = new ViewBuilder().network(1, 'flat').placed(1, { cmp1: 5 }).view;
    const desired = render(view, { ...config, tunnelIp: null }, new Map(), { mayRemove: true });
    expect(lines(desired, 'br-ex')).toEqual([
      'priority=1 actions=NORMAL',
      'priority=2,in_port="phy-br-ex" actions=drop',
      'priority=4,in_port="phy-br-ex",dl_vlan=5 actions=pop_vlan,NORMAL',
    ]);
    expect(lines(desired, 'br-int')).toEqual([
      'priority=0 actions=goto_table:59',
      'priority=2,in_port="int-br-ex" actions=drop',
      'priority=3,in_port="int-br-ex",vlan_tci=0x0000/0x1fff actions=push_vlan:0x8100,set_field:4101->vlan_vid,goto_table:59',
      'priority=65535,dl_vlan=4095 actions=drop',
      'table=23, priority=0 actions=drop',
      'table=24, priority=0 actions=drop',
      'table=30, priority=0 actions=goto_table:59',
      'table=31, priority=0 actions=goto_table:59',
      'table=59, priority=0 actions=goto_table:60',
      'table=60, priority=3 actions=NORMAL',
      'table=62, priority=3 actions=NORMAL',
    ]);
    expect(desired.ports.map((port) => [port.bridge, port.name, port.options['peer']])).toEqual([
      ['br-int', 'int-br-ex', 'phy-br-ex'],
      ['br-ex', 'phy-br-ex', 'int-br-ex'],
    ]);
  });

  it('closes every port of a network that is set down, those of routers too, and opens them when it is up', () => {
    const routerPort = { deviceOwner: 'network:router_interface', deviceId: idOf(90) } as const;
    const builder = new ViewBuilder()
      .network(7, 'local')
      .placed(7, { cmp1: 9 })
      .router(90)
      .port(31, 7)
      .port(32, 7, routerPort);
    const observed = brInt(plugged('tap31', idOf(31)), plugged('tap32', idOf(32)));
    const tags = () => render(builder.view, config, observed, { mayRemove: true }).tags.map(({ tag }) => tag);
    expect(tags()).toEqual([9, 9]);
    const position = builder.network(7, 'local', { adminStateUp: false }).view.position;
    expect(tags()).toEqual([4095, 4095]);
    const { portPlans, flows } = render(builder.view, config, observed, { mayRemove: true });
    expect(portPlans.map(({ down }) => down)).toEqual(Array(2).fill("its network's administrative state is down"));
    expect(
      flows
        .get('br-int')
        ?.filter(({ key }) => key.includes('tap'))
        .map((flow) => flow.position),
    ).toEqual([position, position]);
    builder.network(7, 'local');
    expect(tags()).toEqual([9, 9]);
  });

  it('keeps a local network on br-int: its ports are tagged, and no bridge and no tunnel carries its tag', () => {
    const view = new ViewBuilder()
      .node('cmp1', { tunnelIp: '192.0.2.1' })
      .node('cmp2', { tunnelIp: '192.0.2.2' })
      .network(7, 'local')
      .placed(7, { cmp1: 9, cmp2: 4 })
      .port(31, 7).view;
    const desired = render(view, config, brInt(plugged('tap31', idOf(31))), { mayRemove: true });
    expect(desired.tags.map(({ name, tag }) => [name, tag])).toEqual([['tap31', 9]]);
    for (const bridge of ['br-ex', 'br-tun'])
      expect(lines(desired, bridge).filter((line) => /vlan=(9|4105)|vid=(9|4105)|4105->/.test(line))).toEqual([]);
    expect(desired.ports.map(({ name }) => name)).not.toContain(tunnelName('192.0.2.2'));
  });

  it('translates the tag of a VLAN network both ways', () => {
    const view = new ViewBuilder().network(100, 'vlan').placed(100, { cmp1: 3 }).view;
    const desired = render(view, config, new Map(), { mayRemove: true });
    expect(lines(desired, 'br-ex')).toContain(
      'priority=4,in_port="phy-br-ex",dl_vlan=3 actions=set_field:4196->vlan_vid,NORMAL',
    );
    expect(lines(desired, 'br-int')).toContain(
      'priority=3,in_port="int-br-ex",dl_vlan=100 actions=set_field:4099->vlan_vid,goto_table:59',
    );
  });

  it('gives br-tun the tables of the reference, and tunnels to exactly the nodes that share a network', () => {
    const view = new ViewBuilder()
      .node('cmp1', { tunnelIp: '192.0.2.1' })
      .node('cmp2', { tunnelIp: '192.0.2.2' })
      .node('cmp3', { tunnelIp: '192.0.2.3' })
      .node('gone', { tunnelIp: null, removed: true })
      .network(0xc278, 'vxlan')
      .placed(0xc278, { cmp1: 4, cmp2: 9, gone: 3 })
      .network(2, 'vxlan')
      .placed(2, { cmp1: 5 }).view;
    const desired = render(view, { ...config, bridgeMappings: {} }, new Map(), { mayRemove: true });
    expect(lines(desired, 'br-tun')).toEqual(
      [
        'priority=1,in_port="patch-int" actions=goto_table:2',
        'priority=1,in_port="vxlan-c0000202" actions=goto_table:4',
        'priority=0 actions=drop',
        'table=2, priority=0,dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:20',
        'table=2, priority=0,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:22',
        'table=3, priority=0 actions=drop',
        'table=4, priority=0 actions=drop',
        'table=4, priority=1,tun_id=0xc278 actions=push_vlan:0x8100,set_field:4100->vlan_vid,goto_table:10',
        'table=4, priority=1,tun_id=0x2 actions=push_vlan:0x8100,set_field:4101->vlan_vid,goto_table:10',
        'table=6, priority=0 actions=drop',
        'table=10, priority=1 actions=learn(table=20,hard_timeout=300,priority=2,cookie=0x504c800000000000,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0->NXM_OF_VLAN_TCI[],load:NXM_NX_TUN_ID[]->NXM_NX_TUN_ID[],output:OXM_OF_IN_PORT[]),output:"patch-int"',
        'table=2, priority=1,arp,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1 actions=goto_table:21',
        'table=2, priority=1,icmp6,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,icmp_type=135 actions=goto_table:21',
        'table=20, priority=0 actions=goto_table:22',
        'table=21, priority=0 actions=goto_table:22',
        'table=21, priority=3,icmp6,icmp_type=135,nd_sll=00:00:00:00:00:00 actions=goto_table:22',
        'table=26, priority=1,icmp6,icmp_type=136 actions=move:NXM_OF_ETH_SRC[]->NXM_NX_ND_TLL[],IN_PORT',
        'table=22, priority=0 actions=drop',
        'table=22, priority=1,dl_vlan=4 actions=pop_vlan,set_field:0xc278->tun_id,output:"vxlan-c0000202"',
      ].sort(),
    );
    expect(desired.ports.filter((port) => port.type === 'vxlan')).toEqual([
      {
        bfd: true,
        bridge: 'br-tun',
        name: 'vxlan-c0000202',
        type: 'vxlan',
        options: {
          df_default: 'true',
          egress_pkt_mark: '0',
          in_key: 'flow',
          local_ip: '192.0.2.1',
          out_key: 'flow',
          remote_ip: '192.0.2.2',
        },
        position: 2,
        owner: 'node/cmp2',
      },
    ]);
  });

  it('lets a port with port security send its own addresses only', () => {
    const mac = 'fa:16:3e:28:6e:a6';
    const builder = new ViewBuilder().network(1, 'vxlan').placed(1, { cmp1: 4 });
    const fixedIps = [{ subnetId: idOf(1), ipAddress: '192.168.7.37' }];
    const view = builder.port(7, 1, { macAddress: mac, fixedIps }).view;
    const desired = render(view, config, brInt(plugged('tap7', idOf(7))), { mayRemove: true });
    expect(lines(desired, 'br-int').filter((line) => line.includes('tap7'))).toEqual([
      'priority=10,arp,in_port=tap7 actions=goto_table:24',
      'priority=10,icmp6,in_port=tap7,icmp_type=136 actions=goto_table:24',
      'priority=9,in_port=tap7 actions=goto_table:25',
      'table=24, priority=2,arp,in_port=tap7,arp_spa=192.168.7.37 actions=goto_table:25',
      'table=24, priority=2,icmp6,in_port=tap7,icmp_type=136,nd_target=fe80::f816:3eff:fe28:6ea6 actions=goto_table:59',
      `table=25, priority=2,in_port=tap7,dl_src=${mac} actions=goto_table:30`,
    ]);
    expect(desired.tags).toEqual([{ bridge: 'br-int', name: 'tap7', tag: 4, position: 3, owner: `port/${idOf(7)}` }]);
  });

  it('does not check router ports and ports without port security', () => {
    const view = new ViewBuilder()
      .network(1, 'vxlan')
      .placed(1, { cmp1: 4 })
      .router(50)
      .port(7, 1, { portSecurityEnabled: false })
      .port(8, 1, {
        deviceOwner: 'network:router_interface',
        deviceId: idOf(50),
        binding: { host: '', vnicType: 'normal', profile: {} },
      }).view;
    const observed = brInt(plugged('a', idOf(7)), plugged('b', idOf(8)));
    const desired = render(view, config, observed, { mayRemove: true });
    expect(lines(desired, 'br-int').filter((line) => /in_port="?[ab]"?,/.test(line))).toEqual([]);
    expect(desired.tags.map(({ name, tag }) => [name, tag])).toEqual([
      ['a', 4],
      ['b', 4],
    ]);
  });

  it('closes what has no place: unknown, administratively down, moved away, without a mapping, and the second of two twins', () => {
    const view = new ViewBuilder()
      .network(1, 'vxlan')
      .placed(1, { cmp1: 4 })
      .network(2, 'flat', { physicalNetwork: 'nowhere' })
      .placed(2, { cmp1: 5 })
      .port(1, 1, { adminStateUp: false })
      .port(2, 1, { binding: { host: 'cmp2', vnicType: 'normal', profile: {} } })
      .port(3, 2)
      .port(4, 1).view;
    const names = ['down', 'moved', 'unmapped', 'twin-a', 'twin-b', 'unknown'];
    const ids = [1, 2, 3, 4, 4, 99];
    const observed = brInt(...names.map((name, i) => plugged(name, idOf(ids[i] ?? 0), { ofport: i + 1 })));
    const desired = render(view, config, observed, { mayRemove: true });
    const closed = desired.tags.filter(({ tag }) => tag === 4095).map(({ name }) => name);
    expect(closed.sort()).toEqual(['down', 'moved', 'twin-b', 'unknown', 'unmapped']);
    for (const name of closed)
      expect(lines(desired, 'br-int')).toContain(`priority=2,in_port=${portText(name)} actions=drop`);
    expect(desired.portPlans.find(({ port }) => port.id === idOf(3))).toMatchObject({
      fault: true,
      down: expect.stringContaining('nowhere'),
    });
    expect(desired.refused).toEqual([{ key: 'interface/twin-b', reason: expect.stringContaining('twin-a') }]);
  });

  it('leaves a wired interface it does not know while the view may be old, and closes an open one', () => {
    const observed = brInt(plugged('wired', idOf(1), { tag: 8 }), plugged('open', idOf(2)));
    const desired = render(new ViewBuilder().view, config, observed, { mayRemove: false });
    expect(desired.tags.map(({ name }) => name)).toEqual(['open']);
  });
});

describe('portText', () => {
  it('quotes as the switch prints, and refuses what could be read as something else', () => {
    expect(['tap7', 'int-br-ex', 'tap0.5', 'a_b', '7up'].map(portText)).toEqual([
      'tap7',
      '"int-br-ex"',
      '"tap0.5"',
      '"a_b"',
      '"7up"',
    ]);
    for (const name of ['local', 'NORMAL', '12', 'a"b', 'a,b', 'a b', '', 'longer-than-15-chars'])
      expect(() => portText(name)).toThrow('cannot be written');
  });
});

describe('marks', () => {
  it('puts position and mark into the cookie and reads them back', () => {
    expect(cookieOf(1)).toBe('0x504c000000000001');
    expect(readCookie(cookieOf(2 ** 40))).toEqual({ ours: true, learned: false, position: 2 ** 40 });
    expect(readCookie('0x504c800000000000')).toEqual({ ours: true, learned: true, position: 0 });
    expect(readCookie('0x0')).toEqual({ ours: false });
    expect(OUR_COOKIES).toBe('0x504c000000000000/0xffff000000000000');
  });

  it('makes names of at most 15 characters, different for different bridges', () => {
    expect(intPatch('br-ex')).toBe('int-br-ex');
    const long = ['br-provider-one', 'br-provider-two'].flatMap((bridge) => [intPatch(bridge), phyPatch(bridge)]);
    expect(new Set(long).size).toBe(4);
    for (const name of long) expect(name.length).toBeLessThanOrEqual(15);
    expect(tunnelName('192.0.2.2')).toBe('vxlan-c0000202');
    expect(tunnelName('2001:db8::1')).toMatch(/^vxlan-[0-9a-f]{8}$/);
  });

  it('derives the link-local address of a MAC', () => {
    expect(linkLocal('fa:16:3e:d1:d7:8a')).toBe('fe80::f816:3eff:fed1:d78a');
    expect(linkLocal('00:00:00:00:00:01')).toBe('fe80::200:ff:fe00:1');
    expect(linkLocal('02:00:00:00:00:00')).toBe('fe80::ff:fe00:0');
  });
});
