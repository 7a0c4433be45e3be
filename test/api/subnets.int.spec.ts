import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess } from './api-process.js';

type Fields = { id: string; [attribute: string]: unknown };
type Port = { id: string; fixed_ips: { ip_address: string; subnet_id: string }[] };

let api: ApiProcess;

beforeAll(async () => {
  api = await ApiProcess.start();
});
afterAll(() => api?.stop());

const network = (fields: object = {}) => api.make<Fields>('POST', '/v2.0/networks', { network: fields });
const subnet = (fields: object) => api.make<Fields>('POST', '/v2.0/subnets', { subnet: fields });
const port = (fields: object) => api.make<Port>('POST', '/v2.0/ports', { port: fields });
const addressesOf = async (id: string) =>
  ((await api.call('GET', `/v2.0/ports/${id}`)).body as { port: Port }).port.fixed_ips.map((ip) => ip.ip_address);
const refused = (fields: object) => api.call('POST', '/v2.0/subnets', { subnet: fields });

describe('IPv6 subnets', () => {
  it('make the addresses of their ports from MACs, and add them to ports that are there', async () => {
    const { id: network_id } = await network();
    const before = await port({ network_id, mac_address: 'fa:16:3e:00:00:09' });
    const modes = { ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' };
    const six = await subnet({ network_id, ip_version: 6, cidr: '2001:db8:1::/64', ...modes });
    expect(six).toMatchObject({ ...modes, gateway_ip: '2001:db8:1::1' });
    expect(await addressesOf(before.id)).toEqual(['2001:db8:1:0:f816:3eff:fe00:9']);
    const after = await port({ network_id, mac_address: 'fa:16:3e:00:00:01' });
    expect(after.fixed_ips).toEqual([{ subnet_id: six.id, ip_address: '2001:db8:1:0:f816:3eff:fe00:1' }]);
    const fixed = { subnet_id: six.id, ip_address: '2001:db8:1::77' };
    expect(await api.call('POST', '/v2.0/ports', { port: { network_id, fixed_ips: [fixed] } })).toMatchObject({
      status: 400,
      body: { NeutronError: { type: 'AllocationOnAutoAddressSubnet' } },
    });
    await api.make('PUT', `/v2.0/ports/${after.id}`, { port: { mac_address: 'fa:16:3e:00:00:02' } });
    expect(await addressesOf(after.id)).toEqual(['2001:db8:1:0:f816:3eff:fe00:2']);
    expect(await api.call('GET', `/v2.0/subnets?ipv6_ra_mode=slaac&network_id=${network_id}`)).toMatchObject({
      body: { subnets: [{ id: six.id }] },
    });
    expect(await api.call('DELETE', `/v2.0/subnets/${six.id}`)).toMatchObject({ status: 204 });
    expect(await addressesOf(after.id)).toEqual([]);
  });

  it('give addresses also to ports that are made at the same moment, through any process', async () => {
    const beside = await api.beside();
    const elsewhere = async (fields: object): Promise<Port> => {
      const init = {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ port: fields }),
      };
      return ((await (await fetch(`${beside}/v2.0/ports`, init)).json()) as { port: Port }).port;
    };
    for (let round = 0; round < 5; round += 1) {
      const { id: network_id } = await network();
      const ports = Array.from({ length: 8 }, (_, n) => (n % 2 ? port : elsewhere)({ network_id }));
      const made = subnet({ network_id, ip_version: 6, cidr: 'fd00::/64', ipv6_address_mode: 'slaac' });
      const more = Array.from({ length: 8 }, (_, n) => (n % 2 ? port : elsewhere)({ network_id }));
      await made;
      for (const { id } of await Promise.all([...ports, ...more])) expect(await addressesOf(id)).toHaveLength(1);
    }
  });

  it('refuse combinations of modes that do not fit, and a change of the mode', async () => {
    const { id: network_id } = await network();
    for (const [fields, reason] of [
      [{ ip_version: 4, cidr: '10.0.0.0/24', ipv6_ra_mode: 'slaac' }, 'ipv6_ra_mode is not valid when ip_version is 4'],
      [{ ip_version: 6, cidr: 'fd00::/64', ipv6_ra_mode: 'x' }, "'x' is not in ['slaac'"],
      [{ ip_version: 6, cidr: 'fd00::/60', ipv6_ra_mode: 'slaac' }, 'requires the prefix to be /64'],
    ] as const)
      expect(await refused({ network_id, ...fields })).toMatchObject({
        status: 400,
        body: { NeutronError: { message: expect.stringContaining(reason) } },
      });
    const six = await subnet({ network_id, ip_version: 6, cidr: 'fd00::/64', ipv6_ra_mode: 'slaac' });
    expect(await api.call('PUT', `/v2.0/subnets/${six.id}`, { subnet: { ipv6_address_mode: 'slaac' } })).toMatchObject({
      status: 400,
      body: { NeutronError: { message: 'Cannot update read-only attribute ipv6_address_mode' } },
    });
  });
});

describe('subnets', () => {
  it('serve the ports of their service types', async () => {
    const { id: network_id } = await network();
    await subnet({ network_id, ip_version: 4, cidr: '10.1.0.0/24' });
    const types = await subnet({ network_id, ip_version: 4, cidr: '10.2.0.0/24', service_types: ['compute:nova'] });
    expect(types['service_types']).toEqual(['compute:nova']);
    expect((await port({ network_id, device_owner: 'compute:nova' })).fixed_ips[0]?.ip_address).toMatch(/^10\.2\./);
    expect((await port({ network_id })).fixed_ips[0]?.ip_address).toMatch(/^10\.1\./);
    for (const [service_types, type] of [
      [['x'], 'InvalidSubnetServiceType'],
      [[7], 'InvalidInputSubnetServiceType'],
    ] as const)
      expect(await refused({ network_id, ip_version: 4, cidr: '10.3.0.0/24', service_types })).toMatchObject({
        status: 400,
        body: { NeutronError: { type } },
      });
  });

  it('refuse segments, and what a pool is needed for', async () => {
    const { id: network_id } = await network();
    const wanted = { network_id, ip_version: 4 };
    for (const [fields, reason] of [
      [{ cidr: '10.0.0.0/24', segment_id: network_id }, 'is not supported'],
      [{}, 'a subnetpool must be specified in the absence of a cidr'],
      [{ prefixlen: 24 }, 'a subnetpool must be specified in the absence of a cidr'],
      [{ prefixlen: 24, cidr: '10.0.0.0/24' }, 'cidr and prefixlen must not be supplied together'],
    ] as const)
      expect(await refused({ ...wanted, ...fields })).toMatchObject({
        status: 400,
        body: { NeutronError: { message: expect.stringContaining(reason) } },
      });
    await subnet({ ...wanted, cidr: '10.0.0.0/24', segment_id: null });
  });

  it('count total and used addresses exactly', async () => {
    const { id: network_id } = await network({ name: 'counted' });
    const four = await subnet({ network_id, name: 'four', ip_version: 4, cidr: '10.0.0.0/24' });
    const six = await subnet({ network_id, name: 'six', ip_version: 6, cidr: 'fd00::/64' });
    await port({ network_id });
    await port({ network_id, fixed_ips: [{ subnet_id: four.id }] });
    const url = `${api.url}/v2.0/network-ip-availabilities`;
    const text = await (await fetch(`${url}/${network_id}`)).text();
    expect(text).toContain('"total_ips":18446744073709551867,"used_ips":3');
    const { network_ip_availability: shown } = JSON.parse(text) as { network_ip_availability: Fields };
    expect(shown).toMatchObject({ network_id, network_name: 'counted', tenant_id: 'admin', project_id: 'admin' });
    expect(shown['subnet_ip_availability']).toEqual(
      expect.arrayContaining([
        { subnet_id: four.id, subnet_name: 'four', cidr: '10.0.0.0/24', ip_version: 4, total_ips: 253, used_ips: 2 },
        { subnet_id: six.id, subnet_name: 'six', cidr: 'fd00::/64', ip_version: 6, total_ips: 2 ** 64, used_ips: 1 },
      ]),
    );
    const list = async (query: string) =>
      (
        (await api.call('GET', `/v2.0/network-ip-availabilities?${query}`)).body as {
          network_ip_availabilities: Fields[];
        }
      ).network_ip_availabilities;
    expect(await list('network_name=counted&ip_version=4')).toMatchObject([{ total_ips: 253, used_ips: 2 }]);
    expect(await list(`network_id=${network_id}&fields=network_id`)).toEqual([{ network_id }]);
    expect(await list('tenant_id=nobody')).toEqual([]);
    expect((await list('')).length).toBeGreaterThan(1);
    expect(await api.call('GET', '/v2.0/network-ip-availabilities?x=1')).toMatchObject({ status: 400 });
    expect(await api.call('GET', '/v2.0/network-ip-availabilities/none')).toMatchObject({
      status: 404,
      body: { NeutronError: { type: 'NetworkNotFound' } },
    });
    expect(await api.call('POST', '/v2.0/network-ip-availabilities', {})).toMatchObject({ status: 405 });
  });
});
