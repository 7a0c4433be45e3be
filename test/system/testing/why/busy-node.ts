/** A network node with much on it, for `plumb why`: routers with floating IPs and forwardings, networks with DHCP and IPv6, and ports of several security groups. */
import type { Resource, TestLab } from '../test-lab.js';

export const ROUTERS = 20;
export const PORTS_EACH = 5;
const GROUPS = 4;
const HOST = 'net1';
/** Requests under way at a time. */
const AT_ONCE = 8;

export type Busy = Readonly<{
  host: string;
  routers: readonly Resource[];
  ports: readonly Resource[];
  floating: readonly Resource[];
  groups: readonly Resource[];
}>;

/** All of it is there and ACTIVE. */
export async function makeBusy(lab: TestLab): Promise<Busy> {
  const external = await lab.named('networks', 'public');
  const { project_id: project } = await lab.named('routers', 'router1');
  const quota = { router: -1, floatingip: -1, security_group: -1, security_group_rule: -1, port: -1 };
  const allowed = await lab.request('PUT', `/v2.0/quotas/${String(project)}`, { quota });
  if (allowed.status !== 200) throw new Error(JSON.stringify(allowed.body));
  const groups = await each(GROUPS, (n) => groupOf(lab, n));
  const parts = await each(ROUTERS, (n) => routerOf(lab, n, external, groups));
  const ports = parts.flatMap((part) => part.ports);
  await plug(lab, ports);
  const busy = {
    ...{ host: HOST, groups, ports },
    routers: parts.map(({ router }) => router),
    floating: parts.flatMap(({ floating }) => floating),
  };
  for (const { id } of busy.ports) await lab.becomes('port', id, 'ACTIVE', 60_000);
  for (const { id } of busy.floating) await lab.becomes('floatingip', id, 'ACTIVE', 60_000);
  return busy;
}

async function groupOf(lab: TestLab, n: number): Promise<Resource> {
  const group = await lab.create('security_group', { name: `busy-${n}` });
  const rule = (attributes: Record<string, unknown>) =>
    lab.create('security_group_rule', { security_group_id: group.id, direction: 'ingress', ...attributes });
  await rule({ protocol: 'tcp', port_range_min: 8_000 + n, port_range_max: 8_010 + n });
  await rule({ protocol: 'udp', port_range_min: 53, port_range_max: 53, remote_ip_prefix: `10.90.${n}.0/24` });
  await rule({ ethertype: 'IPv6', protocol: 'ipv6-icmp' });
  await rule({ remote_group_id: group.id });
  return group;
}

/** A router on a network of its own, with ports, two floating IPs and two forwardings. Every second network has IPv6 as well. */
async function routerOf(lab: TestLab, n: number, external: Resource, groups: readonly Resource[]) {
  const network = await lab.create('network', { name: `busy-${n}` });
  const subnetOf = (attributes: Record<string, unknown>) =>
    lab.create('subnet', { network_id: network.id, ...attributes });
  const subnets = [
    await subnetOf({ ip_version: 4, cidr: `10.90.${n}.0/24`, dns_nameservers: ['192.0.2.53'] }),
    ...(n % 2 === 0
      ? [
          await subnetOf({
            ip_version: 6,
            cidr: `fd00:90:${n}::/64`,
            ipv6_address_mode: 'slaac',
            ipv6_ra_mode: 'slaac',
          }),
        ]
      : []),
  ];
  const router = await lab.create('router', {
    name: `busy-${n}`,
    external_gateway_info: { network_id: external.id },
  });
  for (const { id } of subnets) {
    const { status, body } = await lab.request('PUT', `/v2.0/routers/${router.id}/add_router_interface`, {
      subnet_id: id,
    });
    if (status !== 200) throw new Error(JSON.stringify(body));
  }
  if (n % 5 === 0)
    await lab.update('router', router.id, { routes: [{ destination: `172.31.${n}.0/24`, nexthop: `10.90.${n}.7` }] });
  const ports = await each(PORTS_EACH, (at) =>
    lab.create('port', {
      ...{ network_id: network.id, name: `busy-${n}-${at}`, device_owner: 'compute:nova', device_id: `vm-${n}-${at}` },
      ...{ 'binding:host_id': HOST, security_groups: [groups[(n + at) % groups.length]?.id] },
      ...(at === 0 && { allowed_address_pairs: [{ ip_address: `10.90.${n}.200` }] }),
    }),
  );
  const addressOf = (attributes: Record<string, unknown>) =>
    lab.create('floatingip', { floating_network_id: external.id, ...attributes });
  const floating = [await addressOf({ port_id: ports[0]?.id }), await addressOf({ port_id: ports[1]?.id })];
  const forwarded = await addressOf({});
  const [fixed] = ports[2]?.['fixed_ips'] as readonly { ip_address: string }[];
  for (const protocol of ['tcp', 'udp']) {
    const { status, body } = await lab.request('POST', `/v2.0/floatingips/${forwarded.id}/port_forwardings`, {
      port_forwarding: {
        ...{ protocol, external_port: 2_200, internal_port: 22 },
        ...{ internal_port_id: ports[2]?.id, internal_ip_address: fixed?.ip_address },
      },
    });
    if (status !== 201) throw new Error(JSON.stringify(body));
  }
  return { router, ports, floating: [...floating, forwarded] };
}

/** Each port as a device of the switch, in one transaction. */
async function plug(lab: TestLab, ports: readonly Resource[]): Promise<void> {
  const argv = ports.flatMap((port) => {
    const device = `tap${port.id.slice(0, 11)}`;
    return [
      ...['--', 'add-port', 'br-int', device],
      ...['--', 'set', 'Interface', device, 'type=internal', `external_ids:iface-id=${port.id}`],
      `external_ids:attached-mac="${String(port['mac_address'])}"`,
    ];
  });
  await lab.at(HOST, ['ovs-vsctl', ...argv]);
  const up = ports.map(({ id }) => `link set tap${id.slice(0, 11)} up\n`);
  await lab.at(HOST, ['ip', '-batch', '-'], { stdin: up.join('') });
}

async function each<T>(count: number, work: (n: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) results[at] = await work(at);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}
