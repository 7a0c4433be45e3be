/** Floating IPs beyond their journey: DNS names, descriptions, chosen addresses, refusals. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess } from './api-process.js';
import { create, Fields, refused, scenario } from './scenario.js';
import { expectShape } from './shapes.js';

let api: ApiProcess;
let world: Awaited<ReturnType<typeof scenario>>;

beforeAll(async () => {
  api = await ApiProcess.start();
  world = await scenario(api);
});
afterAll(async () => {
  await api?.stop();
});

const post = (fields: object) =>
  api.call('POST', '/v2.0/floatingips', { floatingip: { floating_network_id: world.external.id, ...fields } });

describe('a floating IP', () => {
  it('keeps its DNS name, in lower case, and is found by it', async () => {
    const made = await post({ dns_name: 'Www', dns_domain: 'Example.org.', floating_ip_address: '10.200.9.9' });
    expect(made.status).toBe(201);
    const { floatingip } = made.body as { floatingip: Fields };
    expectShape('floatingip', floatingip);
    expect(floatingip).toMatchObject({
      dns_name: 'www',
      dns_domain: 'example.org.',
      floating_ip_address: '10.200.9.9',
      revision_number: 0,
    });
    const found = (await api.call('GET', '/v2.0/floatingips?dns_name=WWW')).body as { floatingips: Fields[] };
    expect(found.floatingips.map(({ id }) => id)).toEqual([floatingip.id]);
    const renamed = { floatingip: { dns_name: 'other' } };
    expect((await api.call('PUT', `/v2.0/floatingips/${floatingip.id}`, renamed)).status).toBe(400);
  });

  it('says what is wrong with a name, an attribute, an address or a network', async () => {
    const wrong: readonly [object, RegExp][] = [
      [{ dns_name: '-x' }, /not a valid PQDN or FQDN/],
      [{ dns_name: 'a..b' }, /empty component/],
      [{ dns_domain: 'example.org' }, /is not a FQDN/],
      [{ qos_policy_id: world.external.id }, /Unrecognized attribute\(s\) 'qos_policy_id'/],
      [{ fixed_ip_address: '192.168.7.9' }, /cannot be specified without a port_id/],
      [{ floating_network_id: world.tenant.id }, /is not a valid external network/],
    ];
    for (const [fields, message] of wrong) {
      const answer = await post(fields);
      expect(answer.status).toBe(400);
      expect((answer.body as { NeutronError: { message: string } }).NeutronError.message).toMatch(message);
    }
    refused(await post({ floating_ip_address: '10.200.9.9' }), 409, 'IpAddressAlreadyAllocated');
    refused(await post({ floating_network_id: world.port.id }), 404, 'NetworkNotFound');
    refused(await post({ port_id: world.external.id }), 404, 'PortNotFound');
  });

  it('shows the port and the router it leads to, and is found by either, or by leading nowhere', async () => {
    const floating = await create(api, 'floatingips', 'floatingip', {
      floating_network_id: world.external.id,
      port_id: world.port.id,
    });
    expect(floating).toMatchObject({
      router_id: world.router.id,
      port_details: { network_id: world.tenant.id, mac_address: world.port['mac_address'], device_id: '' },
    });
    const ids = async (query: string) =>
      ((await api.call('GET', `/v2.0/floatingips?${query}`)).body as { floatingips: Fields[] }).floatingips.map(
        ({ id }) => id,
      );
    expect(await ids(`router_id=${world.router.id}`)).toEqual([floating.id]);
    expect(await ids(`router_id=${world.router.id}&router_id=${world.port.id}`)).toEqual([floating.id]);
    expect(await ids(`port_id=${world.port.id}`)).toEqual([floating.id]);
    expect(await ids('router_id=')).not.toContain(floating.id);
    expect(await ids(`router_id=${world.router.id}&sort_key=router_id&sort_dir=desc`)).toEqual([floating.id]);
    const tagged = await api.call('PUT', `/v2.0/floatingips/${floating.id}/tags`, { tags: ['blue'] });
    expect(tagged).toMatchObject({ status: 200, body: { tags: ['blue'] } });
    expect(await ids('tags=blue')).toEqual([floating.id]);
  });
});

describe('pools of floating IPs', () => {
  it('are the IPv4 subnets of external networks', async () => {
    await create(api, 'subnets', 'subnet', { network_id: world.external.id, cidr: 'fd00:9::/64', ip_version: 6 });
    const pool = {
      subnet_id: world.outside.id,
      subnet_name: '',
      cidr: '10.200.0.0/16',
      network_id: world.external.id,
      tenant_id: 'admin',
      project_id: 'admin',
    };
    expect((await api.call('GET', '/v2.0/floatingip_pools')).body).toEqual({ floatingip_pools: [pool] });
    const named = await api.call('GET', `/v2.0/floatingip_pools?network_id=${world.external.id}&fields=cidr`);
    expect(named.body).toEqual({ floatingip_pools: [{ cidr: pool.cidr }] });
    expect((await api.call('GET', '/v2.0/floatingip_pools?cidr=10.1.0.0/16')).body).toEqual({ floatingip_pools: [] });
    expect((await api.call('GET', '/v2.0/floatingip_pools?color=red')).status).toBe(400);
  });
});
