/**
 * Two real network nodes: a router moves from one to the other and back while TCP and UDP go through it, and nothing of it stays at the place that it left; and a
 * node whose uplink to the external network is lost says so, in each status that depends on it.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type InstanceState } from '@plumbline/lab';
import { nodePicture } from './testing/node-picture.js';
import { HeldStream } from './testing/stream.js';
import { TestLab, twoNetworkNodes, until, upTimeoutMs, type Resource } from './testing/test-lab.js';

const HOSTS = ['net1', 'cmp1'] as const;
let lab: TestLab;
let router: Resource, floatingIp: Resource;
let vm1: InstanceState;

beforeAll(async () => {
  lab = await TestLab.up('m', twoNetworkNodes);
  vm1 = lab.instance('vm1');
  [router, floatingIp] = [await lab.named('routers', 'router1'), (await lab.list('floatingips'))[0] as Resource];
  const network = await lab.create('network', { name: 'second' });
  const gateway = '192.168.60.1';
  const subnet = await lab.create('subnet', { network_id: network.id, ip_version: 4, cidr: '192.168.60.0/24' });
  await lab.request('PUT', `/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
  await lab.newInstance('vm3', 'cmp2', network, { prefix: 24, gateway });
}, upTimeoutMs);
afterAll(async () => lab?.down(), upTimeoutMs);

const address = (): string => String(floatingIp['floating_ip_address']);
const agentOf = async (host: string): Promise<Resource> =>
  (await lab.list('agents', `?host=${host}&binary=plumb-l3-agent`))[0] as Resource;
const carrier = async (): Promise<string> => {
  const { body } = await lab.request('GET', `/v2.0/routers/${router.id}/l3-agents`);
  return String((body?.['agents'] as Resource[])[0]?.['host']);
};

/** Moves the router; resolves when the API shows it, and all that goes through it, as made at the new place. */
async function move(to: string): Promise<void> {
  const [here, there] = [await agentOf(await carrier()), await agentOf(to)];
  const off = await lab.request('DELETE', `/v2.0/agents/${here.id}/l3-routers/${router.id}`);
  const on = await lab.request('POST', `/v2.0/agents/${there.id}/l3-routers`, { router_id: router.id });
  expect([off.status, on.status]).toEqual([204, 201]);
  await lab.becomes('router', router.id, 'ACTIVE');
  await lab.becomes('floatingip', floatingIp.id, 'ACTIVE');
  for (const port of await lab.list('ports', `?device_id=${router.id}`)) await lab.becomes('port', port.id, 'ACTIVE');
}

/** What a node still has of the router: its namespace, its ports on the switch, its addresses anywhere. */
async function remainsOn(host: string): Promise<string[]> {
  const { routers, ports } = await nodePicture(lab, host);
  const own = await lab.list('ports', `?device_id=${router.id}`);
  const taps = own.map(({ id }) => `tap${id.slice(0, 11)}`);
  const flows = Object.values((await nodePicture(lab, host)).flows).flat();
  return [
    ...Object.keys(routers).filter((name) => name === `qrouter-${router.id}`),
    ...[...ports, ...flows].filter((line) => taps.some((tap) => line.includes(tap))),
  ];
}

/** Asks the external network three times who has the address; one answer each, of one MAC, is one place that answers. */
async function answerers(of: string): Promise<{ answers: number; macs: number }> {
  const { stdout } = await lab.at('outside', ['arping', '-b', '-c', '3', '-w', '5', '-I', 'eth0', of], {
    okCodes: [0, 1],
  });
  const macs = [...stdout.matchAll(/\[([0-9A-F:]{17})\]/gi)].map(([, mac]) => mac);
  return { answers: macs.length, macs: new Set(macs).size };
}

describe('a router that moves between two nodes', () => {
  test('there and back: streams go on, and nothing of it stays where it was', async () => {
    const gatewayAddress = (
      (router['external_gateway_info'] as { external_fixed_ips: { ip_address: string }[] }).external_fixed_ips[0] ?? {
        ip_address: '',
      }
    ).ip_address;
    const routed = [
      await HeldStream.open(lab, 'tcp', 'vm1', vm1.ip, { from: 'vm3' }),
      await HeldStream.open(lab, 'udp', 'vm1', vm1.ip, { from: 'vm3', protocol: 'udp' }),
    ];
    const outside = await HeldStream.open(lab, 'udp-out', 'vm1', address(), { protocol: 'udp' });
    const from = await carrier();
    for (const to of [...HOSTS.filter((host) => host !== from), from]) {
      const old = await carrier();
      const translated = await HeldStream.open(lab, `tcp-${to}`, 'vm1', address());
      await move(to);
      // From subnet to subnet nothing is translated, and the new node takes up connections that it did not see begin.
      for (const stream of [...routed, outside]) await stream.flows();
      expect(routed.map((stream) => stream.state().ended)).toEqual([null, null]);
      // A translated connection goes on or ends at once: it does not hang.
      const before = translated.state().lines;
      await until(
        () => translated.state().ended !== null || translated.state().lines > before + 10,
        () => 'a TCP connection to the floating IP hangs after the move',
      );
      await translated.close();
      expect(await lab.answers('outside', address(), 'vm1')).toBeLessThan(5_000);
      await until(
        async () => (await remainsOn(old)).length === 0,
        () => `${old} still has something of the router`,
      );
      expect((await remainsOn(to)).length).toBeGreaterThan(0);
      for (const each of [address(), gatewayAddress]) expect(await answerers(each)).toEqual({ answers: 3, macs: 1 });
    }
    for (const stream of [...routed, outside]) await stream.close();
  }, 180_000);
});

describe('a network node whose uplink is lost', () => {
  test('says so in each status that needs it, and is well again by itself', async () => {
    const host = await carrier();
    const [gatewayPort] = await lab.list('ports', `?device_id=${router.id}&device_owner=network:router_gateway`);
    const link = (state: string) => lab.at(host, ['ip', 'link', 'set', 'eth1', state]);
    const health = async () => (await lab.request('GET', '/healthz')).body?.['status'];
    await until(
      async () => (await health()) === 'ok',
      () => 'the lab is not well before anything was done to it',
    );
    await link('down');
    for (const [member, id] of [
      ['port', gatewayPort?.id ?? ''],
      ['floatingip', floatingIp.id],
      ['router', router.id],
    ] as const) {
      await lab.becomes(member, id, 'ERROR');
      expect((await lab.get(member, id))['status_reason']).toMatch(/uplink eth1 is set down: an operator must/);
    }
    const { stdout, code } = await lab.plumb(['status'], { okCodes: [0, 1] });
    expect([code, stdout]).toEqual([1, expect.stringMatching(new RegExp(`${host}: .*uplink eth1 is set down`))]);
    await until(
      async () => (await health()) === 'degraded',
      () => '/healthz does not tell',
    );
    await link('up');
    for (const [member, id] of [
      ['port', gatewayPort?.id ?? ''],
      ['floatingip', floatingIp.id],
      ['router', router.id],
    ] as const)
      await lab.becomes(member, id, 'ACTIVE');
    expect(await lab.answers('outside', address(), 'vm1')).toBeLessThan(20_000);
    await until(
      async () => (await health()) === 'ok',
      () => '/healthz does not get well',
    );
  }, 120_000);
});
