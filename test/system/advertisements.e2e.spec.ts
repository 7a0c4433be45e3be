/**
 * IPv6 as a stock guest gets it: its kernel listens to the router's advertisements, through the firewall, and has the address that the API says. On a lab with two
 * network nodes.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type InstanceState } from '@plumbline/lab';
import { TestLab, twoNetworkNodes, until, upTimeoutMs, type Resource } from './testing/test-lab.js';

const HOSTS = ['net1', 'cmp1'] as const;
const OUTSIDE = '2001:db8:e::1';
const FORGED = 'fd00:bad';
let lab: TestLab;
let router: Resource, near: Resource, distant: Resource;
/** On one network; on another one; on the first, and not to be trusted. */
let vm: InstanceState, far: InstanceState, forger: InstanceState;

async function subnetsOf(network: Resource, third: number, first: boolean): Promise<void> {
  const of = { network_id: network.id };
  const v4 = await lab.create('subnet', { ...of, ip_version: 4, cidr: `192.168.${third}.0/24` });
  const v6 = await lab.create('subnet', {
    ...of,
    ip_version: 6,
    cidr: `fd00:${third}::/64`,
    ipv6_ra_mode: first ? 'slaac' : 'dhcpv6-stateless',
    ipv6_address_mode: first ? 'slaac' : 'dhcpv6-stateless',
    dns_nameservers: ['2001:db8::53'],
  });
  for (const subnet of [v4, v6])
    await lab.request('PUT', `/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
}
const guestOn = (network: Resource, name: string, host: string, third: number, last: number): Promise<InstanceState> =>
  lab.newInstance(name, host, network, {
    ip: `192.168.${third}.${last}`,
    prefix: 24,
    gateway: `192.168.${third}.1`,
  });

beforeAll(async () => {
  lab = await TestLab.up('ra', twoNetworkNodes);
  await lab.create('security_group_rule', {
    security_group_id: await lab.guestGroup(),
    ...{ direction: 'ingress', ethertype: 'IPv6', protocol: 'ipv6-icmp' },
  });
  const outer = await lab.named('networks', 'public');
  await lab.create('subnet', { network_id: outer.id, ip_version: 6, cidr: '2001:db8:e::/64', gateway_ip: OUTSIDE });
  router = await lab.create('router', { name: 'six', external_gateway_info: { network_id: outer.id } });
  near = await lab.create('network', { name: 'near' });
  distant = await lab.create('network', { name: 'far' });
  await subnetsOf(near, 70, true);
  await subnetsOf(distant, 71, false);
  vm = await guestOn(near, 'six1', 'cmp2', 70, 10);
  far = await guestOn(distant, 'six2', 'cmp2', 71, 10);
  forger = await guestOn(near, 'six3', 'net1', 70, 11);
}, upTimeoutMs);
afterAll(async () => lab?.down(), upTimeoutMs);

const text = async (guest: InstanceState, ...argv: string[]): Promise<string> =>
  (await lab.inside(guest, argv, { okCodes: [0, 1, 2, 124] })).stdout;
const addresses = async (guest: InstanceState): Promise<string[]> =>
  [
    ...(await text(guest, 'ip', '-6', 'address', 'show', 'dev', 'eth0', 'scope', 'global')).matchAll(/inet6 (\S+)\//g),
  ].map(([, address = '']) => address);
const defaults = async (guest: InstanceState): Promise<string[]> =>
  (await text(guest, 'ip', '-6', 'route', 'show', 'default')).split('\n').filter((line) => line.includes('default'));
/** A route by the router, not by the guest that advertised itself: the end of its link-local address is that of its MAC. */
const notForged = (line: string): boolean =>
  !line.includes(`:${parseInt(forger.mac.split(':').slice(4).join(''), 16).toString(16)} dev`);
const apiAddresses = async ({ portId }: InstanceState): Promise<string[]> =>
  ((await lab.get('port', portId))['fixed_ips'] as { ip_address: string }[])
    .map(({ ip_address }) => ip_address)
    .filter((address) => address.includes(':'));
const ping6 = async (guest: InstanceState, to: string): Promise<boolean> =>
  (await text(guest, 'ping', '-6', '-n', '-q', '-c', '3', '-i', '0.1', '-W', '2', to)).includes(' 0% packet loss');
/** Process numbers of the router's advertisers, on all nodes. */
const advertisers = async (): Promise<string> =>
  (await lab.at('net1', ['pgrep', '-f', `radvd-${router.id}`], { okCodes: [0, 1] })).stdout;
const carrier = async (): Promise<string> => {
  const { body } = await lab.request('GET', `/v2.0/routers/${router.id}/l3-agents`);
  return String((body?.['agents'] as Resource[])[0]?.['host']);
};

test("the kernel's own address is the API's, and IPv6 passes between tenants and to the outside", async () => {
  for (const guest of [vm, far]) {
    const wanted = await apiAddresses(guest);
    expect(wanted).toHaveLength(1);
    await until(
      async () => (await addresses(guest)).join() === wanted.join(),
      () => `${guest.name} does not make itself ${wanted.join()}`,
    );
    expect(await defaults(guest)).toHaveLength(1);
  }
  const [there = ''] = await apiAddresses(far);
  await until(
    () => ping6(vm, there),
    () => `nothing comes back from ${there}`,
  );
  const { external_fixed_ips: ours } = router['external_gateway_info'] as {
    external_fixed_ips: { ip_address: string }[];
  };
  const via = ours.find(({ ip_address }) => ip_address.includes(':'))?.ip_address ?? '';
  await lab.at('outside', ['ip', '-6', 'address', 'add', `${OUTSIDE}/64`, 'dev', 'eth0', 'nodad']);
  await lab.at('outside', ['ip', '-6', 'route', 'add', 'fd00:70::/64', 'via', via]);
  await until(
    () => ping6(vm, OUTSIDE),
    () => 'nothing comes back from the outside',
  );
}, 90_000);

test("a guest's own advertisements reach nobody, but where its port has no port security", async () => {
  const config = `interface eth0 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; prefix ${FORGED}::/64 { }; };`;
  const said = 'echo "$0" > /run/forged.conf; exec timeout 4 radvd -n -C /run/forged.conf -p /run/forged.pid -m none';
  await text(forger, 'sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
  const forge = () => text(forger, 'sh', '-c', said, config);
  const believed = async () => (await addresses(vm)).some((address) => address.startsWith(FORGED));
  await forge();
  expect(await believed()).toBe(false);
  await lab.update('port', forger.portId, { security_groups: [], port_security_enabled: false });
  await lab.becomes('port', forger.portId, 'ACTIVE');
  await until(
    async () => (await forge(), believed()),
    () => 'what a port without port security says is heard by nobody',
    30_000,
  );
}, 90_000);

test('an agent that is killed ends no advertiser; an advertiser that is killed is back', async () => {
  const before = await advertisers();
  expect(before.split('\n').length).toBeGreaterThan(2);
  const host = await carrier();
  for (let n = 0; n < 3; n += 1) await lab.kill(`l3-agent-${host}`);
  await lab.becomes('router', router.id, 'ACTIVE');
  expect(await advertisers()).toBe(before);
  const start = performance.now();
  for (const pid of before.trim().split('\n')) await lab.at(host, ['kill', '-KILL', pid], { okCodes: [0, 1] });
  await until(
    async () => (await advertisers()).trim().split('\n').length === before.trim().split('\n').length,
    () => 'they are not back',
  );
  console.log(`advertisers that were killed are back after ${Math.round(performance.now() - start)} ms`);
  expect(await text(vm, 'rdisc6', '-1', '-r', '5', '-w', '1000', 'eth0')).toContain('Router lifetime');
}, 90_000);

test('a router that moves is the one route of its guests all the while', async () => {
  const [there = ''] = await apiAddresses(far);
  const old = await carrier();
  const to = HOSTS.find((host) => host !== old) ?? '';
  const agentOf = async (host: string): Promise<Resource> =>
    (await lab.list('agents', `?host=${host}&binary=plumb-l3-agent`))[0] as Resource;
  let routes: number[] = [];
  let watching = true;
  const watch = (async () => {
    while (watching) routes.push((await defaults(vm)).filter(notForged).length);
  })();
  const off = await lab.request('DELETE', `/v2.0/agents/${(await agentOf(old)).id}/l3-routers/${router.id}`);
  const on = await lab.request('POST', `/v2.0/agents/${(await agentOf(to)).id}/l3-routers`, { router_id: router.id });
  expect([off.status, on.status]).toEqual([204, 201]);
  await lab.becomes('router', router.id, 'ACTIVE');
  await until(
    () => ping6(vm, there),
    () => 'nothing passes at the new place',
  );
  watching = false;
  await watch;
  expect(Math.min(...routes)).toBeGreaterThan(0);
  routes = [];
  await until(
    async () => (await lab.text(old, ['ip', 'netns', 'list'])).includes(`qrouter-${router.id}`) === false,
    () => 'the old place still has something of it',
  );
  expect(await text(vm, 'rdisc6', '-1', '-r', '5', '-w', '1000', 'eth0')).toContain('Router lifetime');
}, 90_000);

test('a router that is down is withdrawn, and there again when it is up', async () => {
  const routes = async (): Promise<number> => (await defaults(vm)).filter(notForged).length;
  await lab.update('router', router.id, { admin_state_up: false });
  const start = performance.now();
  await until(
    async () => (await routes()) === 0,
    () => 'the route is still there',
    5_000,
  );
  console.log(`the route is gone ${Math.round(performance.now() - start)} ms after the answer`);
  await lab.update('router', router.id, { admin_state_up: true });
  await until(
    async () => (await routes()) === 1,
    () => 'the route is not there again',
  );
}, 60_000);

test('an interface that is removed is withdrawn, also when nothing of its network stays on the node', async () => {
  const remove = async (network: Resource, ipVersion: 4 | 6) => {
    const [subnet] = await lab.list('subnets', `?network_id=${network.id}&ip_version=${ipVersion}`);
    const taken = { subnet_id: subnet?.id };
    const answer = await lab.request('PUT', `/v2.0/routers/${router.id}/remove_router_interface`, taken);
    expect(answer).toMatchObject({ status: 200 });
  };
  const gone = async (guest: InstanceState) => {
    const start = performance.now();
    await until(
      async () => (await defaults(guest)).filter(notForged).length === 0,
      () => `${guest.name} still has the route by the interface that was removed`,
      5_000,
    );
    console.log(`the route is gone ${Math.round(performance.now() - start)} ms after the answer`);
  };
  await until(
    async () => (await defaults(far)).length === 1 && (await defaults(vm)).some(notForged),
    () => 'the guests have no route yet',
  );
  await remove(distant, 4);
  await remove(distant, 6);
  await gone(far);
  await remove(near, 6);
  await gone(vm);
}, 60_000);
