import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess } from './api-process.js';
import { ObservedNode } from './observed.js';

/** The answer to a create is made from the object in memory where that has all of it; a get reads the row, a list reads what memory does not have. */
describe('what a create answers', () => {
  let api: ApiProcess;
  let node: ObservedNode;
  const made: Record<string, { id: string }> = {};
  beforeAll(async () => {
    api = await ApiProcess.start({ PLUMB_UNENFORCED_SECURITY_GROUPS: 'true' });
    node = await ObservedNode.start(api, 'net1');
  });
  afterAll(async () => {
    await node?.stop();
    await api?.stop();
  });

  it.each<[string, string, () => object]>([
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
  ])('%s: is what a get of it answers', async (name, member, attributes) => {
    if (name === 'free')
      await api.make('PUT', `/v2.0/routers/${made['router']!.id}/add_router_interface`, {
        subnet_id: made['inside4']!.id,
      });
    const post = await api.call('POST', `/v2.0/${member}s`, { [member]: attributes() });
    expect([post.status, post.body]).toEqual([201, expect.anything()]);
    const shown = (post.body as Record<string, { id: string }>)[member] as { id: string };
    made[name] = shown;
    const get = await api.call('GET', `/v2.0/${member}s/${shown.id}`);
    expect(post.body).toEqual(get.body);
    expect(Object.keys(shown)).toEqual(Object.keys((get.body as Record<string, object>)[member] as object));
    const listed = await api.call('GET', `/v2.0/${member}s?id=${shown.id}`);
    expect(listed.body).toEqual({ [`${member}s`]: [shown] });
  });
});
