/**
 * Scenario C: one public address, port forwarding, and the reboot. A forwarding is made by one call, on a floating IP or on a router's own gateway address. After
 * a reboot in which the node lost everything, with several routers on it, it works again without API, broker and database.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ensureUnit, removeUnit, type InstanceState } from '@plumbline/lab';
import { wipe } from './testing/harm.js';
import { nodePicture } from './testing/node-picture.js';
import { HeldStream } from './testing/stream.js';
import { TestLab, until, upTimeoutMs, type Resource } from './testing/test-lab.js';

/** The address with which `outside` is seen. */
const outside = '10.255.253.1';
const reboots = 5;
const CONTROL_PLANE = ['postgres', 'nats', 'api'] as const;

/** One router of the site, an instance behind it, and the addresses at which it is reached. */
type Site = Readonly<{ routerId: string; own: string; instance: InstanceState }>;

let lab: TestLab;
let sites: readonly Site[];
let floating: Resource;
const floatingAddress = (): string => String(floating['floating_ip_address']);

async function ownAddress(routerId: string): Promise<string> {
  const gateway = (await lab.get('router', routerId))['external_gateway_info'];
  return (gateway as { external_fixed_ips: { ip_address: string }[] }).external_fixed_ips[0]?.ip_address ?? '';
}

/** A router with its gateway, a tenant network and an instance on it. */
async function newSite(name: string, host: string, cidr: string, gateway: string): Promise<Site> {
  const [external, network] = await Promise.all([
    lab.named('networks', 'public'),
    lab.create('network', { name: `net-${name}` }),
  ]);
  const subnet = await lab.create('subnet', { network_id: network.id, ip_version: 4, cidr, gateway_ip: gateway });
  const router = await lab.create('router', { name, external_gateway_info: { network_id: external.id } });
  await lab.request('PUT', `/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
  const port = await lab.create('port', {
    ...{ network_id: network.id, name, 'binding:host_id': host },
    security_groups: [await lab.guestGroup()],
  });
  const [fixed] = port['fixed_ips'] as readonly { ip_address: string }[];
  const instance: InstanceState = {
    ...{ name: `vm-${name}`, host, portId: port.id, mac: String(port['mac_address']), ip: fixed?.ip_address ?? '' },
    ...{ prefix: 24, gateway, mtuBytes: Number(network['mtu']) },
  };
  await lab.plug(instance);
  await lab.becomes('port', port.id, 'ACTIVE');
  return { routerId: router.id, own: await ownAddress(router.id), instance };
}

/** Makes a forwarding by one API call. */
async function forward(where: string, ports: Record<string, unknown>, to: InstanceState): Promise<Resource> {
  const body = { port_forwarding: { protocol: 'tcp', internal_port_id: to.portId, ...ports } };
  const answer = await lab.request('POST', `/v2.0/${where}/port_forwardings`, body);
  expect(answer).toMatchObject({ status: 201 });
  return answer.body?.['port_forwarding'] as Resource;
}

beforeAll(async () => {
  lab = await TestLab.up('p');
  const first = await lab.named('routers', 'router1');
  sites = [
    { routerId: first.id, own: await ownAddress(first.id), instance: lab.instance('vm2') },
    await newSite('second', 'cmp1', '10.61.0.0/24', '10.61.0.1'),
    await newSite('third', 'cmp2', '10.62.0.0/24', '10.62.0.1'),
  ];
}, upTimeoutMs + 60_000);
afterAll(async () => lab?.down(), upTimeoutMs);

describe('a forwarding is one call', () => {
  test("on a router's own gateway address: an outside host opens TCP, and is seen by its own address", async () => {
    for (const { routerId, own, instance } of sites) {
      await forward(`routers/${routerId}`, { external_port: 5001, internal_port: 80 }, instance);
      await lab.answers('outside', `${own}:5001`, instance.name);
      expect(await lab.greeting('outside', `${own}:5001`)).toBe(`${instance.name} greets ${outside}`);
    }
  });

  test('on a floating IP, which is ACTIVE with it; a range, port by port', async () => {
    const [site] = sites as [Site];
    floating = await lab.floatingIp(null);
    const range = { external_port_range: '7100:7110', internal_port_range: '70:80' };
    await forward(`floatingips/${floating.id}`, range, site.instance);
    await lab.becomes('floatingip', floating.id, 'ACTIVE');
    await lab.answers('outside', `${floatingAddress()}:7110`, 'vm2');
    expect(await lab.greeting('outside', `${floatingAddress()}:7110`)).toBe(`vm2 greets ${outside}`);
    expect(await lab.greeting('outside', `${floatingAddress()}:7109`)).toBeNull();
  });

  test('from inside: a neighbour of the instance, and an instance behind another router', async () => {
    const [first, second] = sites as [Site, Site];
    expect(await lab.greeting('vm1', `${first.own}:5001`)).toMatch(/^vm2 greets /);
    const port = `${second.own}:5001`;
    expect(await lab.greeting('vm2', port)).toBe(`vm-second greets ${first.own}`);
  });

  test('inside the routers’ namespaces, never on the host; and a dry run prints it', async () => {
    expect(await lab.text('net1', ['iptables-save'])).not.toContain('DNAT');
    const script = await lab.plumb([
      ...['replay', '--lab', lab.spec.name, '--node', 'net1', '--dry-run', '--from-nothing'],
    ]);
    for (const { own, instance } of sites)
      expect(script.stdout).toMatch(
        new RegExp(`-d ${own}/32 -p tcp -m tcp --dport 5001 .* --to-destination ${instance.ip}:80`),
      );
  });

  test('plumb status finds the lab without arguments, and no problem', async () => {
    let said = '';
    await until(
      async () => (said = (await lab.plumb(['status'], { okCodes: [0, 1] })).stdout).trimEnd().endsWith('all is well'),
      () => `plumb status says:\n${said}`,
    );
    expect(said).toContain(lab.apiUrl);
    expect(said).toMatch(/ {2}net1 {2}l3 +alive +up +in-sync at \d+/);
  });

  test.each([
    ['node show', 'net1: owned by machine '],
    ['node show cmp1', 'cmp1: owned by machine '],
    ['node admit net1', 'net1 is admitted as compute, network; '],
    ['log verify', 'the chain holds up to position '],
    ['db guard', '{"on":true'],
    ['db migrate', 'the schema is up to date'],
  ])('plumb %s finds the lab and its logins by itself', async (command, said) => {
    const { stdout, stderr } = await lab.plumb(command.split(' '));
    expect(stdout).toContain(said);
    expect(stderr).toBe('');
  });
});

describe('the reboot', () => {
  const all = (): { address: string; who: string }[] => [
    ...sites.map(({ own, instance }) => ({ address: `${own}:5001`, who: instance.name })),
    { address: `${floatingAddress()}:7110`, who: 'vm2' },
  ];

  test(
    'all that was on the node is there again, with the control plane down, each time',
    async () => {
      const before = await nodePicture(lab, 'net1');
      expect(Object.keys(before.routers)).toHaveLength(3);
      const units = CONTROL_PLANE.map((name) => lab.wanted(name));
      for (const name of [...CONTROL_PLANE].reverse()) await removeUnit(lab.spec.stateDir, name);
      try {
        for (let n = 1; n <= reboots; n += 1) {
          await wipe(lab, 'net1');
          await Promise.all([lab.kill('l3-agent-net1'), lab.kill('ovs-agent-net1')]);
          for (const { address, who } of all()) await lab.answers('outside', address, who);
          let now = before;
          await until(
            async () => JSON.stringify((now = await nodePicture(lab, 'net1'))) === JSON.stringify(before),
            () => `after reboot ${n} the node is not as before`,
          ).catch(() => expect(now).toEqual(before));
          expect(await lab.health('net1', 'l3')).toContain('restored');
        }
      } finally {
        for (const unit of units) await ensureUnit(lab.spec.stateDir, unit);
      }
      await until(
        async () => (await lab.health('net1', 'l3')).includes('in-sync'),
        () => 'the agent is not in sync again',
      );
      for (const { address, who } of all()) await lab.answers('outside', address, who);
      expect(await nodePicture(lab, 'net1')).toEqual(before);
    },
    120_000 + reboots * 60_000,
  );
});

describe('a forwarding that is taken away', () => {
  test('its stream ends within a second; another forwarding’s on the same address continues', async () => {
    const [{ routerId, own, instance }] = sites as [Site];
    const stream = { external_port: 7000, internal_port: 7000 };
    const gone = await forward(`routers/${routerId}`, stream, instance);
    const kept = await forward(`floatingips/${floating.id}`, stream, instance);
    expect(kept.id).not.toBe(gone.id);
    const held = await HeldStream.open(lab, 'gone', 'vm2', own);
    const neighbour = await HeldStream.open(lab, 'kept', 'vm2', floatingAddress());
    expect(await lab.request('DELETE', `/v2.0/routers/${routerId}/port_forwardings/${gone.id}`)).toMatchObject({
      status: 204,
    });
    const start = Date.now();
    expect((await held.end()).at - start).toBeLessThan(1_000);
    await neighbour.flows();
    expect(await lab.greeting('outside', `${own}:5001`)).toBe(`vm2 greets ${outside}`);
    for (const each of [held, neighbour]) await each.close();
  });
});
