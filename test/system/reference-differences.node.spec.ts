/**
 * The flows of the reference implementation and ours are equal in meaning but for the rows of one table (docs/design/ovs-dataplane.md, "Differences from the
 * reference"). On real switches: the node whose flows we have from the reference gets these flows, and what each row says of us is so. A row without a check fails, and
 * so does a check without a row.
 */
import { readFileSync } from 'node:fs';
import { symlink, unlink } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AgentBackend, readAgentConfig } from '@plumbline/agent-runtime/nest';
import { converge as convergeRouters, L3Memory } from '@plumbline/l3-core';
import { life } from '@plumbline/l3-core/testing';
import { makeNode } from '@plumbline/l3-driver/testing';
import { OVS_AGENT } from '@plumbline/node-agents/ovs';
import { intPatch, MAPPINGS_KEY, phyPatch, readCookie } from '@plumbline/ovs-core';
import {
  flowsOfReference,
  idOf,
  macOf,
  REFERENCE_PORTS,
  referenceNode,
  ViewBuilder,
} from '@plumbline/ovs-core/testing';
import { Instance, joinUnderlay, RealSwitch } from '@plumbline/ovs-driver/testing';
import { createLogger } from '@plumbline/telemetry';
import { until } from './testing/switch-agent.js';

const DOCUMENT = path.resolve(import.meta.dirname, '../../docs/design/ovs-dataplane.md');
const RUN_DIR = '/run/openvswitch';
const TUNNEL_IPS = ['192.0.2.1', '192.0.2.2'] as const;
/** The ends of its patch ports have names of more than 15 characters. */
const LONG = 'br-long-name';
const MAPPINGS = { physnet1: 'br-ex', physnet2: LONG };
const GROUP = 900;
/** Ports on cmp1: two with port security, one without, one whose network is not placed there, two that are set down, a router's, one on each provider network, an internal one. */
const [SECURED, SECOND, OPEN, UNPLACED, DEAD, DEAD_TOO, GATEWAY, FLAT, VLAN, INTERNAL] = [11, 12, 13, 14, 15, 16, 17, 31, 41, 18]; // prettier-ignore
/** Ports on cmp2, of which the second has no port security. */
const [ELSEWHERE, ELSEWHERE_OPEN] = [21, 22];

type Otherwise = Readonly<{ networkUp?: boolean; without?: readonly number[] }>;
/** cmp3 shares no network with cmp1. */
function viewOf(host: 'cmp1' | 'cmp2', { networkUp = true, without = [] }: Otherwise = {}): ViewBuilder {
  const builder = new ViewBuilder(host)
    .node('cmp1', { tunnelIp: TUNNEL_IPS[0] })
    .node('cmp2', { tunnelIp: TUNNEL_IPS[1] })
    .node('cmp3', { tunnelIp: '192.0.2.3' })
    .network(501, 'vxlan', { adminStateUp: networkUp })
    .placed(501, { cmp1: 1, cmp2: 2 });
  const port = (n: number, network: number, more: Parameters<ViewBuilder['port']>[2] = {}) =>
    without.includes(n) ? builder : builder.port(n, network, more);
  const entry = (n: number, at: string, secured: boolean) => builder.entry(n, 501, at, { secured });
  entry(SECURED, 'cmp1', true);
  entry(ELSEWHERE, 'cmp2', true);
  entry(ELSEWHERE_OPEN, 'cmp2', false);
  const open = { portSecurityEnabled: false };
  if (host === 'cmp2') {
    builder.network(502, 'vxlan').placed(502, { cmp2: 3, cmp3: 3 });
    port(ELSEWHERE, 501);
    port(ELSEWHERE_OPEN, 501, open);
    return builder;
  }
  builder.network(503, 'vxlan').network(1, 'flat').placed(1, { cmp1: 5 });
  builder.network(100, 'vlan', { physicalNetwork: 'physnet1' }).placed(100, { cmp1: 6 }).router(70);
  port(SECURED, 501);
  port(SECOND, 501);
  port(OPEN, 501, open);
  port(UNPLACED, 503);
  for (const n of [DEAD, DEAD_TOO]) port(n, 501, { adminStateUp: false });
  port(GATEWAY, 501, { ...open, deviceOwner: 'network:router_interface', deviceId: idOf(70) });
  port(FLAT, 1);
  port(VLAN, 100);
  port(INTERNAL, 501);
  return builder;
}

/** First cells of the rows of the table, in order. */
function documented(): string[] {
  const [, section = ''] = readFileSync(DOCUMENT, 'utf8').split('\n## Differences from the reference (`flows.br-int`');
  const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(2).map((line) => line.split('|')[1]?.trim() ?? '');
}

describe('the reference node on a real switch', () => {
  let real: RealSwitch;
  beforeAll(async () => {
    const config = { bridgeMappings: { physnet1: 'br-ex' }, tunnelIp: TUNNEL_IPS[0], datapathType: 'netdev' } as const;
    real = await RealSwitch.start(config);
  });
  afterAll(() => real?.stop());

  it('has the flows of the reference, but for the differences that are documented', async () => {
    const { view } = referenceNode();
    await real.converger.converge(view, { touched: 'all', mayRemove: true });
    const plugged: Instance[] = [];
    for (const [device, n] of Object.entries(REFERENCE_PORTS)) {
      const of = { device, mac: macOf(n), address: `192.168.7.${n}/24`, ifaceId: idOf(n) };
      plugged.push(await Instance.plug(real, of));
    }
    const { failed } = await real.converger.converge(view, { touched: 'all', mayRemove: true });
    expect(failed).toEqual([]);
    for (const bridge of ['br-int', 'br-tun', 'br-ex']) {
      const lines = (await real.dump(bridge)).map((line) => line.replace(/^ (cookie=0x[0-9a-f]+, )?/, ''));
      expect(lines.sort()).toEqual(flowsOfReference(bridge));
    }
    for (const instance of plugged) await instance.remove();
  });
});

describe('what the table of differences says of us', () => {
  const nodes: RealSwitch[] = [];
  const plugged = new Map<number, Instance>();
  const at = (n: number): Instance => plugged.get(n) as Instance;
  const real = (): RealSwitch => nodes[0] as RealSwitch;

  const told = async (of: Otherwise = {}, on: RealSwitch = real()): Promise<Map<string, string>> => {
    const { view } = viewOf(on === real() ? 'cmp1' : 'cmp2', of);
    const { statuses, failed } = await on.converger.converge(view, { touched: 'all', mayRemove: true });
    for (const { key } of failed) expect(key).toMatch(/^(bridge|uplink)\//);
    await on.revalidated();
    return new Map(statuses.map(({ id, status, reason }) => [id, `${status} ${reason ?? ''}`.trim()]));
  };
  /** The switch sees in its own time what becomes of a device. */
  const becomes = async (n: number, fits: RegExp): Promise<void> => {
    let said: string | undefined;
    await until(
      async () => fits.test((said = (await told()).get(idOf(n))) ?? ''),
      () => said,
    );
  };
  const vsctl = async (...argv: string[]): Promise<string> =>
    (await real().ovs.tool(['ovs-vsctl', `--db=${real().ovs.remote}`, '--timeout=10', ...argv])).stdout.trim();
  const dumped = async (bridge: string, ...options: string[]): Promise<string[]> => {
    const socket = `unix:${real().ovs.dir}/${bridge}.mgmt`;
    const { stdout } = await real().ovs.tool(['ovs-ofctl', ...options, '--no-stats', 'dump-flows', socket]);
    return stdout.split('\n').filter((line) => line.includes('actions='));
  };
  const flows = (bridge: string): Promise<string[]> => real().dump(bridge);
  const flowsOf = async (n: number): Promise<string[]> =>
    (await flows('br-int'))
      .filter((line) => line.includes(`in_port=tap${n}`) || line.includes(`output:tap${n}`))
      .map((line) => line.replace(/^ cookie=0x[0-9a-f]+, /, ''));
  const closed = (n: number): string[] => [`priority=2,in_port=tap${n} actions=drop`];
  const tagOf = (n: number) => real().mirror.port(`tap${n}`)?.tag;
  const portsOf = async (bridge: string): Promise<string[]> => (await vsctl('list-ports', bridge)).split('\n');
  const remap = async (bridgeMappings: Readonly<Record<string, string>>): Promise<void> => {
    real().config = { ...real().config, bridgeMappings };
    await told();
  };

  const CHECKS: readonly (readonly [row: string, what: string, check: () => Promise<void>])[] = [
    [
      'all flows',
      'the cookie has our mark and a position of the log; a restart of the agent changes nothing',
      async () => {
        const before: string[] = [];
        for (const bridge of ['br-int', 'br-tun', LONG]) before.push(...(await flows(bridge)));
        const cookies = before.map((line) => readCookie(/cookie=(0x[0-9a-f]+)/.exec(line)?.[1] ?? '0'));
        const last = viewOf('cmp1').view.position;
        expect(cookies.filter((cookie) => !cookie.ours || cookie.position > last)).toEqual([]);
        real().restartAgent();
        const { view } = viewOf('cmp1');
        const { applied } = await real().converger.converge(view, { touched: 'all', mayRemove: true });
        const after: string[] = [];
        for (const bridge of ['br-int', 'br-tun', LONG]) after.push(...(await flows(bridge)));
        expect([applied, after]).toEqual([0, before]);
      },
    ],
    [
      'all flows',
      'the same actions in the text of OpenFlow 1.4, and in that of 1.0',
      async () => {
        const of = async (bridge: string, version: string, match: string) =>
          (await dumped(bridge, '-O', version, '--names')).find((line) => line.includes(match))?.split(' actions=')[1];
        const exit = 'in_port="phy-br-ex",dl_vlan=5';
        const entry = 'in_port="int-br-ex",vlan_tci=0x0000';
        expect(await of('br-ex', 'OpenFlow14', exit)).toBe('pop_vlan,NORMAL');
        expect(await of('br-ex', 'OpenFlow10', exit)).toBe('strip_vlan,NORMAL');
        const pushed = 'push_vlan:0x8100,set_field:4101->vlan_vid,goto_table:59';
        expect(await of('br-int', 'OpenFlow14', entry)).toBe(pushed);
        expect(await of('br-int', 'OpenFlow10', entry)).toBe('mod_vlan_vid:5,resubmit(,59)');
      },
    ],
    [
      'in_port',
      'a name, which the switch keeps as the number of that port',
      async () => {
        const number = real().mirror.interface('phy-br-ex')?.ofport;
        expect((await flows('br-ex')).some((line) => line.includes('in_port="phy-br-ex",dl_vlan=5'))).toBe(true);
        const numbers = await dumped('br-ex', '-O', 'OpenFlow14', '--no-names');
        expect(numbers.some((line) => line.includes(`in_port=${number},dl_vlan=5`))).toBe(true);
      },
    ],
    [
      'provider bridge, the rest',
      'our NORMAL beside the one of the switch, which stays when ours goes',
      async () => {
        const normal = async () =>
          (await flows('br-ex'))
            .filter((line) => /priority=[01] actions=NORMAL/.test(line))
            .map((line) => [/cookie=0x504c/.test(line), /priority=\d/.exec(line)?.[0]]);
        expect(await normal()).toEqual(expect.arrayContaining([[true, 'priority=1'], [false, 'priority=0']])); // prettier-ignore
        await remap({ physnet2: LONG });
        expect(await normal()).toEqual([[false, 'priority=0']]);
        await remap(MAPPINGS);
      },
    ],
    [
      'provider bridge',
      'secure where we made it; one that was there keeps its mode',
      async () => {
        expect(real().mirror.bridge(LONG)?.fail_mode).toBe('secure');
        expect(real().mirror.bridge('br-ex')?.fail_mode).toBeNull();
        await vsctl('set-fail-mode', 'br-ex', 'standalone');
        await told();
        expect(real().mirror.bridge('br-ex')?.fail_mode).toBe('standalone');
        await vsctl('del-fail-mode', 'br-ex');
        await told();
      },
    ],
    [
      'VLAN network on br-int',
      'the tag that the packet has is set anew',
      async () => {
        const entry = (await flows('br-int')).find((line) => line.includes('in_port="int-br-ex",dl_vlan=100'));
        expect(entry?.split(' actions=')[1]).toBe('set_field:4102->vlan_vid,goto_table:59');
      },
    ],
    [
      'table 0, port without a placement',
      'a drop, and none of its checks',
      async () => expect(await flowsOf(UNPLACED)).toEqual(closed(UNPLACED)),
    ],
    [
      'table 0, two dead ports',
      'each has its drop, and they do not reach each other',
      async () => {
        for (const n of [DEAD, DEAD_TOO]) expect([await flowsOf(n), tagOf(n)]).toEqual([closed(n), 4095]);
        expect(await at(DEAD).reaches(`10.0.0.${DEAD_TOO}`)).toBe(false);
      },
    ],
    [
      'tables 24/25',
      'ARP, ND and MAC of ports with port security are checked, nothing of others; an IPv4 source is not',
      async () => {
        const secured = await flowsOf(SECURED);
        for (const part of [
          `table=24, priority=2,arp,in_port=tap${SECURED},arp_spa=10.0.0.${SECURED}`,
          `table=24, priority=2,icmp6,in_port=tap${SECURED},icmp_type=136,nd_target=`,
          `table=25, priority=2,in_port=tap${SECURED},dl_src=${macOf(SECURED)}`,
        ])
          expect([part, secured.some((line) => line.startsWith(part))]).toEqual([part, true]);
        expect([await flowsOf(OPEN), await flowsOf(GATEWAY)]).toEqual([[], []]);
        expect(secured.filter((line) => /nw_src|ipv6_src/.test(line))).toEqual([]);
      },
    ],
    [
      'table 10, learn',
      'what the switch learned has bit 47 of the cookie set, and priority 2',
      async () => {
        expect(await at(ELSEWHERE).reaches(`10.0.0.${SECURED}`)).toBe(true);
        let lines: string[] = [];
        await until(
          async () => {
            lines = (await dumped('br-tun', '-O', 'OpenFlow14')).filter((line) => line.includes('hard_timeout='));
            return lines.some((line) => line.includes(macOf(ELSEWHERE)) && line.includes('table=20'));
          },
          () => lines,
        );
        const learned = lines.filter((line) => line.includes('table=20'));
        expect(learned.filter((line) => !/cookie=0x504c800000000000/.test(line))).toEqual([]);
        expect(learned.filter((line) => !/priority=2,/.test(line))).toEqual([]);
      },
    ],
    [
      'table 22, tunnel ports',
      'only to nodes that share a network',
      async () => {
        expect((await portsOf('br-tun')).sort()).toEqual(['patch-int', 'vxlan-c0000202']);
        expect((await flows('br-tun')).filter((line) => line.includes('vxlan-c0000203'))).toEqual([]);
      },
    ],
    [
      '`vxlan-*` options',
      'those of the reference',
      async () =>
        expect(Object.keys(real().mirror.interface('vxlan-c0000202')?.options ?? {}).sort()).toEqual(
          'df_default, egress_pkt_mark, in_key, local_ip, out_key, remote_ip'.split(', '),
        ),
    ],
    [
      '`int-`/`phy-` names over 15 characters',
      'cut to 15, digits at the end',
      async () => {
        const [near, far] = [intPatch(LONG), phyPatch(LONG)];
        expect([near.length, /^int-br-lo[0-9a-f]{6}$/.test(near)]).toEqual([15, true]);
        expect(await portsOf('br-int')).toContain(near);
        expect(await portsOf(LONG)).toEqual([far]);
      },
    ],
    ['tables 60 to 94 with a firewall', 'no NORMAL; at most 14 flows a port, and one a member', firewallCounts],
    ['ports of routers', 'ends of veth pairs, named tap', routerPorts],
    [
      'a network with `admin_state_up` false',
      'its ports are closed and DOWN, a router’s too',
      async () => {
        const statuses = await told({ networkUp: false });
        for (const n of [SECURED, OPEN, GATEWAY]) {
          expect(statuses.get(idOf(n))).toBe("DOWN its network's administrative state is down");
          expect([await flowsOf(n), tagOf(n)]).toEqual([closed(n), 4095]);
        }
        expect(await at(ELSEWHERE).reaches(`10.0.0.${SECURED}`)).toBe(false);
        await told();
        expect(await at(ELSEWHERE).reaches(`10.0.0.${SECURED}`)).toBe(true);
      },
    ],
    [
      'uplink of a provider bridge',
      'is remembered in the switch’s record; one that fails is an error of what needs it',
      async () => {
        const link = (...argv: string[]) => at(FLAT).link(...argv);
        await link('add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth1p');
        for (const device of ['eth1', 'eth1p']) await link('set', device, 'up');
        await vsctl('add-port', 'br-ex', 'eth1');
        await until(async () => (await told(), real().mirror.root?.external_ids['plumb-uplinks-br-ex'] === 'eth1'));
        await becomes(FLAT, /^ACTIVE$/);
        await link('set', 'eth1', 'down');
        await becomes(FLAT, /^ERROR .*its uplink eth1 is set down: an operator must/);
        await link('set', 'eth1', 'up');
        await becomes(FLAT, /^ACTIVE$/);
        await vsctl(
          'del-port',
          'br-ex',
          'eth1',
          '--',
          'remove',
          'Open_vSwitch',
          '.',
          'external_ids',
          'plumb-uplinks-br-ex',
        );
        await becomes(FLAT, /^ACTIVE$/);
        await link('delete', 'eth1');
      },
    ],
    ['bridge mappings', 'those of the switch’s record count, if there are any', recordedMappings],
    [
      'a port whose internal device is unused in the switch’s namespace',
      'DOWN, with who can mend it',
      async () => {
        const set = [
          '--',
          'set',
          'Interface',
          `tap${INTERNAL}`,
          'type=internal',
          `external_ids:iface-id=${idOf(INTERNAL)}`,
        ];
        await vsctl('add-port', 'br-int', `tap${INTERNAL}`, ...set);
        await becomes(INTERNAL, /^DOWN .*is in the switch's own namespace and set down.*whoever plugged it in must/);
        await vsctl('del-port', 'br-int', `tap${INTERNAL}`);
      },
    ],
    [
      'BFD on tunnel ports',
      'on',
      async () => expect(real().mirror.interface('vxlan-c0000202')?.bfd).toEqual({ enable: 'true' }),
    ],
    [
      'Port `other_config` (net_uuid, tag, ...)',
      'nothing',
      async () => {
        for (const n of [SECURED, OPEN, GATEWAY, FLAT, VLAN])
          expect(await vsctl('get', 'Port', `tap${n}`, 'other_config')).toBe('{}');
      },
    ],
    [
      'Bridge `Controller tcp:127.0.0.1:6633`, `Manager`',
      'none',
      async () => {
        for (const bridge of ['br-int', 'br-tun', 'br-ex', LONG])
          expect(await vsctl('get-controller', bridge)).toBe('');
        expect(await vsctl('get-manager')).toBe('');
      },
    ],
    [
      'br-int tables 71.. 94 without a firewall, DVR tables 1, 9 and 21',
      'are empty',
      async () => {
        const tables = (await flows('br-int')).map((line) => Number(/table=(\d+)/.exec(line)?.[1] ?? 0));
        expect(tables.filter((table) => table >= 71 || [1, 9, 21].includes(table))).toEqual([]);
      },
    ],
    [
      'br-tun tables 20, 21 (`l2_population`, `arp_responder`)',
      'certain before learned before uncertain; answers for what nobody else may have, and asks nobody for a port here',
      async () => {
        const tun = await flows('br-tun');
        const priority = (n: number) =>
          tun.flatMap((line) =>
            line.includes('table=20') && line.includes(macOf(n)) ? [/priority=(\d)/.exec(line)?.[1]] : [],
          );
        expect([priority(ELSEWHERE), priority(ELSEWHERE_OPEN)]).toEqual([['3'], ['1']]);
        const answer = (n: number) =>
          tun.find((line) => line.includes('table=21') && line.includes(`arp_tpa=10.0.0.${n} `))?.split(' actions=')[1];
        expect(answer(ELSEWHERE)).toMatch(/IN_PORT$/);
        expect(answer(ELSEWHERE_OPEN)).toBeUndefined();
        expect(answer(SECURED)).toBe('drop');
        expect(tun.some((line) => line.includes('table=26') && line.endsWith('IN_PORT'))).toBe(true);
      },
    ],
  ];

  async function firewallCounts(): Promise<void> {
    const config = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev', firewall: 'openflow' } as const;
    const guarded = await RealSwitch.start(config);
    const instances: Instance[] = [];
    try {
      const own = { remoteGroupId: idOf(GROUP) };
      const tcp = (port: number) => ({ protocol: 'tcp', portRangeMin: port, portRangeMax: port });
      const counted = async (ports: readonly number[], members: readonly number[]): Promise<string[]> => {
        const builder = new ViewBuilder('cmp1').node('cmp1').network(501, 'local').placed(501, { cmp1: 7 });
        builder.group(GROUP).rule(1, GROUP, { direction: 'egress' }).rule(2, GROUP, own);
        builder
          .rule(3, GROUP, { ...own, ...tcp(22) })
          .rule(4, GROUP, tcp(443))
          .rule(5, GROUP, { protocol: 'icmp' });
        for (const n of ports) builder.port(n, 501, { securityGroupIds: [idOf(GROUP)] });
        for (const n of [...ports, ...members]) builder.member(GROUP, n, [`10.0.0.${n}/32`]);
        const { failed } = await guarded.converger.converge(builder.view, { touched: 'all', mayRemove: true });
        expect(failed).toEqual([]);
        return guarded.dump('br-int');
      };
      await counted([], []);
      for (const n of [11, 12, 13]) {
        const of = { device: `tap${n}`, mac: macOf(n), address: `10.0.0.${n}/24`, ifaceId: idOf(n) };
        instances.push(await Instance.plug(guarded, of));
      }
      const [two, three] = [await counted([11, 12], [13, 50]), await counted([11, 12, 13], [50])];
      const more = await counted([11, 12, 13], [50, 51]);
      expect(three.length - two.length).toBeGreaterThan(0);
      expect(three.length - two.length).toBeLessThanOrEqual(14);
      expect(more.length - three.length).toBe(1);
      expect(more.filter((line) => line.includes('NORMAL'))).toEqual([]);
    } finally {
      for (const instance of instances) await instance.remove();
      await guarded.stop();
    }
  }

  async function routerPorts(): Promise<void> {
    const node = await makeNode();
    try {
      const story = life();
      const view = story.view(story.log.findIndex(({ event }) => event.type === 'RouterRoutesSet') + 1);
      const options = { touched: 'all', mayRemove: true, unverified: false } as const;
      await convergeRouters(view, node.driver(), options, new L3Memory());
      const bridge = node.mirror.bridge('br-int');
      const own = bridge ? node.mirror.portsOf(bridge).filter(({ name }) => name !== 'br-int') : [];
      expect(own.length).toBeGreaterThan(1);
      for (const port of own) {
        expect(port.name).toMatch(/^tap/);
        expect(node.mirror.interfacesOf(port)[0]?.type).toBe('');
        const { stdout } = await node.spawner.run(['ip', '-d', 'link', 'show', port.name]);
        expect(stdout).toMatch(/\bveth\b/);
      }
    } finally {
      await node.remove();
    }
  }

  async function recordedMappings(): Promise<void> {
    const environment = {
      ...{ PLUMB_HOST: 'cmp1', PLUMB_STATE_DIR: real().ovs.dir, NATS_URL: 'nats://127.0.0.1:4222' },
      ...{ PLUMB_OVSDB: real().ovs.remote, PLUMB_DATAPATH_TYPE: 'netdev', PLUMB_FIREWALL: 'none' },
      PLUMB_BRIDGE_MAPPINGS: 'physnet1:br-ex',
    };
    const logger = createLogger({ name: 'spec', level: 'silent' });
    await symlink(real().ovs.dir, RUN_DIR);
    let backend: AgentBackend | undefined;
    try {
      backend = await OVS_AGENT.makeBackend(readAgentConfig(environment, OVS_AGENT.settings), logger);
      backend.onTold?.(() => undefined);
      const facts = () => JSON.stringify(backend?.nodeFacts?.()?.bridgeMappings);
      await until(() => facts() === '{"physnet1":"br-ex"}', facts);
      await vsctl('set', 'Open_vSwitch', '.', `external_ids:${MAPPINGS_KEY}="physnet1:br-three"`);
      await until(() => facts() === '{"physnet1":"br-three"}', facts);
      await vsctl('remove', 'Open_vSwitch', '.', 'external_ids', MAPPINGS_KEY);
      await until(() => facts() === '{"physnet1":"br-ex"}', facts);
    } finally {
      await backend?.close();
      await unlink(RUN_DIR);
    }
  }

  beforeAll(async () => {
    const config = { bridgeMappings: {}, datapathType: 'netdev' as const };
    nodes.push(await RealSwitch.start({ ...config, bridgeMappings: MAPPINGS, tunnelIp: TUNNEL_IPS[0] }));
    nodes.push(await RealSwitch.start({ ...config, tunnelIp: TUNNEL_IPS[1] }));
    await joinUnderlay(nodes as [RealSwitch, RealSwitch], TUNNEL_IPS);
    await vsctl('add-br', 'br-ex', '--', 'set', 'Bridge', 'br-ex', 'datapath_type=netdev');
    for (const each of nodes) await told({}, each);
    for (const n of [SECURED, SECOND, OPEN, UNPLACED, DEAD, DEAD_TOO, GATEWAY, FLAT, VLAN, ELSEWHERE, ELSEWHERE_OPEN]) {
      const on = [ELSEWHERE, ELSEWHERE_OPEN].includes(n) ? nodes[1] : nodes[0];
      const of = { device: `tap${n}`, mac: macOf(n), address: `10.0.0.${n}/24`, ifaceId: idOf(n) };
      plugged.set(n, await Instance.plug(on as RealSwitch, of));
    }
    for (const each of nodes) await told({}, each);
  }, 60_000);
  afterAll(async () => {
    for (const instance of plugged.values()) await instance.remove();
    for (const each of nodes) await each.stop();
  });

  it('is a check for each row', () => {
    expect(CHECKS.map(([row]) => row.replaceAll('’', "'"))).toEqual(
      documented().map((row) => row.replaceAll('’', "'")),
    );
  });

  it.each(CHECKS)('%s: %s', async (_row, _what, check) => check());
});
