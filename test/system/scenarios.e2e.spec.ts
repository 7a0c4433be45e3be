/**
 * Scenarios A, B and D, and a floating IP's whole life, through the API, on real nodes, with real packets: ping and TCP.
 *
 * The specs spell out what must be on the nodes; docs/design/l3-dataplane.md says where that differs from the reference implementation.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runningPlace, type InstanceState } from '@plumbline/lab';
import { namespaceRules } from './testing/expected-rules.js';
import { keepAlive } from './testing/keepalived.js';
import { nodePicture, type NamespacePicture } from './testing/node-picture.js';
import { HeldStream } from './testing/stream.js';
import { TestLab, until, upTimeoutMs, type Resource } from './testing/test-lab.js';

const gateway = '10.255.253.1';
let lab: TestLab;
let vm1: InstanceState;
let vm2: InstanceState;
/** The floating IP that the lab came with, on vm1, and a second one on vm2. */
let first: Resource;
let second: Resource;

const addressOf = (floatingIp: Resource): string => String(floatingIp['floating_ip_address']);
const head = (id: unknown): string => String(id).slice(0, 11);

beforeAll(async () => {
  lab = await TestLab.up('s');
  vm1 = lab.instance('vm1');
  vm2 = lab.instance('vm2');
  const [found] = await lab.list('floatingips', `?port_id=${vm1.portId}`);
  if (found === undefined) throw new Error('the lab came without a floating IP');
  first = found;
}, upTimeoutMs);
afterAll(async () => lab?.down(), upTimeoutMs);

async function routerOnNode(routerId: string): Promise<NamespacePicture> {
  const found = (await nodePicture(lab, 'net1')).routers[`qrouter-${routerId}`];
  if (found === undefined) throw new Error(`net1 has no router ${routerId}`);
  return found;
}

/** Deletes a floating IP of the lab's own router; resolves when it is off the node. */
async function deleted(floating: Resource): Promise<void> {
  await lab.delete('floatingip', floating.id);
  const router = await lab.named('routers', 'router1');
  await until(
    async () => !JSON.stringify(await routerOnNode(router.id)).includes(addressOf(floating)),
    () => `${addressOf(floating)} is still on the node`,
  );
}

/** This address of the external network, or the next one that is free. */
async function freeOutside(wanted: number): Promise<string> {
  const used = new Set((await lab.list('ports')).flatMap((port) => JSON.stringify(port['fixed_ips'])));
  for (let last = wanted; last < 250; last += 1) {
    const address = `10.255.253.${last}`;
    if (![...used].some((fixed) => fixed.includes(`"${address}"`))) return address;
  }
  throw new Error('the external network is full');
}

const newInstance: TestLab['newInstance'] = (...of) => lab.newInstance(...of);

describe('scenario A: two instances, two floating IPs, one router', () => {
  test('a floating IP alone leaves no rule; associated it does, and is ACTIVE', async () => {
    const router = await lab.named('routers', 'router1');
    second = await lab.floatingIp(null);
    expect(second['status']).toBe('DOWN');
    const before = await routerOnNode(router.id);
    expect(before.rules.filter((rule) => rule.includes(addressOf(second)))).toEqual([]);

    await lab.update('floatingip', second.id, { port_id: vm2.portId });
    await lab.becomes('floatingip', second.id, 'ACTIVE');
    const after = await routerOnNode(router.id);
    expect(after.rules.filter((rule) => rule.includes(addressOf(second)))).toHaveLength(3);
    expect(after.links).toContain(`qg-${deviceOf(after, 'qg-')} ${addressOf(second)}/32 global`);
  });

  test('outside reaches each instance by its floating IP, ping and TCP', async () => {
    for (const [instance, floatingIp] of [
      [vm1, first],
      [vm2, second],
    ] as const) {
      expect(await lab.pings('outside', addressOf(floatingIp))).toBe(true);
      expect(await lab.greeting('outside', addressOf(floatingIp))).toBe(`${instance.name} greets ${gateway}`);
    }
  });

  test('each instance reaches outside, which sees the floating IP', async () => {
    for (const [instance, floatingIp] of [
      [vm1, first],
      [vm2, second],
    ] as const) {
      expect(await lab.pings(instance.name, gateway)).toBe(true);
      expect(await lab.greeting(instance.name, gateway)).toBe(`outside greets ${addressOf(floatingIp)}`);
    }
  });

  test('a neighbour is reached by its floating IP, and the router itself reaches it', async () => {
    expect(await lab.greeting('vm2', addressOf(first))).toMatch(/^vm1 greets /);
    const router = await lab.named('routers', 'router1');
    const ping = ['ip', 'netns', 'exec', `qrouter-${router.id}`, 'ping', '-q', '-c', '2', '-W', '2', addressOf(second)];
    expect(await lab.text('net1', ping)).toContain(' 0% packet loss');
  });

  test('a floating IP of a virtual address, which an instance holds and no port is plugged for, is ACTIVE and answers', async () => {
    const held = await lab.get('port', vm2.portId);
    await lab.update('port', vm2.portId, { port_security_enabled: false, security_groups: [] });
    const virtual = await lab.create('port', { name: 'virtual', network_id: held['network_id'] });
    const [{ ip_address: address } = { ip_address: '' }] = virtual['fixed_ips'] as { ip_address: string }[];
    const route = (await lab.inside(vm2, ['ip', '-4', 'route', 'show', 'default'])).stdout;
    const on = ['dev', /dev (\S+)/.exec(route)?.[1] ?? ''];
    await lab.inside(vm2, ['ip', 'address', 'add', `${address}/32`, ...on]);
    const external = await lab.named('networks', 'public');
    const floating = await lab.create('floatingip', { floating_network_id: external.id, port_id: virtual.id });
    await lab.becomes('floatingip', floating.id, 'ACTIVE');
    await lab.answers('outside', addressOf(floating), 'vm2');
    expect(await lab.pings('outside', addressOf(floating))).toBe(true);

    await deleted(floating);
    await lab.delete('port', virtual.id);
    await lab.inside(vm2, ['ip', 'address', 'delete', `${address}/32`, ...on]);
    await lab.update('port', vm2.portId, { port_security_enabled: true, security_groups: held['security_groups'] });
  });

  test('a virtual address moves with keepalived between two instances whose ports have it as an address pair, and its floating IP with it', async () => {
    const held = await Promise.all([vm1, vm2].map(({ portId }) => lab.get('port', portId)));
    const virtual = await lab.create('port', { name: 'virtual', network_id: held[0]?.['network_id'] });
    const [{ ip_address: address } = { ip_address: '' }] = virtual['fixed_ips'] as { ip_address: string }[];
    const vrrp = await lab.create('security_group', { name: 'vrrp' });
    const among = { security_group_id: vrrp.id, remote_group_id: vrrp.id };
    await lab.create('security_group_rule', { ...among, direction: 'ingress', protocol: 'vrrp' });
    for (const { id, ...port } of held)
      await lab.update('port', id, {
        allowed_address_pairs: [{ ip_address: address }],
        security_groups: [...(port['security_groups'] as string[]), vrrp.id],
      });
    const external = await lab.named('networks', 'public');
    const floating = await lab.create('floatingip', { floating_network_id: external.id, port_id: virtual.id });
    await lab.becomes('floatingip', floating.id, 'ACTIVE');
    const isAt = async (holder: string, other: string) => {
      await lab.answers('outside', addressOf(floating), holder);
      await lab.answers(other, address, holder);
      expect(await lab.pings('outside', addressOf(floating))).toBe(true);
    };

    const endSecond = await keepAlive(lab, 'vm2', address, 100);
    await isAt('vm2', 'vm1');
    const endFirst = await keepAlive(lab, 'vm1', address, 200);
    await isAt('vm1', 'vm2');
    await endFirst();
    await isAt('vm2', 'vm1');

    // It is the pair that permits it.
    await lab.update('port', vm2.portId, { allowed_address_pairs: [] });
    await until(
      async () => (await lab.greeting('outside', addressOf(floating))) === null,
      () => 'an address answers that its port may not have',
    );

    await endSecond();
    await deleted(floating);
    await lab.delete('port', virtual.id);
    for (const { id, ...port } of held)
      await lab.update('port', id, { allowed_address_pairs: [], security_groups: port['security_groups'] });
    await lab.delete('security_group', vrrp.id);
  });

  test('what security groups drop is a line in the log of the node, while a log of the API asks for it', async () => {
    const asked = { resource_type: 'security_group', target_id: vm1.portId, event: 'DROP' };
    const { status, body } = await lab.request('POST', '/v2.0/log/logs', { log: asked });
    expect([status, body]).toEqual([201, expect.anything()]);
    const { id } = body?.['log'] as Resource;
    // No rule of the lab's guests names this protocol.
    const strange = `import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 99).sendto(b'x', ('${vm1.ip}', 0))`;
    const lines = () =>
      lab
        .logOf('ovs-agent-cmp1')
        .split('\n')
        .filter((line) => line.includes('"step":"packet"'));
    await until(
      async () => {
        await lab.at('vm2', ['python3', '-c', strange]);
        return lines().length > 0;
      },
      () => 'nothing is logged',
    );
    expect(JSON.parse(lines()[0] ?? '')).toMatchObject({
      ...{ verdict: 'DROP', direction: 'ingress', port: vm1.portId, packetLogs: [id] },
      ...{ src: vm2.ip, dst: vm1.ip, srcMac: vm2.mac, dstMac: vm1.mac, protocol: '99' },
    });
    expect((await lab.request('DELETE', `/v2.0/log/logs/${id}`)).status).toBe(204);
    await until(
      async () =>
        !(await lab.text('cmp1', ['ovs-ofctl', '-O', 'OpenFlow14', 'dump-flows', 'br-int'])).includes('controller'),
      () => 'packets are still copied',
    );
  });

  test('the same request again, or a restart of the agent, changes nothing on the node', async () => {
    const said = lab.logOf('l3-agent-net1').length;
    const before = await nodePicture(lab, 'net1');
    const again = await lab.update('floatingip', second.id, { port_id: vm2.portId });
    expect(again['status']).toBe('ACTIVE');
    await lab.kill('l3-agent-net1');
    await until(
      async () => (await lab.health('net1', 'l3')).includes('in-sync'),
      () => 'the agent is not in sync again',
    );
    expect(await nodePicture(lab, 'net1')).toEqual(before);
    // The agent logs this for each converge that ran a step.
    expect(lab.logOf('l3-agent-net1').slice(said)).not.toContain('"step":"converge","applied"');
  });
});

/** `xxxxxxxx-xx` of the one device with this prefix. */
function deviceOf(picture: NamespacePicture, prefix: string): string {
  const [device] = picture.links.map((line) => line.split(' ')[0] ?? '').filter((name) => name.startsWith(prefix));
  if (device === undefined) throw new Error(`no ${prefix} device`);
  return device.slice(prefix.length);
}

describe('scenario B: the complete rule set of a router', () => {
  let routerId: string;
  let vm4: InstanceState;
  let own: string;
  let floating: Resource;

  beforeAll(async () => {
    const network = await lab.create('network', { name: 'net02', 'provider:network_type': 'vxlan' });
    const subnet = await lab.create('subnet', { network_id: network.id, ip_version: 4, cidr: '10.0.2.0/24' });
    const router = await lab.create('router', { name: 'qrouter02' });
    routerId = router.id;
    const external = await lab.named('networks', 'public');
    own = await freeOutside(11);
    await lab.update('router', routerId, {
      external_gateway_info: { network_id: external.id, external_fixed_ips: [{ ip_address: own }] },
    });
    const added = await lab.request('PUT', `/v2.0/routers/${routerId}/add_router_interface`, { subnet_id: subnet.id });
    expect(added.status).toBe(200);
    vm4 = await newInstance('vm4', 'cmp2', network, { ip: '10.0.2.84', prefix: 24, gateway: '10.0.2.1' });
    floating = await lab.create('floatingip', {
      floating_network_id: external.id,
      port_id: vm4.portId,
      floating_ip_address: await freeOutside(84),
    });
    await lab.becomes('floatingip', floating.id, 'ACTIVE');
  }, 60_000);

  test('an outside host pings it and opens TCP', async () => {
    expect(vm4.ip).toBe('10.0.2.84');
    expect(await lab.pings('outside', addressOf(floating))).toBe(true);
    expect(await lab.greeting('outside', addressOf(floating))).toBe(`vm4 greets ${gateway}`);
    const seen = await lab.inside(vm4, ['ping', '-q', '-c', '3', '-i', '0.05', '-W', '2', gateway]);
    expect(seen.stdout).toContain(' 0% packet loss');
  });

  test('chains, rules and their order', async () => {
    const picture = await routerOnNode(routerId);
    const names = { qg: `qg-${deviceOf(picture, 'qg-')}`, qr: `qr-${deviceOf(picture, 'qr-')}` };
    const expected = namespaceRules({ ...names, own, floating: addressOf(floating), fixed: vm4.ip });
    const plain = (rules: readonly string[]): string[] =>
      rules.map((rule) => rule.replace(/ -m comment --comment "?plumb:\d+"?/, ''));
    expect(plain(picture.rules)).toEqual(expected.v4);
    expect(plain(picture.rules6)).toEqual(expected.v6);
    // The comment of each rule says why the rule is there.
    const silent = [...picture.rules, ...picture.rules6].filter(
      (rule) => rule.startsWith('-A') && !/ --comment "?plumb:\d+"? /.test(rule),
    );
    expect(silent).toEqual([]);
  });

  test('addresses, routes and sysctls', async () => {
    const picture = await routerOnNode(routerId);
    const [qg, qr] = [`qg-${deviceOf(picture, 'qg-')}`, `qr-${deviceOf(picture, 'qr-')}`];
    const addresses = picture.links.filter((line) => / (global|host)$/.test(line));
    expect(addresses).toEqual(
      [
        'lo 127.0.0.1/8 host',
        'lo ::1/128 host',
        `${qg} ${own}/24 global`,
        `${qg} ${addressOf(floating)}/32 global`,
        `${qr} 10.0.2.1/24 global`,
      ].sort(),
    );
    const links = picture.links.filter((line) => line.includes(' mtu '));
    expect(links).toEqual([
      expect.stringMatching(/^lo .* up$/),
      expect.stringMatching(new RegExp(`^${qg} fa:16:3e:.* mtu 1500 up$`)),
      expect.stringMatching(new RegExp(`^${qr} fa:16:3e:.* mtu 1450 up$`)),
    ]);
    expect(picture.routes).toEqual(
      [
        `default via ${gateway} dev ${qg} proto 201`,
        `10.255.253.0/24 dev ${qg} proto kernel scope link src ${own}`,
        `10.0.2.0/24 dev ${qr} proto kernel scope link src 10.0.2.1`,
      ].sort(),
    );
    const wanted = {
      'net.ipv4.ip_forward': '1',
      'net.ipv6.conf.all.forwarding': '1',
      'net.ipv4.conf.all.arp_ignore': '1',
      'net.ipv4.conf.all.arp_announce': '2',
      'net.ipv4.ip_nonlocal_bind': '0',
      'net.netfilter.nf_conntrack_tcp_be_liberal': '0',
    };
    const argv = ['ip', 'netns', 'exec', `qrouter-${routerId}`, 'sysctl', ...Object.keys(wanted)];
    expect(await lab.text('net1', argv)).toBe(
      Object.entries(wanted)
        .map(([key, value]) => `${key} = ${value}\n`)
        .join(''),
    );
  });

  test('port 9697 of the router is closed to both sides, though the proxy of metadata listens there', async () => {
    const { node } = runningPlace(lab.spec, 'net1').paths;
    const inRouter = ['ip', 'netns', 'exec', `qrouter-${routerId}`];
    await until(
      async () => (await lab.text('net1', [...inRouter, 'ss', '-Hltn'])).includes(':9697'),
      () => 'nothing listens',
    );
    const knock = (address: string): string[] => [
      node,
      '-e',
      `const s=require('node:net').connect(9697,'${address}');s.on('connect',()=>{console.log('open');process.exit()});s.on('error',()=>process.exit());setTimeout(()=>process.exit(),1500)`,
    ];
    const [fromOutside, fromInside] = await Promise.all([
      lab.text('outside', knock(own)),
      lab.inside(vm4, knock('10.0.2.1')),
    ]);
    expect([fromOutside, fromInside.stdout]).toEqual(['', '']);
    const argv = ['curl', '-s', '--max-time', '5', 'http://169.254.169.254/latest/meta-data/instance-id'];
    await until(
      async () => (await lab.inside(vm4, argv, { okCodes: [0, 7, 28, 52] })).stdout === 'vm4',
      () => 'vm4 is not told who it is',
    );
  });

  test('two routers share a node: vm4 and vm1 reach each other by their floating IPs', async () => {
    expect(await lab.greeting('vm1', addressOf(floating))).toBe(`vm4 greets ${addressOf(first)}`);
  });
});

describe('scenario D: an instance directly on the flat provider network', () => {
  let vm5: InstanceState;

  beforeAll(async () => {
    const external = await lab.named('networks', 'public');
    vm5 = await newInstance('vm5', 'cmp1', external, { prefix: 24, gateway });
  }, 60_000);

  test('it reaches outside and is reached, ping and TCP, without any router', async () => {
    expect(await lab.pings('outside', vm5.ip)).toBe(true);
    expect(await lab.greeting('outside', vm5.ip)).toBe(`vm5 greets ${gateway}`);
    const ping = await lab.inside(vm5, ['ping', '-q', '-c', '3', '-i', '0.05', '-W', '2', gateway]);
    expect(ping.stdout).toContain(' 0% packet loss');
    expect(await lab.text('cmp1', ['ip', 'netns', 'list'])).not.toContain('qrouter-');
  });

  test('it reaches a floating IP and is reached by an instance behind a router', async () => {
    expect(await lab.greeting('vm2', vm5.ip)).toBe(`vm5 greets ${addressOf(second)}`);
  });

  test('the flows that take off and put on the tag, and no others for this network', async () => {
    const { flows, ports } = await nodePicture(lab, 'cmp1');
    const tap = `tap${head(vm5.portId)}`;
    const tag = /,(\d+),/.exec(ports.find((row) => row.startsWith(`port ${tap},`)) ?? '')?.[1];
    expect(tag).toBeDefined();
    const plain = (bridge: string): string[] =>
      (flows[bridge] ?? []).map((flow) => flow.replace(/^cookie=0x504c[0-9a-f]{12}, /, ''));
    const exits = plain('br-ex').filter((flow) => !flow.startsWith('priority=0 '));
    expect(exits.sort()).toEqual(
      [
        `priority=4,in_port="phy-br-ex",dl_vlan=${tag} actions=strip_vlan,NORMAL`,
        'priority=2,in_port="phy-br-ex" actions=drop',
        'priority=1 actions=NORMAL',
      ].sort(),
    );
    const entries = plain('br-int').filter((flow) => flow.includes('in_port="int-br-ex"'));
    expect(entries.sort()).toEqual(
      [
        `priority=3,in_port="int-br-ex",vlan_tci=0x0000/0x1fff actions=mod_vlan_vid:${tag},resubmit(,59)`,
        'priority=2,in_port="int-br-ex" actions=drop',
      ].sort(),
    );
    expect(plain('br-int')).toContain('table=23, priority=0 actions=drop');
    // Where security groups are enforced, no packet is given to NORMAL, which would flood past the rules.
    expect(plain('br-int').filter((flow) => flow.includes('NORMAL'))).toEqual([]);
  });
});

describe('scenario D with the hybrid firewall on its node', () => {
  let restore: (() => Promise<void>) | null = null;
  let group: Resource;
  let vmD: InstanceState;

  beforeAll(async () => {
    restore = await lab.withEnvironment('ovs-agent-cmp2', { PLUMB_FIREWALL: 'hybrid' });
    const details = async () => (await lab.get('port', vm2.portId))['binding:vif_details'];
    await until(
      async () => JSON.stringify(await details()).includes('"ovs_hybrid_plug":true'),
      () => 'the API does not say how to plug on cmp2',
    );
    vmD = await newInstance('vmD', 'cmp2', await lab.named('networks', 'public'), { prefix: 24, gateway });
    group = await lab.create('security_group', { name: 'ping' });
    await lab.create('security_group_rule', { security_group_id: group.id, direction: 'ingress', protocol: 'icmp' });
  }, 60_000);
  afterAll(async () => restore?.());

  test('it is plugged by tap, bridge and pair, as the API says, and is reached, ping and TCP', async () => {
    const ports = await lab.text('cmp2', ['ovs-vsctl', 'list-ports', 'br-int']);
    expect(ports.split('\n')).toContain(`qvo${head(vmD.portId)}`);
    expect(await lab.pings('outside', vmD.ip)).toBe(true);
    expect(await lab.greeting('outside', vmD.ip)).toBe(`vmD greets ${gateway}`);
    const ping = await lab.inside(vmD, ['ping', '-q', '-c', '3', '-i', '0.05', '-W', '2', gateway]);
    expect(ping.stdout).toContain(' 0% packet loss');
  });

  test('its rules are on its bridge, by iptables', async () => {
    await lab.update('port', vmD.portId, { security_groups: [group.id] });
    await until(
      async () => (await lab.greeting('outside', vmD.ip)) === null,
      () => 'vmD answers TCP, which no rule of its group allows',
    );
    expect(await lab.pings('outside', vmD.ip)).toBe(true);
    expect(await lab.text('cmp2', ['iptables-save', '-t', 'filter'])).toContain(
      `-m physdev --physdev-in qvb${head(vmD.portId)} --physdev-is-bridged`,
    );
  });

  test('an instance that was plugged directly before goes on, and is named until it is plugged in anew', async () => {
    expect(await lab.greeting('outside', addressOf(second))).toMatch(/^vm2 /);
    await until(
      async () => (await lab.plumb(['status'], { okCodes: [0, 1] })).stdout.includes(vm2.portId),
      () => `no status names ${vm2.portId}`,
    );
  });
});

describe('a floating IP’s life', () => {
  test('moved, it leads to its new instance, and connections to the old one end', async () => {
    const third = await lab.floatingIp(vm1).catch(() => null);
    expect(third).toBeNull(); // vm1's address has one already
    const held = await HeldStream.open(lab, 'moved', 'vm1', addressOf(first));
    const other = await HeldStream.open(lab, 'second', 'vm2', addressOf(second));

    await lab.update('floatingip', second.id, { port_id: null });
    const start = Date.now();
    const cut = await other.end();
    expect(cut.at - start).toBeLessThan(1_000);
    await lab.update('floatingip', first.id, { port_id: vm2.portId });
    const moved = Date.now();
    const end = await held.end();
    expect(end.at - moved).toBeLessThan(1_000);
    expect(await lab.answers('outside', addressOf(first), 'vm2')).toBeLessThan(3_000);
    await lab.becomes('floatingip', first.id, 'ACTIVE');
    expect(await lab.greeting('vm2', gateway)).toBe(`outside greets ${addressOf(first)}`);
    await held.close();
    await other.close();
    await lab.update('floatingip', first.id, { port_id: vm1.portId });
    await lab.update('floatingip', second.id, { port_id: vm2.portId });
    await lab.becomes('floatingip', first.id, 'ACTIVE');
    await lab.becomes('floatingip', second.id, 'ACTIVE');
  });

  test('disassociated, its open TCP connections end within a second, and others continue', async () => {
    const mine = await HeldStream.open(lab, 'mine', 'vm2', addressOf(second));
    const others = await HeldStream.open(lab, 'others', 'vm1', addressOf(first));
    await lab.update('floatingip', second.id, { port_id: null });
    const start = Date.now();
    const end = await mine.end();
    expect(end.at - start).toBeLessThan(1_000);
    expect(['ECONNRESET', 'EPIPE', 'closed']).toContain(end.ended);
    await lab.becomes('floatingip', second.id, 'DOWN');
    expect(await lab.greeting('outside', addressOf(second))).toBeNull();
    // It uses the router's shared address again.
    const router = await lab.named('routers', 'router1');
    const info = router['external_gateway_info'] as { external_fixed_ips: { ip_address: string }[] };
    expect(await lab.greeting('vm2', gateway)).toBe(`outside greets ${info.external_fixed_ips[0]?.ip_address}`);
    const alive = await others.flows();
    expect(alive.gapMs).toBeLessThan(1_000);
    await mine.close();
    await others.close();
  });

  test('deleted, its address can be given again at once', async () => {
    const address = addressOf(second);
    await lab.delete('floatingip', second.id);
    expect((await lab.request('GET', `/v2.0/floatingips/${second.id}`)).status).toBe(404);
    const external = await lab.named('networks', 'public');
    second = await lab.create('floatingip', {
      floating_network_id: external.id,
      floating_ip_address: address,
      port_id: vm2.portId,
    });
    expect(addressOf(second)).toBe(address);
    await lab.becomes('floatingip', second.id, 'ACTIVE');
    expect(await lab.greeting('outside', address)).toBe(`vm2 greets ${gateway}`);
  });
});

describe('the status that the API shows', () => {
  test('is ACTIVE only when the node is ready, DOWN when unplugged, for port and floating IP', async () => {
    const network = await lab.named('networks', 'private');
    const port = await lab.create('port', {
      security_groups: [await lab.guestGroup()],
      name: 'vm6',
      network_id: network.id,
      device_owner: 'compute:nova',
      device_id: 'vm6',
      'binding:host_id': 'cmp2',
    });
    const [fixed] = port['fixed_ips'] as readonly { ip_address: string }[];
    const vm6: InstanceState = {
      ...vm2,
      name: 'vm6',
      portId: port.id,
      mac: String(port['mac_address']),
      ip: fixed?.ip_address ?? '',
    };
    const floatingIp = await lab.floatingIp(vm6);
    const router = await lab.named('routers', 'router1');
    // The router's side is done, the instance's is not: not ACTIVE.
    await until(
      async () => (await routerOnNode(router.id)).rules.some((rule) => rule.includes(addressOf(floatingIp))),
      () => 'no rules for the floating IP',
    );
    expect((await lab.get('port', port.id))['status']).toBe('DOWN');
    expect((await lab.get('floatingip', floatingIp.id))['status']).toBe('DOWN');

    await lab.plug(vm6);
    await lab.becomes('port', port.id, 'ACTIVE');
    await lab.becomes('floatingip', floatingIp.id, 'ACTIVE');
    expect(await lab.greeting('outside', addressOf(floatingIp))).toBe(`vm6 greets ${gateway}`);

    const tap = `tap${head(port.id)}`;
    await lab.at('cmp2', ['ovs-vsctl', 'del-port', 'br-int', tap]);
    await lab.becomes('port', port.id, 'DOWN');
    await lab.becomes('floatingip', floatingIp.id, 'DOWN');

    await lab.at('cmp2', [
      ...['ovs-vsctl', 'add-port', 'br-int', tap, '--', 'set', 'Interface', tap],
      ...[`external_ids:iface-id=${port.id}`, `external_ids:attached-mac="${vm6.mac}"`],
    ]);
    await lab.becomes('port', port.id, 'ACTIVE');
    await lab.becomes('floatingip', floatingIp.id, 'ACTIVE');
    expect(await lab.greeting('outside', addressOf(floatingIp))).toBe(`vm6 greets ${gateway}`);
  });
});
