import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RESOURCES } from '../../apps/api/src/neutron/catalogue.js';
import { type Resource, segmentOf } from '../../apps/api/src/neutron/resource.js';
import { ApiProcess } from './api-process.js';
import { ObservedNode } from './observed.js';

/** As `network`; for a sub-resource with its parent's name: `floatingip/port_forwarding`. */
const keyOf = ({ name, partOf }: Resource): string => (partOf ? `${partOf.name}/${name}` : name);
const resourceOf = (key: string): Resource => {
  const resource = RESOURCES.find((each) => keyOf(each) === key);
  if (!resource) throw new Error(`there is no resource ${key}`);
  return resource;
};

/**
 * The answer to a create is computed in the API's process where that knows everything; the answer to a get is computed by the database; that of a list partly by
 * each. All three must be the same, for every resource.
 */
describe('what a create answers', () => {
  let api: ApiProcess;
  let node: ObservedNode;
  const made: Record<string, { id: string }> = {};
  beforeAll(async () => {
    api = await ApiProcess.start();
    node = await ObservedNode.start(api, 'net1');
  });
  afterAll(async () => {
    await node?.stop();
    await api?.stop();
  });

  const cases: [name: string, key: string, attributes: () => object, whole?: string][] = [
    ['scope', 'address_scope', () => ({ name: 's', ip_version: 4, shared: true })],
    ['scope of its own', 'address_scope', () => ({ name: 's', ip_version: 6 })],
    ['pool', 'subnetpool', () => ({ name: 'p', prefixes: ['10.9.0.0/16'], address_scope_id: made['scope']!.id })],
    ['shared pool', 'subnetpool', () => ({ name: 'p', prefixes: ['10.8.0.0/16'], shared: true })],
    ['addresses', 'address_group', () => ({ name: 'a', addresses: ['10.0.0.0/24'] })],
    ['group', 'security_group', () => ({ name: 'g', stateful: false })],
    ['log', 'log', () => ({ resource_type: 'security_group', resource_id: made['group']!.id, event: 'DROP' })],
    ['rule', 'security_group_rule', () => ({ security_group_id: made['group']!.id, direction: 'ingress' })],
    [
      'outside',
      'network',
      () => ({ 'router:external': true, 'provider:network_type': 'flat', 'provider:physical_network': 'physnet1' }),
    ],
    [
      'outside4',
      'subnet',
      () => ({ network_id: made['outside']!.id, ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false }),
    ],
    ['inside', 'network', () => ({ name: 'inside', shared: true, description: 'a "network"' })],
    ['inside4', 'subnet', () => ({ network_id: made['inside']!.id, ip_version: 4, cidr: '10.0.0.0/24' })],
    [
      'policy',
      'rbac_policy',
      () => ({
        object_type: 'network',
        object_id: made['inside']!.id,
        action: 'access_as_external',
        target_tenant: 'other',
      }),
    ],
    ['router on no node', 'router', () => ({ name: 'r', admin_state_up: false })],
    ['inside6', 'subnet', () => ({ network_id: made['inside']!.id, ip_version: 6, cidr: 'fd00::/64' })],
    ['router', 'router', () => ({ external_gateway_info: { network_id: made['outside']!.id } })],
    ['port', 'port', () => ({ network_id: made['inside']!.id, name: 'p', 'binding:profile': { b: 1, a: [2] } })],
    [
      'bound',
      'port',
      () => ({
        network_id: made['inside']!.id,
        device_id: 'vm',
        device_owner: 'compute:nova',
        'binding:host_id': 'net1',
      }),
    ],
    ['free', 'floatingip', () => ({ floating_network_id: made['outside']!.id })],
    ['associated', 'floatingip', () => ({ floating_network_id: made['outside']!.id, port_id: made['port']!.id })],
    [
      'associated with one on a node',
      'floatingip',
      () => ({ floating_network_id: made['outside']!.id, port_id: made['bound']!.id }),
    ],
    ['inner', 'port', () => ({ network_id: made['inside']!.id, port_security_enabled: false })],
    [
      'forwarding',
      'floatingip/port_forwarding',
      () => ({ protocol: 'tcp', external_port: 80, internal_port: 8080, internal_port_id: made['inner']!.id }),
      'free',
    ],
    [
      'forwarding of a gateway',
      'router/port_forwarding',
      () => ({
        protocol: 'udp',
        external_port_range: '90:91',
        internal_port_range: '90:91',
        internal_port_id: made['inner']!.id,
      }),
      'router',
    ],
    ['pooled', 'network', () => ({ name: 'pooled' })],
    [
      'of the pool',
      'subnet',
      () => ({ network_id: made['pooled']!.id, ip_version: 4, subnetpool_id: made['pool']!.id, prefixlen: 24 }),
    ],
  ];

  it('has a case for every resource that can be created', () => {
    const creatable = RESOURCES.filter(({ create }) => create !== undefined).map(keyOf);
    expect([...new Set(cases.map(([, key]) => key))].sort()).toEqual(creatable.sort());
  });

  it.each(cases)('%s: is what a get of it answers', async (name, key, ...[attributes, whole]) => {
    const resource = resourceOf(key);
    const { name: member, collection, partOf } = resource;
    const above = whole && partOf ? `${segmentOf(resourceOf(partOf.name))}/${made[whole]!.id}/` : '';
    const path = `/v2.0/${above}${segmentOf(resource)}`;
    if (name === 'free')
      await api.make('PUT', `/v2.0/routers/${made['router']!.id}/add_router_interface`, {
        subnet_id: made['inside4']!.id,
      });
    const post = await api.call('POST', path, { [member]: attributes() });
    expect([post.status, post.body]).toEqual([201, expect.anything()]);
    const shown = (post.body as Record<string, { id: string }>)[member] as { id: string };
    made[name] = shown;
    const get = await api.call('GET', `${path}/${shown.id}`);
    expect(post.body).toEqual(get.body);
    expect(Object.keys(shown)).toEqual(Object.keys((get.body as Record<string, object>)[member] as object));
    const listed = await api.call('GET', `${path}?id=${shown.id}`);
    expect(listed.body).toEqual({ [collection]: [shown] });
  });
});
