/**
 * A walk over what clients may send: every list attribute and nullable attribute of every resource, and every filter and sort key, with null, empty, repeated and odd values. Whatever it
 * is, the answer is one of a client's doing, never a fault of the server's; and what the reference takes is taken.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { RESOURCES } from '../../apps/api/src/neutron/catalogue.js';
import type { Attribute } from '../../apps/api/src/neutron/attribute.js';
import { type Resource, segmentOf } from '../../apps/api/src/neutron/resource.js';
import { ApiProcess } from './api-process.js';
import { scenario } from './scenario.js';

let api: ApiProcess;
/** A path of each resource's list, and of one of its objects where there is one. */
let places: Record<string, { list: string; one: string; required: () => object }>;
let subnets = 0;

const keyOf = ({ name, partOf }: Resource): string => (partOf ? `${partOf.name}/${name}` : name);
const CASES = RESOURCES.map((resource) => [keyOf(resource), resource] as const);

beforeAll(async () => {
  api = await ApiProcess.start({ PLUMB_QUOTAS: '*=-1', PLUMB_REQUESTS_PER_SECOND: '0' });
  const { external, inside, tenant, router, port } = await scenario(api);
  const make = async (segment: string, name: string, fields: object) =>
    (await api.make<{ id: string }>('POST', `/v2.0/${segment}`, { [name]: fields })).id;
  const fip = await make('floatingips', 'floatingip', { floating_network_id: external.id });
  const group = await make('security-groups', 'security_group', { name: 'g' });
  const log = { resource_type: 'security_group', resource_id: group };
  const rule = { security_group_id: group, direction: 'ingress' };
  const forwarding = { protocol: 'tcp', internal_port_id: port.id, internal_port: 80, external_port: 80 };
  const policy = { object_type: 'network', object_id: tenant.id, action: 'access_as_shared', target_tenant: 'x' };
  const [anyAgent, anySegment] = ['00000000-0000-4000-8000-00000000dead', '00000000-0000-4000-8000-00000000dead'];
  const place = (list: string, id: string, required: object | (() => object) = {}) => ({
    list: `/v2.0/${list}`,
    one: `/v2.0/${list}/${id}`,
    required: typeof required === 'function' ? (required as () => object) : () => required,
  });
  const cidr = () => `10.77.${(subnets += 1)}.0/24`;
  const pool = { name: 'p', prefixes: ['172.16.0.0/16'] };
  places = {
    network: place('networks', tenant.id),
    subnet: place('subnets', inside.id, () => ({ network_id: tenant.id, ip_version: 4, cidr: cidr() })),
    subnetpool: place('subnetpools', await make('subnetpools', 'subnetpool', pool), pool),
    address_scope: place('address-scopes', await make('address-scopes', 'address_scope', { ip_version: 4 }), {
      ip_version: 4,
    }),
    segment: place('segments', anySegment),
    port: place('ports', port.id, { network_id: tenant.id }),
    router: place('routers', router.id),
    floatingip: place('floatingips', fip, { floating_network_id: external.id }),
    'floatingip/port_forwarding': place(
      `floatingips/${fip}/port_forwardings`,
      await make(`floatingips/${fip}/port_forwardings`, 'port_forwarding', forwarding),
      forwarding,
    ),
    'router/port_forwarding': place(
      `routers/${router.id}/port_forwardings`,
      await make(`routers/${router.id}/port_forwardings`, 'port_forwarding', forwarding),
      forwarding,
    ),
    security_group: place('security-groups', group),
    security_group_rule: place(
      'security-group-rules',
      await make('security-group-rules', 'security_group_rule', rule),
      rule,
    ),
    address_group: place('address-groups', await make('address-groups', 'address_group', {})),
    log: place('log/logs', await make('log/logs', 'log', log), log),
    rbac_policy: place('rbac-policies', await make('rbac-policies', 'rbac_policy', policy), policy),
    agent: place('agents', anyAgent),
  };
});
afterAll(() => api?.stop());

/** Some at a time. */
async function each(requests: readonly (() => Promise<void>)[]): Promise<void> {
  for (let at = 0; at < requests.length; at += 16) await Promise.all(requests.slice(at, at + 16).map((send) => send()));
}

const schemaOf = ({ type }: Attribute): string =>
  JSON.stringify(z.toJSONSchema(type.schema, { unrepresentable: 'any' }));
const isList = (attribute: Attribute): boolean => schemaOf(attribute).includes('"type":"array"');
const isNullable = ({ type }: Attribute): boolean => type.schema.safeParse(null).success;

const ODD: readonly unknown[] = [
  ...[null, [], [null], [[]], [{}], {}, '', -1, 2 ** 53, true, 'None', ['a', 'a'], [''], '😀'],
  ...[[{ ip_address: null }], [{ destination: null, nexthop: null }], [{ start: 1, end: 2 }]],
];
/** Lists that the reference takes null for as none, by `<resource>.<attribute>`. */
const NULL_IS_NONE = [
  ...['router.routes', 'subnet.dns_nameservers', 'subnet.host_routes', 'port.allowed_address_pairs'],
  ...['port.extra_dhcp_opts', 'port.security_groups', 'address_group.addresses'],
];

describe('odd values in bodies', () => {
  it.each(CASES)('of %s are answered with 2xx or 4xx', async (key, resource) => {
    const { list, one, required } = places[key]!;
    const wrong: unknown[] = [];
    const send = async (method: 'POST' | 'PUT', attribute: string, value: unknown) => {
      const body = {
        [resource.name]: method === 'POST' ? { ...required(), [attribute]: value } : { [attribute]: value },
      };
      const { status } = await api.call(method, method === 'POST' ? list : one, body);
      if (status >= 500) wrong.push({ method, attribute, value, status });
      const takes = value === null && NULL_IS_NONE.includes(`${key}.${attribute}`);
      if (takes && status >= 300) wrong.push({ method, attribute, value, status });
    };
    const requests: (() => Promise<void>)[] = [];
    for (const attribute of resource.attributes.filter((one) => isList(one) || isNullable(one)))
      for (const value of ODD) {
        if (attribute.put && resource.update) requests.push(() => send('PUT', attribute.name, value));
        if (attribute.post && resource.create) requests.push(() => send('POST', attribute.name, value));
      }
    await each(requests);
    expect(wrong).toEqual([]);
  });

  it('null is none of every list that the reference takes it for', () => {
    const taken = CASES.flatMap(([key, { attributes }]) => attributes.map(({ name }) => `${key}.${name}`));
    expect(NULL_IS_NONE.filter((name) => !taken.includes(name))).toEqual([]);
  });
});

const TEXTS = [
  ...['', 'null', 'TRUE', '-1', '1e3', '9'.repeat(30), "'", '%00', '%', '%F0%9F%98%80', 'a=b', 'ip_address=::'],
  ...['[]', '10.0.0.0/8', '::ffff:1.2.3.4', 'x'.repeat(300)],
];

describe('odd values in queries', () => {
  it.each(CASES)('of %s are answered with 200, 400 or 404', async (key, { attributes }) => {
    const { list } = places[key]!;
    const wrong: unknown[] = [];
    const ask = async (query: string) => {
      const { status } = await api.call('GET', `${list}?${query}`);
      if (![200, 400, 404].includes(status)) wrong.push({ query, status });
    };
    const queries: string[] = [];
    for (const { name, filter, sort } of attributes) {
      const named = encodeURIComponent(name);
      if (filter) queries.push(...TEXTS.map((text) => `${named}=${text}`), `${named}=&${named}=&${named}=x`);
      if (sort) queries.push(`sort_key=${named}&sort_key=${named}&sort_dir=desc&sort_dir=asc&limit=2`);
      queries.push(`fields=${named}&fields=${named}&fields=nothing`);
    }
    for (const name of ['limit', 'marker', 'page_reverse', 'sort_key', 'sort_dir', 'tags', 'not-tags-any'])
      queries.push(...TEXTS.map((text) => `${name}=${text}`));
    await each(queries.map((query) => () => ask(query)));
    expect(wrong).toEqual([]);
  });

  it.each(CASES)(
    'of %s: an empty value and a repeated one are taken by every filter on text',
    async (key, resource) => {
      const { list } = places[key]!;
      const isText = ({ filter, type }: Attribute) =>
        filter && schemaOf({ type } as Attribute).includes('"type":"string"');
      const wrong: unknown[] = [];
      for (const { name } of resource.attributes.filter(isText)) {
        const values = /^(ethertype|fixed_ips|protocol|external_port_range|internal_port_range|security_groups)$/.test(
          name,
        );
        if (values) continue;
        const { status } = await api.call('GET', `${list}?${encodeURIComponent(name)}=&${encodeURIComponent(name)}=x`);
        if (status !== 200) wrong.push({ name, status });
      }
      expect(wrong).toEqual([]);
    },
  );
});

describe('segments', () => {
  it('of paths are those of the declarations', () => {
    const tops = RESOURCES.filter(({ partOf }) => !partOf);
    expect(tops.map((each) => places[each.name]?.list)).toEqual(tops.map((each) => `/v2.0/${segmentOf(each)}`));
  });
});
