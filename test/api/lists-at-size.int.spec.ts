/**
 * What a list costs where there is much: 100,000 ports, and thousands of everything else. No filter of any resource costs more for having hundreds of values,
 * no sort key makes a page expensive, and a project pays for what it sees, not for what there is.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RESOURCES } from '../../apps/api/src/neutron/catalogue.js';
import { parseQuery } from '../../apps/api/src/neutron/query.js';
import { type Resource, segmentOf } from '../../apps/api/src/neutron/resource.js';
import { listRows } from '../../apps/api/src/neutron/sql.js';
import { PRESENT } from '../../apps/api/src/neutron/tables.js';
import { ApiProcess } from './api-process.js';
import { ObservedNode } from './observed.js';

const PORTS = 100_000;
const OTHERS = 5_000;
const MANY = 500;
/** More than are looked up in an index one by one, and hardly any work. */
const SOME = 5;
/** A hundred times as many values may cost so many times as much. Without a hash of the values it is a hundred times. */
const TIMES = 6;
/** Parsing a long query, and one hiccup of the machine. */
const GRACE_MS = 300;
const PATIENCE_MS = 240_000;

/** Most bytes of a query: the request line may have 16 KiB. */
const LONGEST = 14_000;

let api: ApiProcess;
/** One of each, made by a client; everything else is a copy. */
const made: Record<string, { id: string }> = {};

/** Those that nobody else sees: copies of an external network would be seen by all. */
const ordinary = (): string[] =>
  Object.entries(made).flatMap(([name, { id }]) => (name.startsWith('outside') ? [] : [id]));

beforeAll(async () => {
  api = await ApiProcess.start({ PLUMB_QUOTAS: '*=-1', PLUMB_REQUESTS_PER_SECOND: '0' });
  const make = async (name: string, path: string, kind: string, fields: object) => {
    made[name] = await api.make<{ id: string }>('POST', `/v2.0/${path}`, { [kind]: fields });
    return made[name];
  };
  const outside = await make('outside', 'networks', 'network', { 'router:external': true });
  const subnet = (name: string, network: { id: string }, cidr: string) =>
    make(name, 'subnets', 'subnet', { network_id: network.id, ip_version: 4, cidr });
  await subnet('outside4', outside, '203.0.113.0/24');
  const network = await make('network', 'networks', 'network', { name: 'n', description: 'd' });
  const inside = await subnet('inside4', network, '10.0.0.0/16');
  const router = await make('router', 'routers', 'router', { external_gateway_info: { network_id: outside.id } });
  await api.make('PUT', `/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: inside.id });
  // A port with groups is bound only to a node that enforces them.
  await (await ObservedNode.start(api, 'cmp1')).stop();
  const port = await make('port', 'ports', 'port', { network_id: network.id, name: 'p', 'binding:host_id': 'cmp1' });
  await api.call('PUT', `/v2.0/ports/${port.id}/tags/blue`);
  await make('floatingip', 'floatingips', 'floatingip', { floating_network_id: outside.id, port_id: port.id });
  const free = await make('free', 'floatingips', 'floatingip', { floating_network_id: outside.id });
  const other = await make('other', 'ports', 'port', { network_id: network.id });
  await make('forwarding', `floatingips/${free.id}/port_forwardings`, 'port_forwarding', {
    ...{ protocol: 'tcp', external_port: 80, internal_port: 80, internal_port_id: other.id },
    internal_ip_address: (other as unknown as { fixed_ips: { ip_address: string }[] }).fixed_ips[0]?.ip_address,
  });
  const group = await make('group', 'security-groups', 'security_group', { name: 'g' });
  await make('rule', 'security-group-rules', 'security_group_rule', {
    ...{ security_group_id: group.id, direction: 'ingress', remote_ip_prefix: '10.0.0.0/8' },
  });
  await make('log', 'log/logs', 'log', { resource_type: 'security_group', resource_id: group.id });
  await make('addresses', 'address-groups', 'address_group', { name: 'a', addresses: ['10.0.0.0/24'] });
  const scope = await make('scope', 'address-scopes', 'address_scope', { name: 's', ip_version: 4 });
  const pool = { name: 'p', prefixes: ['10.9.0.0/16'], address_scope_id: scope.id };
  await make('pool', 'subnetpools', 'subnetpool', pool);
  await make('policy', 'rbac-policies', 'rbac_policy', {
    ...{ object_type: 'network', object_id: network.id, action: 'access_as_shared', target_tenant: 'other' },
  });
  await api.database.query(
    `INSERT INTO plumbline.objects (id, kind, project_id, name, version, position, doc, set_at)
     SELECT md5(o.kind || n)::uuid::text, o.kind, 'many', 'm' || n % 1000, 1, o.position, o.doc || jsonb_build_object(
       'id', md5(o.kind || n)::uuid::text, 'projectId', 'many', 'name', 'm' || n % 1000, 'description', 'd' || n), o.set_at
     FROM (SELECT DISTINCT ON (kind) * FROM plumbline.objects WHERE id = ANY ($1) ORDER BY kind, id) o,
       generate_series(1, CASE o.kind WHEN 'port' THEN ${PORTS} ELSE ${OTHERS} END) n`,
    [ordinary()],
  );
  await api.database.query('ANALYZE plumbline.objects');
}, PATIENCE_MS);
afterAll(() => api?.stop());

type Pairs = readonly (readonly [name: string, value: string])[];
const asked = (pairs: Pairs) => new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value]));

const listed = RESOURCES.filter(({ partOf, kind }) => !partOf && kind !== null);
const byName = listed.map((resource) => [resource.collection, resource] as const);

async function tookMs(resource: Resource, search: URLSearchParams): Promise<number> {
  const startedAt = performance.now();
  const answer = await api.call('GET', `/v2.0/${segmentOf(resource)}?${search}`);
  if (answer.status !== 200) throw new Error(`${search.toString().slice(0, 80)}: ${JSON.stringify(answer.body)}`);
  return performance.now() - startedAt;
}

/** The quickest of a few tries of each, in turns, until the dearer one is cheap enough: other work on the machine only ever adds. */
async function compared(cheap: () => Promise<number>, dear: () => Promise<number>, times: number): Promise<string> {
  let [least, most] = [Infinity, Infinity];
  for (let n = 0; n < 5; n += 1) {
    least = Math.min(least, await cheap());
    most = Math.min(most, await dear());
    if (most <= times * least + GRACE_MS) return 'bounded';
  }
  return `${most.toFixed(0)} ms, beside ${least.toFixed(0)} ms`;
}

/** Values of a filter, in the forms that the types of attributes take. None is there, but all are looked for. */
function valuesOf(resource: Resource, name: string, count: number): readonly string[] {
  const type = resource.attributes.find((each) => each.name === name)?.type;
  const numbers = Array.from({ length: count }, (_, n) => n);
  const forms: readonly ((n: number) => string)[] = [
    (n) => `ip_address=10.8.${n >> 8}.${n & 255}`,
    (n) => `v${n}`,
    (n) => `${1000 + n}`,
    (n) => `${n % 256}`,
    (n) => String(n % 2 === 0),
    (n) => (n % 2 === 0 ? 'ingress' : 'egress'),
    (n) => (n % 2 === 0 ? 'IPv4' : 'IPv6'),
  ];
  for (const form of name === 'fixed_ips' ? forms : forms.slice(1))
    try {
      const values = numbers.map(form);
      for (const value of values) type?.filter?.(value, name);
      return values;
    } catch {
      // Another form.
    }
  throw new Error(`no values for ${resource.collection}.${name}`);
}

describe('a filter of hundreds of values costs what one of a few does', () => {
  it.each(byName)(
    '%s',
    async (_collection, resource) => {
      const filters = resource.attributes.filter(({ filter }) => filter).map(({ name }) => name);
      const tags = resource.tagged ? ['tags', 'tags-any', 'not-tags', 'not-tags-any'] : [];
      const found: Record<string, string> = {};
      // No index has the last attribute of any resource.
      const last = resource.attributes.filter(({ sort }) => sort).at(-1)!.name;
      const onePassMs = await tookMs(
        resource,
        asked([
          ['sort_key', last],
          ['limit', '1'],
        ]),
      );
      for (const name of [...filters, ...tags]) {
        const query = (count: number) => {
          const values = tags.includes(name)
            ? [Array.from({ length: count }, (_, n) => `t${n}`).join(',')]
            : valuesOf(resource, name, count);
          const fit = Math.floor(LONGEST / encodeURIComponent(`${name}=${values.at(-1)}&`).length);
          return asked([...values.slice(0, Math.max(fit, 1)).map((value) => [name, value] as const), ['limit', '1']]);
        };
        found[name] = await compared(
          async () => Math.max(await tookMs(resource, query(SOME)), onePassMs),
          () => tookMs(resource, query(MANY)),
          TIMES,
        );
      }
      expect(found).toEqual(Object.fromEntries(Object.keys(found).map((name) => [name, 'bounded'])));
    },
    PATIENCE_MS,
  );

  it('and parts of addresses, each of which is looked for in every address, are few', async () => {
    const query = (count: number) =>
      asked(Array.from({ length: count }, (_, n) => ['fixed_ips', `ip_address_substr=9.9${n}`] as const));
    expect((await api.call('GET', `/v2.0/ports?${query(16)}`)).status).toBe(200);
    expect(await api.call('GET', `/v2.0/ports?${query(17)}`)).toMatchObject({ status: 400 });
  });
});

it(
  'a page costs what a pass over the rows does, whatever it is sorted by, and by everything at once',
  async () => {
    const found: Record<string, string> = {};
    for (const [collection, resource] of byName) {
      const keys = resource.attributes.filter(({ sort }) => sort).map(({ name }) => name);
      const { rows } = await api.database.query<{ id: string }>(
        `SELECT id FROM ${PRESENT.of(resource.kind!)} WHERE project_id = 'many' ORDER BY id LIMIT 1 OFFSET 100`,
      );
      const page = (by: readonly string[]) =>
        asked([['limit', '5'], ['marker', rows[0]!.id], ...by.map((key) => ['sort_key', key] as const)]);
      const everything = keys.filter((key) => key !== 'id');
      found[collection] = await compared(
        () => tookMs(resource, page([everything.at(-1)!])),
        () => tookMs(resource, page(everything)),
        2 * everything.length,
      );
    }
    expect(found).toEqual(Object.fromEntries(byName.map(([collection]) => [collection, 'bounded'])));
  },
  PATIENCE_MS,
);

describe('a filter finds the same with many values as with one', () => {
  const textOf = (value: unknown): string => (value === null ? '' : String(value));
  it.each(byName)(
    '%s',
    async (_collection, resource) => {
      const { rows } = await api.database.query<{ id: string }>(
        `SELECT id FROM ${PRESENT.of(resource.kind!)} WHERE id = ANY ($1) ORDER BY id LIMIT 1`,
        [ordinary()],
      );
      const path = `/v2.0/${segmentOf(resource)}`;
      const own = await api.make<Record<string, unknown>>('GET', `${path}/${rows[0]!.id}`, undefined);
      const ids = async (search: Pairs) => {
        const query = asked([...search, ['fields', 'id'], ['limit', '50']]);
        const { body } = await api.call('GET', `${path}?${query}`);
        return body[resource.collection] as unknown;
      };
      for (const { name, filter } of resource.attributes) {
        const value = own[name];
        if (!filter || value === undefined || (typeof value === 'object' && value !== null)) continue;
        const one = await ids([[name, textOf(value)]]);
        // Not the values of the lists above: an administrator who lists a project's groups makes its default group.
        const values = valuesOf(resource, name, SOME + 4).map((other) => other.replace(/^v/, 'none-'));
        // Of two values that there are, the other one finds others: the same is asked for again and again.
        const others = new Set(values).size <= 2 ? values.map(() => textOf(value)) : values;
        expect({ name, found: await ids([[name, textOf(value)], ...others.map((v) => [name, v] as const)]) }).toEqual({
          name,
          found: one,
        });
      }
    },
    PATIENCE_MS,
  );

  it('addresses, groups and tags of ports', async () => {
    const { id } = made['port']!;
    const port = await api.make<{
      fixed_ips: { ip_address: string; subnet_id: string }[];
      security_groups: string[];
    }>('GET', `/v2.0/ports/${id}`, undefined);
    const unknown = Array.from({ length: MANY }, (_, n) => `x${n}`);
    const cases: [string, string, readonly string[]][] = [
      ['fixed_ips', `ip_address=${port.fixed_ips[0]?.ip_address}`, unknown.map((x) => `ip_address=${x}`)],
      ['fixed_ips', `subnet_id=${port.fixed_ips[0]?.subnet_id}`, unknown.map((x) => `subnet_id=${x}`)],
      ['security_groups', port.security_groups[0]!, unknown],
      ['binding:host_id', 'cmp1', unknown],
    ];
    for (const [name, value, others] of cases) {
      const query = asked([
        ['id', id],
        ['fields', 'id'],
        [name, value],
        ...others.map((other) => [name, other] as const),
      ]);
      expect(await api.make('GET', `/v2.0/ports?${query}`, undefined)).toEqual([{ id }]);
    }
    const tagged = await api.make(
      'GET',
      `/v2.0/ports?id=${id}&fields=id&tags-any=${[...unknown, 'blue'].join(',')}`,
      undefined,
    );
    expect(tagged).toEqual([{ id }]);
    const not = await api.make('GET', `/v2.0/ports?id=${id}&not-tags-any=${[...unknown, 'blue'].join(',')}`, undefined);
    expect(not).toEqual([]);
  });
});

describe('a project that owns nothing reads next to nothing', () => {
  type Plan = { 'Shared Hit Blocks': number; 'Shared Read Blocks': number };
  async function blocks(resource: Resource, search: string, scope: string): Promise<number> {
    const { text, values } = listRows(
      resource,
      parseQuery(resource, new URLSearchParams(search)),
      null,
      scope,
      'by revision',
      PRESENT,
    );
    const { rows } = await api.database.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`,
      [...values],
    );
    const plan = rows[0]!['QUERY PLAN'][0].Plan;
    return plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
  }
  const tags = Array.from({ length: MANY }, (_, n) => `t${n}`).join(',');

  it.each(byName)('%s', async (_collection, resource) => {
    const found = await blocks(resource, '', 'nobody');
    const searched = resource.tagged ? await blocks(resource, `not-tags-any=${tags}`, 'nobody') : 0;
    const size = await api.database.query<{ blocks: number }>(
      `SELECT (pg_relation_size('${PRESENT.of(resource.kind!)}') / 8192)::int AS blocks`,
    );
    expect(Math.max(found, searched)).toBeLessThan(Math.min(300, size.rows[0]!.blocks / 2));
  });
});
