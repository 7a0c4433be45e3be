/**
 * How to make one of each resource, in every situation in which another project may see it; the body of an update and of each action; and which attributes name
 * other objects. One entry for each resource: the specs fail when a declared resource has none.
 */
import type { Resource } from '../../apps/api/src/neutron/resource.js';
import type { Fields, Maker, PolicyWorld } from './policy-world.js';

/** `whole`: the parent, for a sub-resource. */
export type Made = Readonly<{ id: string; whole?: string }>;
type Make = (world: PolicyWorld, by: Maker) => Promise<Made>;

/** What an attribute of a body refers to. */
export type Reference =
  /** Why this attribute cannot name an object of another project. */
  | Readonly<{ none: string }>
  /** The resource it names, and, when the value is more than the id, how it is written and what else the body needs. */
  | Readonly<{ of: string; value?: (id: string) => unknown; also?: (world: PolicyWorld) => Promise<Fields> }>;

export type Fixture = Readonly<{
  /** Fields of a create that succeeds for this owner, who owns all objects that they name. `whole`: the parent of a sub-resource. */
  fields: (world: PolicyWorld, by: Maker) => Promise<Fields & { readonly whole?: string }>;
  /** Situations besides that of an object that is shared with nobody. Each makes an object of project A unless it says otherwise. */
  situations?: Readonly<Record<string, (world: PolicyWorld) => Promise<Made>>>;
  /** Fields of an update that succeeds. Absent: `{description: 'changed'}`. */
  change?: Fields;
  /** Body of each action that succeeds once. */
  actions?: Readonly<Record<string, (world: PolicyWorld, made: Made, by: Maker) => Promise<unknown>>>;
  references?: Readonly<Record<string, Reference>>;
  /** Objects that bodies of actions name: attribute in the body, and the resource it names. */
  actionReferences?: Readonly<
    Record<string, Readonly<Record<string, Readonly<{ of: string; body: (id: string) => unknown }>>>>
  >;
}>;

export const keyOf = ({ name, partOf }: Pick<Resource, 'name' | 'partOf'>): string =>
  partOf ? `${partOf.name}/${name}` : name;

const cidrOf = (n: number): string => `10.${100 + Math.floor(n / 250)}.${n % 250}.0/24`;
const simply =
  (make: (world: PolicyWorld, by: Maker) => Promise<string>): Make =>
  async (world, by) => ({ id: await make(world, by) });

const network = (world: PolicyWorld, by: Maker, more: Fields = {}): Promise<string> =>
  world.make(by, 'networks', 'network', { name: `${by}'s`, ...more });
const subnet = (world: PolicyWorld, by: Maker, networkId: string, more: Fields = {}): Promise<string> =>
  world.make(by, 'subnets', 'subnet', { network_id: networkId, ip_version: 4, cidr: cidrOf(world.next()), ...more });
const port = (world: PolicyWorld, by: Maker, networkId: string, more: Fields = {}): Promise<string> =>
  world.make(by, 'ports', 'port', { network_id: networkId, ...more });
/** A network with a subnet. */
async function wired(world: PolicyWorld, by: Maker, more: Fields = {}): Promise<string> {
  const id = await network(world, by, more);
  await subnet(world, by, id);
  return id;
}
/** The cloud's external network. */
const outside = (world: PolicyWorld): Promise<string> =>
  world.once('outside', () => wired(world, 'admin', { 'router:external': true }));
const of = (world: PolicyWorld, by: Maker): Fields => ({ project_id: world.projectOf(by) });
const letIn = (world: PolicyWorld, by: Maker, type: string, id: string, whom: string, action = 'access_as_shared') =>
  world.make(by, 'rbac-policies', 'rbac_policy', { object_type: type, object_id: id, action, target_tenant: whom });
const asA = (world: PolicyWorld): Fields => of(world, 'owner');

/** Situations of objects that an RBAC policy shares: with project B, and with everybody. */
const opened = (type: string, make: Make): NonNullable<Fixture['situations']> => ({
  'opened to B': async (world) => {
    const made = await make(world, 'owner');
    await letIn(world, 'owner', type, made.id, world.projectOf('other'));
    return made;
  },
  'opened to all': async (world) => {
    const made = await make(world, 'owner');
    await letIn(world, 'admin', type, made.id, '*');
    return made;
  },
  'opened to a third project': async (world) => {
    const made = await make(world, 'owner');
    await letIn(world, 'owner', type, made.id, 'somebody-else');
    return made;
  },
});

/** Objects that A has on a network of B that is shared in this way, made by an administrator or by A. */
const onBs =
  (more: Fields, on: (world: PolicyWorld, networkId: string) => Promise<string>) => async (world: PolicyWorld) => {
    const networkId = await wired(world, 'admin', { ...of(world, 'other'), ...more });
    return { id: await on(world, networkId) };
  };
const onAs =
  (
    open: (world: PolicyWorld, networkId: string) => Promise<unknown>,
    more: Fields,
    on: (world: PolicyWorld, networkId: string) => Promise<string>,
  ) =>
  async (world: PolicyWorld) => {
    const networkId = await wired(world, 'admin', { ...asA(world), ...more });
    await open(world, networkId);
    return { id: await on(world, networkId) };
  };
const nothing = async () => undefined;
const toB = (world: PolicyWorld, id: string) => letIn(world, 'owner', 'network', id, world.projectOf('other'));

/** A router with a gateway and an interface on a subnet with one port. */
async function routed(world: PolicyWorld, by: Maker) {
  const networkId = await network(world, by);
  const subnetId = await subnet(world, by, networkId);
  const portId = await port(world, by, networkId);
  const routerId = await world.make(by, 'routers', 'router', {
    external_gateway_info: { network_id: await outside(world) },
  });
  const answer = await world.as(by, 'PUT', `routers/${routerId}/add_router_interface`, { subnet_id: subnetId });
  if (answer.status !== 200) throw new Error(`no interface: ${JSON.stringify(answer.body)}`);
  return { routerId, subnetId, portId, networkId, address: await addressOf(world, portId) };
}
async function addressOf(world: PolicyWorld, portId: string): Promise<string> {
  const { body } = await world.as('admin', 'GET', `ports/${portId}`);
  return (body as { port: { fixed_ips: { ip_address: string }[] } }).port.fixed_ips[0]?.ip_address as string;
}
const floatingIp = async (world: PolicyWorld, by: Maker): Promise<string> =>
  world.make(by, 'floatingips', 'floatingip', { floating_network_id: await outside(world) });

const makeNetwork = simply(network);
const group = (world: PolicyWorld, by: Maker) =>
  world.make(by, 'security-groups', 'security_group', { name: `${by}'s` });
const addressGroup = (world: PolicyWorld, by: Maker) =>
  world.make(by, 'address-groups', 'address_group', { name: `${by}'s`, addresses: ['192.0.2.0/24'] });
const scope = (world: PolicyWorld, by: Maker, more: Fields = {}) =>
  world.make(by, 'address-scopes', 'address_scope', { name: `${by}'s`, ip_version: 4, ...more });
const pool = (world: PolicyWorld, by: Maker, more: Fields = {}) =>
  world.make(by, 'subnetpools', 'subnetpool', {
    name: `${by}'s`,
    prefixes: [`10.${200 + (world.next() % 50)}.0.0/16`],
    ...more,
  });

async function forwardingFields(world: PolicyWorld, by: Maker): Promise<Fields> {
  const { portId, address } = await routed(world, by);
  return {
    protocol: 'tcp',
    external_port: 1024 + world.next(),
    internal_port: 80,
    internal_ip_address: address,
    internal_port_id: portId,
  };
}

export const FIXTURES: Readonly<Record<string, Fixture>> = {
  network: {
    fields: async () => ({ name: 'n' }),
    situations: {
      shared: async (world) => ({ id: await network(world, 'admin', { ...asA(world), shared: true }) }),
      external: async (world) => ({ id: await network(world, 'admin', { ...asA(world), 'router:external': true }) }),
      'of B, shared': async (world) => ({ id: await network(world, 'admin', { ...of(world, 'other'), shared: true }) }),
      'external for B': async (world) => {
        const id = await network(world, 'owner');
        await letIn(world, 'admin', 'network', id, world.projectOf('other'), 'access_as_external');
        return { id };
      },
      ...opened('network', makeNetwork),
    },
    references: { 'provider:segmentation_id': { none: 'a number' }, qos_policy_id: { none: 'no QoS' } },
  },
  subnet: {
    fields: async (world, by) => ({ network_id: await network(world, by), ip_version: 4, cidr: cidrOf(world.next()) }),
    situations: {
      'of a shared network': onAs(nothing, { shared: true }, (world, id) => subnet(world, 'owner', id)),
      'of an external network': onAs(nothing, { 'router:external': true }, (world, id) => subnet(world, 'owner', id)),
      'of a network opened to B': onAs(toB, {}, (world, id) => subnet(world, 'owner', id)),
      'of B on a network of A': onAs(nothing, {}, (world, id) => subnet(world, 'admin', id, of(world, 'other'))),
      'on a network of B': onBs({}, (world, id) => subnet(world, 'admin', id, asA(world))),
      'on a shared network of B': onBs({ shared: true }, (world, id) => subnet(world, 'admin', id, asA(world))),
    },
    references: {
      network_id: { of: 'network' },
      subnetpool_id: { of: 'subnetpool', also: async () => ({ cidr: undefined, prefixlen: 26 }) },
      segment_id: { none: 'no segments' },
    },
  },
  port: {
    fields: async (world, by) => ({ network_id: await wired(world, by) }),
    situations: {
      'on a shared network': onAs(nothing, { shared: true }, (world, id) => port(world, 'owner', id)),
      'on a network opened to B': onAs(toB, {}, (world, id) => port(world, 'owner', id)),
      'of B on a shared network of A': onAs(nothing, { shared: true }, (world, id) => port(world, 'other', id)),
      'of B on a network of A': onAs(nothing, {}, (world, id) => port(world, 'admin', id, of(world, 'other'))),
      'on a shared network of B': onBs({ shared: true }, (world, id) => port(world, 'owner', id)),
      'on a network of B': onBs({}, (world, id) => port(world, 'admin', id, asA(world))),
      bound: async (world) => ({
        id: await port(world, 'admin', await wired(world, 'owner'), { ...asA(world), 'binding:host_id': 'policy1' }),
      }),
    },
    references: {
      network_id: { of: 'network' },
      fixed_ips: { of: 'subnet', value: (id) => [{ subnet_id: id }] },
      security_groups: { of: 'security_group', value: (id) => [id] },
      device_id: { none: 'text: any device a client knows' },
      'binding:host_id': { none: 'name of a node, for administrators' },
      qos_policy_id: { none: 'no QoS' },
    },
  },
  router: {
    fields: async () => ({ name: 'r' }),
    situations: {
      'with a gateway and an interface': async (world) => ({ id: (await routed(world, 'owner')).routerId }),
    },
    actions: {
      add_router_interface: async (world, _made, by) => ({
        subnet_id: await subnet(world, by, await network(world, by)),
      }),
      remove_router_interface: async (world, { id }, by) => {
        const inside = { subnet_id: await subnet(world, by, await network(world, by)) };
        await world.as(by, 'PUT', `routers/${id}/add_router_interface`, inside);
        return inside;
      },
      add_extraroutes: async () => ({ router: { routes: [] } }),
      remove_extraroutes: async () => ({ router: { routes: [] } }),
    },
    references: {
      external_gateway_info: { of: 'network', value: (id) => ({ network_id: id }) },
      flavor_id: { none: 'no flavors' },
      service_type_id: { none: 'no flavors' },
    },
    actionReferences: {
      add_router_interface: {
        subnet_id: { of: 'subnet', body: (id) => ({ subnet_id: id }) },
        port_id: { of: 'port', body: (id) => ({ port_id: id }) },
      },
      remove_router_interface: {
        subnet_id: { of: 'subnet', body: (id) => ({ subnet_id: id }) },
        port_id: { of: 'port', body: (id) => ({ port_id: id }) },
      },
    },
  },
  floatingip: {
    fields: async (world) => ({ floating_network_id: await outside(world) }),
    situations: {
      associated: async (world) => {
        const { portId } = await routed(world, 'owner');
        const id = await world.make('owner', 'floatingips', 'floatingip', {
          floating_network_id: await outside(world),
          port_id: portId,
        });
        return { id };
      },
    },
    references: {
      floating_network_id: { of: 'network' },
      subnet_id: { of: 'subnet' },
      port_id: { of: 'port' },
      qos_policy_id: { none: 'no QoS' },
    },
  },
  security_group: {
    fields: async () => ({ name: 'g' }),
    situations: opened('security_group', simply(group)),
  },
  security_group_rule: {
    fields: async (world, by) => ({
      security_group_id: await group(world, by),
      direction: 'ingress',
      protocol: 'tcp',
      port_range_min: world.next(),
      port_range_max: 2000,
    }),
    situations: {
      'of a group opened to B': async (world) => {
        const id = await group(world, 'owner');
        await letIn(world, 'owner', 'security_group', id, world.projectOf('other'));
        return {
          id: await world.make('owner', 'security-group-rules', 'security_group_rule', {
            security_group_id: id,
            direction: 'ingress',
            protocol: 'udp',
          }),
        };
      },
    },
    references: {
      security_group_id: { of: 'security_group' },
      remote_group_id: { of: 'security_group' },
      remote_address_group_id: { of: 'address_group' },
    },
  },
  address_group: {
    fields: async () => ({ name: 'g', addresses: ['192.0.2.0/24'] }),
    situations: opened('address_group', simply(addressGroup)),
    actions: {
      add_addresses: async (world) => ({ address_group: { addresses: [cidrOf(world.next())] } }),
      remove_addresses: async (world, { id }, by) => {
        const body = { address_group: { addresses: [cidrOf(world.next())] } };
        await world.as(by, 'PUT', `address-groups/${id}/add_addresses`, body);
        return body;
      },
    },
  },
  address_scope: {
    fields: async () => ({ name: 's', ip_version: 4 }),
    situations: {
      shared: async (world) => ({ id: await scope(world, 'admin', { ...asA(world), shared: true }) }),
      ...opened('address_scope', simply(scope)),
    },
    change: { name: 'changed' },
  },
  subnetpool: {
    fields: async (world) => ({ name: 'p', prefixes: [`10.${200 + (world.next() % 50)}.0.0/16`] }),
    situations: {
      shared: async (world) => ({ id: await pool(world, 'admin', { ...asA(world), shared: true }) }),
      ...opened('subnetpool', simply(pool)),
    },
    actions: {
      add_prefixes: async () => ({ prefixes: ['172.16.0.0/16'] }),
      remove_prefixes: async (world, { id }, by) => {
        await world.as(by, 'PUT', `subnetpools/${id}/add_prefixes`, { prefixes: ['172.17.0.0/16'] });
        return { prefixes: ['172.17.0.0/16'] };
      },
      onboard_network_subnets: async (world, _made, by) => ({ network_id: await wired(world, by) }),
    },
    references: { address_scope_id: { of: 'address_scope' } },
    actionReferences: {
      onboard_network_subnets: { network_id: { of: 'network', body: (id) => ({ network_id: id }) } },
    },
  },
  log: {
    fields: async (world, by) => ({ resource_type: 'security_group', resource_id: await group(world, by) }),
    references: { resource_id: { of: 'security_group' }, target_id: { of: 'port' } },
  },
  rbac_policy: {
    fields: async (world, by) => ({
      object_type: 'network',
      object_id: await network(world, by),
      action: 'access_as_shared',
      target_tenant: `project-${world.next()}`,
    }),
    situations: {
      'that lets B in': async (world) => ({
        id: await letIn(world, 'owner', 'network', await network(world, 'owner'), world.projectOf('other')),
      }),
    },
    change: { target_tenant: 'another-project' },
    references: { object_id: { of: 'network' } },
  },
  'floatingip/port_forwarding': {
    fields: async (world, by) => ({ ...(await forwardingFields(world, by)), whole: await floatingIp(world, by) }),
    references: { internal_port_id: { of: 'port' } },
  },
  'router/port_forwarding': {
    fields: async (world, by) => {
      const { portId, address, routerId } = await routed(world, by);
      return {
        protocol: 'tcp',
        external_port: 1024 + world.next(),
        internal_port: 80,
        internal_ip_address: address,
        internal_port_id: portId,
        whole: routerId,
      };
    },
    references: { internal_port_id: { of: 'port' } },
  },
  agent: {
    fields: async () => ({}),
    references: {},
  },
  segment: {
    fields: async () => ({}),
    references: {},
  },
};
