/** Requests as fast-check arbitraries, made from the declarations: bodies with the declared attributes, filters with the declared names, all paths. */
import fc from 'fast-check';
import { z } from 'zod';
import { RESOURCES } from '../../apps/api/src/neutron/catalogue.js';
import { ENDPOINTS } from '../../apps/api/src/neutron/endpoints/index.js';
import { ACTIONS } from '../../apps/api/src/neutron/description/openapi-actions.js';
import type { Attribute } from '../../apps/api/src/neutron/attribute.js';
import { type Resource, segmentOf } from '../../apps/api/src/neutron/resource.js';
import { anyText, deep, junk, ofSchema, someOf } from './fuzz-values.js';

/** Whose token the request has; `nobody`: none, or any text. */
export type Who = 'admin' | 'member' | 'nobody';
/** Ids in `path` and `body` are placeholders (`someOf`). */
export type Request = Readonly<{
  who: Who;
  method: string;
  path: string;
  headers: readonly (readonly [string, string])[];
  body: string | undefined;
}>;
type Json = Readonly<Record<string, unknown>>;

const schemaOf = ({ type }: Attribute): Json => z.toJSONSchema(type.schema, { unrepresentable: 'any' }) as Json;
const seldom = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>, usually = 5): fc.Arbitrary<T> =>
  fc.oneof({ weight: usually, arbitrary: usual }, { weight: 1, arbitrary: rare });

/** `usually`: how many values of the attribute's own type there are for each arbitrary value. */
const valueOf = (attribute: Attribute, usually: number): fc.Arbitrary<unknown> =>
  seldom(ofSchema(schemaOf(attribute), attribute.name), junk, usually);
const CAREFUL = 60;
const CARELESS = 5;

const fieldsOf = (attributes: readonly Attribute[], required: readonly string[]): fc.Arbitrary<Json> =>
  fc.oneof(someFields(attributes, required, CAREFUL), someFields(attributes, required, CARELESS));

function someFields(
  attributes: readonly Attribute[],
  required: readonly string[],
  usually: number,
): fc.Arbitrary<Json> {
  const known = fc.record(
    Object.fromEntries(attributes.map((attribute) => [attribute.name, valueOf(attribute, usually)])),
    {
      requiredKeys: [],
    },
  );
  const needed = fc.record(
    Object.fromEntries(
      attributes
        .filter(({ name }) => required.includes(name))
        .map((attribute) => [attribute.name, valueOf(attribute, usually)]),
    ),
  );
  const few = fc.tuple(known, fc.array(fc.nat(30), { maxLength: 4 })).map(([all, picks]) => {
    const names = Object.keys(all);
    return Object.fromEntries(
      picks
        .flatMap((pick) => (names.length > 0 ? [names[pick % names.length] as string] : []))
        .map((name) => [name, all[name]]),
    );
  });
  return fc
    .tuple(few, needed, seldom(fc.constant({}), fc.dictionary(anyText, junk, { maxKeys: 2 }), usually))
    .map(([some, must, strange]) => ({ ...some, ...must, ...strange }));
}

const json = (value: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  value.map((each) => JSON.stringify(each) ?? 'null');

/** Bodies of the right outer form, some of whose values are arbitrary JSON. */
const wrapped = (name: string, fields: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 24, arbitrary: json(fields.map((each) => ({ [name]: each }))) },
    { weight: 1, arbitrary: json(fc.record({ [name]: junk })) },
    { weight: 1, arbitrary: json(junk) },
    { weight: 1, arbitrary: deep.map((each) => `{"${name}": ${each}}`) },
    { weight: 1, arbitrary: deep },
    { weight: 1, arbitrary: json(fields).map((each) => `{"${name}": ${each}, "${name}": ${each}}`) },
    { weight: 1, arbitrary: json(fields).map((each) => `{"${name}": ${each}`.slice(0, -3)) },
    {
      weight: 1,
      arbitrary: json(fields).map(
        (each) => `{"__proto__": {"${name}": 1}, "constructor": ${each}, "${name}": ${each}}`,
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        'null',
        '[]',
        '{}',
        '\ufeff{}',
        '{"a":1}x',
        '"',
        '1',
        `{"${name}": null}`,
        `{"${name}": []}`,
        `{"${name}s": {}}`,
      ),
    },
  );

const createBody = (resource: Resource): fc.Arbitrary<string> => {
  const attributes = resource.attributes.filter(({ post }) => post);
  const required = attributes.filter(({ post }) => post === 'required').map(({ name }) => name);
  const fields = seldom(fieldsOf(attributes, required), fieldsOf(resource.attributes, []), 9);
  return seldom(
    wrapped(resource.name, fields),
    json(fc.array(fields, { maxLength: 4 }).map((items) => ({ [resource.collection]: items }))),
    9,
  );
};
const updateBody = (resource: Resource): fc.Arbitrary<string> =>
  wrapped(
    resource.name,
    seldom(
      fieldsOf(
        resource.attributes.filter(({ put }) => put),
        [],
      ),
      fieldsOf(resource.attributes, []),
      9,
    ),
  );

const idOf = (resource: Resource): fc.Arbitrary<string> => seldom(someOf(resource.name), anyText.map(segment), 7);
/** One segment of a path; odd escapes stay as they are. */
const segment = (text: string): string => encodeURIComponent(text.slice(0, 3000).replace(/\p{Surrogate}/gu, '\ufffd'));
const oddSegment = fc.oneof(
  anyText.map(segment),
  fc.constantFrom(
    '%',
    '%zz',
    '%00',
    '%c0%ae',
    '%ff',
    '..',
    '.',
    '%2e%2e',
    '%2f',
    '{{network:1}}%2F',
    'tags',
    'a'.repeat(6000),
    '*',
    '%25',
    'networks.json',
    'constructor',
    '__proto__',
    ':id',
    '%3Aid',
    '%F0%9F',
  ),
);

/** Placeholder for a sub-resource of one of these: `<parent's id>/<collection>/<id>`. */
export const partsOf = (whole: string): string => `parts_of_${whole}`;

const place = (resource: Resource): fc.Arbitrary<string> => {
  const whole = RESOURCES.find(({ name }) => name === resource.partOf?.name);
  if (!whole) return fc.constant(`/v2.0/${segmentOf(resource)}`);
  return idOf(whole).map((id) => `/v2.0/${segmentOf(whole)}/${id}/${segmentOf(resource)}`);
};

const PAGING = [
  'limit',
  'marker',
  'page_reverse',
  'sort_key',
  'sort_dir',
  'fields',
  'tags',
  'tags-any',
  'not-tags',
  'not-tags-any',
];
const pairsOf = (resource: Resource): fc.Arbitrary<string> => {
  const names = [...resource.attributes.map(({ name }) => name), ...PAGING, 'zzz', '__proto__', 'constructor', ''];
  const value = fc.oneof(
    anyText,
    someOf(resource.name),
    fc.constantFrom(
      '1',
      '0',
      '-1',
      '1e9',
      '99999999999',
      'asc',
      'desc',
      'id',
      'name',
      'True',
      'ip_address=10.0.0.3',
      'ip_address_substr=10',
      'subnet_id=x',
      'ip_address=',
    ),
    fc.constantFrom(...resource.attributes.map(({ name }) => name)),
  );
  const pair = fc
    .tuple(fc.constantFrom(...names), value)
    .map(([name, text]) => `${segment(name)}=${text.startsWith('{{') ? text : segment(text)}`);
  return fc
    .array(seldom(pair, oddSegment, 9), { maxLength: 5 })
    .map((pairs) => (pairs.length > 0 ? `?${pairs.join('&').slice(0, 12_000)}` : ''));
};

const printable = anyText.map((text) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 7000));
const ifMatch = fc.oneof(
  fc.constantFrom(
    '*',
    'revision_number=0',
    'revision_number=1',
    '"revision_number=2"',
    'revision_number=-1',
    'revision_number=99999999999999999999',
    'W/"x"',
  ),
  printable,
);
const oddHeader: fc.Arbitrary<readonly [string, string]> = fc.oneof(
  ifMatch.map((value) => ['if-match', value] as const),
  fc.tuple(
    fc.constantFrom(
      'content-type',
      'accept',
      'accept-encoding',
      'content-encoding',
      'user-agent',
      'x-openstack-request-id',
      'x-forwarded-for',
      'x-forwarded-host',
      'x-http-method-override',
      'range',
      'origin-agent',
      'x-roles',
      'x-project-id',
      'openstack-system-scope',
    ),
    printable,
  ),
  fc.constantFrom(
    ['content-type', 'application/xml'] as const,
    ['content-type', 'application/json; charset=utf-16'] as const,
    ['content-encoding', 'gzip'] as const,
    ['content-type', ''] as const,
  ),
);
const headers = fc.array(oddHeader, { maxLength: 2 });
const usualHeaders = seldom(fc.constant<readonly (readonly [string, string])[]>([]), headers, 8);
const none = fc.constant(undefined);
const who: fc.Arbitrary<Who> = fc.oneof(
  { weight: 12, arbitrary: fc.constant<Who>('admin') },
  { weight: 6, arbitrary: fc.constant<Who>('member') },
  { weight: 1, arbitrary: fc.constant<Who>('nobody') },
);

const request = (
  method: string,
  path: fc.Arbitrary<string>,
  body: fc.Arbitrary<string | undefined> = none,
): fc.Arbitrary<Request> => fc.record({ who, method: fc.constant(method), path, headers: usualHeaders, body });

function ofResource(resource: Resource): fc.Arbitrary<Request>[] {
  const all = place(resource);
  const anywhere = fc.tuple(all, idOf(resource)).map(([path, id]) => `${path}/${id}`);
  const whole = RESOURCES.find(({ name }) => name === resource.partOf?.name);
  const one = whole
    ? seldom(
        someOf(partsOf(whole.name)).map((pair) => `/v2.0/${segmentOf(whole)}/${pair}`),
        anywhere,
        3,
      )
    : anywhere;
  const below = (name: fc.Arbitrary<string>) => fc.tuple(one, name).map(([path, rest]) => `${path}/${rest}`);
  const actions = Object.keys(resource.actions ?? {}).map((action) =>
    request(
      'PUT',
      below(fc.constant(action)),
      seldom(json(ofSchema(ACTIONS[action]?.body ?? {}, action)), json(junk), 6),
    ),
  );
  const tag = anyText.map((text) => `tags/${segment(text.slice(0, 300))}`);
  const tags = json(
    fc.record({
      tags: seldom<unknown>(
        fc.array(
          anyText.map((text) => text.slice(0, 300)),
          { maxLength: 5 },
        ),
        junk,
      ),
    }),
  );
  return [
    request('POST', all, createBody(resource)),
    request('POST', all, createBody(resource)),
    request('POST', all, createBody(resource)),
    request('PUT', one, updateBody(resource)),
    request('PUT', one, updateBody(resource)),
    request(
      'GET',
      fc.tuple(all, pairsOf(resource)).map(([path, query]) => path + query),
    ),
    request(
      'GET',
      fc.tuple(one, pairsOf(resource)).map(([path, query]) => path + query),
    ),
    request('DELETE', one),
    ...actions,
    ...actions,
    ...(resource.tagged
      ? [
          request('PUT', below(fc.constant('tags')), tags),
          request('PUT', below(tag)),
          request('GET', below(tag)),
          request('DELETE', below(tag)),
        ]
      : []),
  ];
}

const ofEndpoint = ENDPOINTS.flatMap(({ path, methods }) => {
  const id = fc.oneof(someOf('network'), someOf('router'), someOf('agent'), anyText.map(segment), fc.constant('p1'));
  const where = fc
    .tuple(...path.map((part) => (part.startsWith(':') ? id : fc.constant(part))))
    .map((parts) => `/v2.0/${parts.join('/')}`);
  const limits = json(
    fc.record({
      quota: fc.dictionary(
        fc.constantFrom('network', 'port', 'subnet', 'x', 'force'),
        seldom<unknown>(fc.constant(-1), junk),
      ),
    }),
  );
  const body = fc.oneof(
    limits,
    json(junk),
    json(fc.record({ router_id: someOf('router') })),
    json(fc.record({ agent: fc.record({ admin_state_up: junk, description: junk }, { requiredKeys: [] }) })),
  );
  return Object.keys(methods).map((method) =>
    request(method, where, method === 'GET' || method === 'DELETE' ? none : body),
  );
});

/** Paths that do not exist, and methods that a path does not have. */
const elsewhere: fc.Arbitrary<Request> = fc.record({
  who,
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'PROPFIND', 'TRACE'),
  path: fc
    .tuple(
      fc.constantFrom(
        '/',
        '/v2.0',
        '/v2.0/networks',
        '/v2.0/extensions',
        '/v3',
        '/v3/auth',
        '/identity/v3',
        '/docs',
        '/plumbline/v1/nodes',
        '//',
        '/v2.0//networks',
      ),
      fc.array(oddSegment, { maxLength: 3 }),
    )
    .map(([start, parts]) => [start, ...parts].join('/')),
  headers,
  body: seldom<string | undefined>(none, json(junk)),
});

/** Logins with arbitrary values in every place. */
const login: fc.Arbitrary<Request> = (() => {
  const maybe = (usual: unknown) => seldom<unknown>(fc.constant(usual), junk, 3);
  const user = fc.record(
    { name: maybe('admin'), domain: maybe({ id: 'default' }), password: junk },
    { requiredKeys: [] },
  );
  const methods = maybe(['password']);
  const identity = fc.oneof(
    fc.record({ methods, password: seldom<unknown>(fc.record({ user }), junk) }, { requiredKeys: [] }),
    fc.record(
      { methods: maybe(['token']), token: seldom<unknown>(fc.record({ id: junk }), junk) },
      { requiredKeys: [] },
    ),
    fc.record({
      methods: maybe(['application_credential']),
      application_credential: fc.record({ id: junk, secret: junk }),
    }),
    junk,
  );
  const auth = fc.record(
    { identity, scope: maybe({ project: { name: 'ops', domain: { id: 'default' } } }) },
    { requiredKeys: [] },
  );
  const body = seldom(json(fc.record({ auth: seldom<unknown>(auth, junk) })), deep, 9);
  return request('POST', fc.constant('/v3/auth/tokens'), body);
})();

/** One request; each resource has its share. */
export const anyRequest: fc.Arbitrary<Request> = fc.oneof(
  { weight: 30, arbitrary: fc.oneof(...RESOURCES.map((resource) => fc.oneof(...ofResource(resource)))) },
  { weight: 2, arbitrary: fc.oneof(...ofEndpoint) },
  { weight: 2, arbitrary: elsewhere },
  { weight: 1, arbitrary: login },
);
