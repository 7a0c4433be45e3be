/**
 * What a user does first, done through the API: an external and a tenant network, a router between them, two ports bound to the compute nodes.
 *
 * Each object is looked up by name first, because a database that outlives the lab (DATABASE_URL) may hold it already.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AGENTS } from '@plumbline/contracts';
import type { z } from 'zod';
import {
  Agent,
  FloatingIp,
  Network,
  Port,
  Router,
  SecurityGroup,
  SecurityGroupRule,
  Subnet,
  type ApiClient,
} from './api-client.js';
import { externalNetwork, tenantNetwork, type LabSpec } from './spec.js';
import type { InstanceState, LabState } from './state.js';

/** The security group of the lab's instances. */
const GUESTS = 'lab-guests';
const answerTimeoutMs = 20_000;
const statusTimeoutMs = 20_000;

export interface Networks {
  readonly externalId: string;
  readonly tenantId: string;
  readonly tenantSubnetId: string;
  readonly routerId: string;
  readonly mtuBytes: number;
  /** Lets in what the lab's proof and its hints send to the instances. */
  readonly guestGroupId: string;
}

/** Waits until the API answers. */
export async function waitForApi(api: ApiClient): Promise<void> {
  await until(() => api.answers(), 'the API does not answer');
}

/** Waits until every agent of the lab has reported, and what its nodes say of themselves is in the log: ports are bound by it. */
export async function waitForAgents(api: ApiClient, spec: LabSpec): Promise<void> {
  const wanted = spec.nodes.flatMap((node) => node.agents.map((kind) => `${AGENTS[kind].binary} ${node.host}`));
  await until(
    async () => {
      const agents = await api.list('agents', Agent);
      const alive = new Set(agents.filter((each) => each.alive).map((each) => `${each.binary} ${each.host}`));
      const registered = await api.registered();
      return wanted.every((each) => alive.has(each)) && spec.nodes.every(({ host }) => registered.has(host));
    },
    `not all agents report (${wanted.join(', ')})`,
  );
}

/** Networks, subnets, the router with gateway and interface. Answers their ids. */
export async function createNetworks(api: ApiClient): Promise<Networks> {
  const [external, tenant] = await Promise.all([
    ensure(api, 'network', Network, 'public', {
      'provider:network_type': 'flat',
      'provider:physical_network': externalNetwork.physicalNetwork,
      'router:external': true,
    }),
    ensure(api, 'network', Network, 'private', { 'provider:network_type': 'vxlan' }),
  ]);
  const [, tenantSubnet, router] = await Promise.all([
    ensure(api, 'subnet', Subnet, 'public-subnet', {
      network_id: external.id,
      ip_version: 4,
      cidr: externalNetwork.cidr,
      gateway_ip: externalNetwork.gateway,
      enable_dhcp: false,
      allocation_pools: [externalNetwork.pool],
    }),
    ensure(api, 'subnet', Subnet, 'private-subnet', {
      network_id: tenant.id,
      ip_version: 4,
      cidr: tenantNetwork.cidr,
      gateway_ip: tenantNetwork.gateway,
    }),
    ensure(api, 'router', Router, 'router1', {}),
  ]);
  await api.put(`/v2.0/routers/${router.id}`, { router: { external_gateway_info: { network_id: external.id } } });
  const interfaces = await api.list('ports', Port, `?device_id=${router.id}&network_id=${tenant.id}`);
  if (interfaces.length === 0) {
    await api.put(`/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: tenantSubnet.id });
  }
  return {
    guestGroupId: await guestGroup(api),
    externalId: external.id,
    tenantId: tenant.id,
    tenantSubnetId: tenantSubnet.id,
    routerId: router.id,
    mtuBytes: tenant.mtu,
  };
}

/** ICMP, TCP and UDP from everywhere; what a group has from the start lets out everything. One that was interrupted gets the rules that are missing. */
async function guestGroup(api: ApiClient): Promise<string> {
  const group = await ensure(api, 'security_group', SecurityGroup, GUESTS, {});
  const letIn = group.security_group_rules.filter(({ direction }) => direction === 'ingress');
  for (const protocol of ['icmp', 'tcp', 'udp'])
    if (!letIn.some((rule) => rule.protocol === protocol))
      await api.create('security_group_rule', SecurityGroupRule, {
        ...{ security_group_id: group.id, direction: 'ingress', ethertype: 'IPv4', protocol },
      });
  return group.id;
}

/** The guests of a lab that a release made which enforced no rules get the group that lets in what is sent to them. Where there is one, who has it is the user's. */
export async function admitOldGuests(api: ApiClient, instances: readonly InstanceState[]): Promise<void> {
  if ((await api.list('security_groups', SecurityGroup, `?name=${GUESTS}`)).length > 0) return;
  const group = await guestGroup(api);
  for (const { portId } of instances) await api.put(`/v2.0/ports/${portId}`, { port: { security_groups: [group] } });
}

/** A port for an instance of this name on this host. It asks for its address where a node of the lab serves DHCP. */
export async function createInstancePort(
  api: ApiClient,
  networks: Networks,
  { nodes }: LabSpec,
  { name, host, guest = false }: Pick<InstanceState, 'name' | 'host' | 'guest'>,
): Promise<InstanceState> {
  const port = await ensure(api, 'port', Port, name, {
    network_id: networks.tenantId,
    security_groups: [networks.guestGroupId],
    device_owner: 'compute:nova',
    device_id: name,
    'binding:host_id': host,
  });
  const ip = port.fixed_ips[0]?.ip_address;
  if (ip === undefined) throw new Error(`port ${port.id} has no address`);
  return {
    name,
    host,
    portId: port.id,
    mac: port.mac_address,
    ip,
    prefix: Number(tenantNetwork.cidr.split('/')[1]),
    gateway: tenantNetwork.gateway,
    mtuBytes: networks.mtuBytes,
    hybrid: port['binding:vif_details']?.ovs_hybrid_plug === true,
    byDhcp: nodes.some(({ agents }) => agents.some((kind) => AGENTS[kind].carries === 'network')),
    guest,
  };
}

/** Waits until the agents have wired the ports of these instances. */
export async function waitWired(api: ApiClient, instances: readonly InstanceState[]): Promise<void> {
  await Promise.all(instances.map(({ portId }) => api.waitStatus('port', portId, 'ACTIVE', statusTimeoutMs)));
}

/** A floating IP on the instance's port, answered when it is ACTIVE. */
export async function createFloatingIp(api: ApiClient, networks: Networks, instance: InstanceState): Promise<string> {
  const [found] = await api.list('floatingips', FloatingIp, `?port_id=${instance.portId}`);
  const floatingIp =
    found ??
    (await api.create('floatingip', FloatingIp, {
      floating_network_id: networks.externalId,
      port_id: instance.portId,
    }));
  await api.waitStatus('floatingip', floatingIp.id, 'ACTIVE', statusTimeoutMs);
  return floatingIp.floating_ip_address;
}

/** Which of the instances still have their port, on the same node, and the floating IP, if it still leads to one of them. */
export async function stillThere(
  api: ApiClient,
  state: Pick<LabState, 'instances' | 'floatingIp'>,
): Promise<{ instances: InstanceState[]; gone: string[]; floatingIp: string | null }> {
  const ports = await Promise.all(
    state.instances.map(({ portId, host }) => api.list('ports', Port, `?id=${portId}&binding:host_id=${host}`)),
  );
  const instances = state.instances.flatMap((instance, at) => {
    const [port] = ports[at] ?? [];
    const ip = port?.fixed_ips[0]?.ip_address;
    return port === undefined || ip === undefined ? [] : [{ ...instance, mac: port.mac_address, ip }];
  });
  const gone = state.instances.filter(({ portId }) => !instances.some((each) => each.portId === portId));
  const leading = await Promise.all(
    instances.map(({ portId }) => api.list('floatingips', FloatingIp, `?port_id=${portId}`)),
  );
  const floatingIp = leading.flat().find(({ floating_ip_address }) => floating_ip_address === state.floatingIp);
  return { instances, gone: gone.map(({ name }) => name), floatingIp: floatingIp?.floating_ip_address ?? null };
}

async function ensure<T>(
  api: ApiClient,
  member: string,
  schema: z.ZodType<T>,
  name: string,
  attributes: Record<string, unknown>,
): Promise<T> {
  const [found] = await api.list(`${member}s`, schema, `?name=${encodeURIComponent(name)}`);
  return found ?? api.create(member, schema, { name, ...attributes });
}

async function until(check: () => Promise<boolean>, complaint: string): Promise<void> {
  for (const deadline = Date.now() + answerTimeoutMs; Date.now() < deadline; await delay(20)) {
    if (await check()) return;
  }
  throw new Error(`${complaint} (waited ${answerTimeoutMs / 1000} s)`);
}
