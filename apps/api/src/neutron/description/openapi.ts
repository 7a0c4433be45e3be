/**
 * The OpenAPI document, from the same declarations that parse and present: resources with their parts, tags and actions, and the odd paths of
 * endpoints/index.ts. Nothing here knows a resource by name; bodies of actions, which are no resources, are listed in openapi-actions.ts.
 */
import { z } from 'zod';
import type { Endpoint } from '../endpoint.js';
import { ACTIONS } from './openapi-actions.js';
import { COMPONENTS, inHeader, inPath, inQuery, type Json, json, named, refusals } from './openapi-parts.js';
import type { Attribute } from '../attribute.js';
import { type Resource, segmentOf } from '../resource.js';
import type { Api } from '../route.js';

const SCHEMA_REF = '#/components/schemas';
const ref = (name: string): Json => ({ $ref: `${SCHEMA_REF}/${name}` });

const ROLE_WORDS = { admin: 'Administrators only.', 'network-owner': "The network's owner and administrators only." };

function schemaOf({ type, shownAs, about, read, write, default: value }: Attribute, input: boolean): Json {
  const shape = input ? type.schema : (shownAs ?? type.schema);
  const { $schema: _dialect, ...schema } = z.toJSONSchema(shape, { unrepresentable: 'any' }) as Json;
  const who = (input && write) || (!input && read);
  return {
    ...schema,
    ...(input && value !== undefined && { default: value }),
    description: who ? `${about} ${ROLE_WORDS[who]}` : about,
  };
}

function objectOf(attributes: readonly Attribute[], input: boolean): Json {
  const required = input ? attributes.filter(({ post }) => post === 'required').map(({ name }) => name) : [];
  return {
    type: 'object',
    properties: Object.fromEntries(attributes.map((attribute) => [attribute.name, schemaOf(attribute, input)])),
    ...(input && { additionalProperties: false }),
    ...(required.length > 0 && { required }),
  };
}

/** `port`, `port_create`, `port_update`; a part's name begins with its whole's. */
const schemaName = ({ name, partOf }: Resource): string => (partOf ? `${partOf.name}_${name}` : name);

function schemasOf(resource: Resource): Json {
  const { attributes } = resource;
  const name = schemaName(resource);
  const puts = attributes.filter(({ put }) => put).map(({ post: _post, default: _value, ...rest }) => rest);
  return {
    [name]: objectOf(
      attributes.filter(({ visible }) => visible !== false),
      false,
    ),
    ...(resource.create && {
      [`${name}_create`]: objectOf(
        attributes.filter(({ post }) => post),
        true,
      ),
    }),
    ...(puts.length > 0 && { [`${name}_update`]: objectOf(puts, true) }),
  };
}

/** Parameters every list has. */
const LISTING: readonly Json[] = [
  inQuery('fields', { type: 'array', items: { type: 'string' } }, 'Show only these.'),
  inQuery('sort_key', { type: 'array', items: { type: 'string' } }, 'Sort by these in turn.'),
  inQuery('sort_dir', { type: 'array', items: { enum: ['asc', 'desc'] } }, 'Direction of each sort_key.'),
  inQuery('limit', { type: 'integer', minimum: 0 }, 'Page size; 0 for all.'),
  inQuery('marker', { type: 'string' }, 'Id of the last item of the page before.'),
  inQuery('page_reverse', { type: 'boolean' }, 'The page before the marker.'),
];
const words = { type: 'array', items: { type: 'string' }, maxItems: 1000 };
const TAG_FILTERS: readonly Json[] = [
  inQuery('tags', words, 'All of these tags, joined by commas.'),
  inQuery('tags-any', words, 'At least one of these tags.'),
  inQuery('not-tags', words, 'Not all of these tags.'),
  inQuery('not-tags-any', words, 'None of these tags.'),
];
const filterOf = ({ name, about, read }: Attribute): Json =>
  inQuery(
    name,
    { type: 'array', items: { type: 'string' } },
    `Filter, repeated for either: ${about}${read ? ` ${ROLE_WORDS[read]}` : ''}`,
  );

const IF_MATCH = inHeader('If-Match', 'revision_number=<number>: refused with 412 when it is another one by now.');

const IDEMPOTENCY_KEY = inHeader(
  'Idempotency-Key',
  'Any text, new for each request: sent again with the same key and body within 24 hours, the request is carried out once and answered as before.',
);

type Operation = Readonly<{
  tag: string;
  id: string;
  summary: string;
  status: '200' | '201' | '204';
  answer?: Json;
  body?: Json;
  parameters?: readonly Json[];
  refused: readonly string[];
}>;

const operation = ({ tag, id, summary, status, answer, body, parameters = [], refused }: Operation): Json => ({
  tags: [tag],
  operationId: id,
  summary,
  ...(parameters.length > 0 && { parameters }),
  ...(body && { requestBody: { required: true, ...json(body) } }),
  responses: {
    [status]: {
      description: { 200: 'Done.', 201: 'Created.', 204: 'Done; no body.' }[status],
      ...(answer && json(answer)),
    },
    ...refusals(['401', '429', '503', ...refused]),
  },
});

const READ = ['400', '404'];
const WRITE = ['400', '403', '404', '409', '413'];
const CHANGE = [...WRITE, '412'];

/** Where a resource's list is below the prefix, and its path parameters: of the whole, when it is a part. */
function placeOf(resource: Resource, resources: Api['resources']): { path: string; parameters: Json[] } {
  const whole = resources.find(({ name }) => name === resource.partOf?.name);
  if (!whole) return { path: `/${segmentOf(resource)}`, parameters: [] };
  const id = `${whole.name}_id`;
  return { path: `/${segmentOf(whole)}/{${id}}/${segmentOf(resource)}`, parameters: [inPath(id)] };
}

function pathsOf(resource: Resource, resources: Api['resources']): Record<string, Json> {
  const { collection, attributes, about } = resource;
  const name = schemaName(resource);
  const { path, parameters } = placeOf(resource, resources);
  const shown = named(resource.name, ref(name));
  const one = (rest: string) => `${path}/{id}${rest}`;
  const common = { tag: collection };
  const lists = [
    ...LISTING,
    ...(resource.tagged ? TAG_FILTERS : []),
    ...attributes.filter((a) => a.filter).map(filterOf),
  ];
  const links = { type: 'array', items: ref('link') };
  const bulk = named(collection, { type: 'array', items: ref(`${name}_create`), minItems: 1, maxItems: 200 });
  const withId = [...parameters, inPath('id')];
  return {
    [path]: {
      description: about,
      ...(parameters.length > 0 && { parameters }),
      get: operation({
        ...common,
        id: `list_${name}`,
        summary: `List ${collection}`,
        status: '200',
        answer: {
          type: 'object',
          properties: { [collection]: { type: 'array', items: ref(name) }, [`${collection}_links`]: links },
          required: [collection],
        },
        parameters: lists,
        refused: [...READ, '403'],
      }),
      ...(resource.create && {
        post: operation({
          ...common,
          id: `create_${name}`,
          summary: `Create one, or several at once, all or none`,
          status: '201',
          body: { oneOf: [named(resource.name, ref(`${name}_create`)), bulk] },
          answer: { oneOf: [shown, named(collection, { type: 'array', items: ref(name) })] },
          parameters: [IDEMPOTENCY_KEY],
          refused: [...WRITE, '422'],
        }),
      }),
    },
    [one('')]: {
      description: about,
      parameters: withId,
      get: operation({
        ...common,
        id: `show_${name}`,
        summary: 'Show one',
        status: '200',
        answer: shown,
        parameters: LISTING.slice(0, 1),
        refused: READ,
      }),
      ...(resource.update && {
        put: operation({
          ...common,
          id: `update_${name}`,
          summary: 'Change one',
          status: '200',
          body: named(resource.name, ref(`${name}_update`)),
          answer: shown,
          parameters: [IF_MATCH],
          refused: CHANGE,
        }),
      }),
      ...(resource.delete && {
        delete: operation({
          ...common,
          id: `delete_${name}`,
          summary: 'Delete one',
          status: '204',
          parameters: [IF_MATCH],
          refused: CHANGE,
        }),
      }),
    },
    ...(resource.tagged && tagPaths(resource, path)),
    ...Object.fromEntries(
      Object.keys(resource.actions ?? {}).map((action) => [
        one(`/${action}`),
        {
          parameters: withId,
          put: operation({
            ...common,
            id: `${action}_of_${name}`,
            summary: ACTIONS[action]?.about ?? action.replaceAll('_', ' '),
            status: '200',
            body: ACTIONS[action]?.body ?? { type: 'object' },
            answer: { type: 'object' },
            parameters: [IF_MATCH],
            refused: CHANGE,
          }),
        },
      ]),
    ),
  };
}

function tagPaths({ name, collection: tag }: Resource, path: string): Record<string, Json> {
  const all = ref('tags');
  const of = (verb: string, plural: string) => `${verb}_${plural}_of_${name}`;
  const parameters = [inPath('id')];
  return {
    [`${path}/{id}/tags`]: {
      parameters,
      get: operation({ tag, id: of('list', 'tags'), summary: 'Its tags', status: '200', answer: all, refused: READ }),
      put: operation({
        tag,
        id: of('replace', 'tags'),
        summary: 'Replace all its tags',
        status: '200',
        body: all,
        answer: all,
        refused: CHANGE,
      }),
      delete: operation({
        tag,
        id: of('remove', 'tags'),
        summary: 'Remove all its tags',
        status: '204',
        refused: CHANGE,
      }),
    },
    [`${path}/{id}/tags/{tag}`]: {
      parameters: [...parameters, inPath('tag', { type: 'string', minLength: 1, maxLength: 255 })],
      get: operation({ tag, id: of('has', 'tag'), summary: 'Whether it has this tag', status: '204', refused: READ }),
      put: operation({ tag, id: of('add', 'tag'), summary: 'Add a tag', status: '201', refused: CHANGE }),
      delete: operation({ tag, id: of('remove', 'tag'), summary: 'Remove a tag', status: '204', refused: CHANGE }),
    },
  };
}

const STATUS_OF_METHOD = { GET: '200', POST: '201', PUT: '200', DELETE: '204' } as const;

function endpointPath({ path, about, who, methods }: Endpoint): Record<string, Json> {
  const ids = path.filter((segment) => segment.startsWith(':')).map((segment) => segment.slice(1));
  const text = path.map((segment) => (segment.startsWith(':') ? `{${segment.slice(1)}}` : segment)).join('/');
  const operations = (Object.keys(methods) as (keyof typeof STATUS_OF_METHOD)[]).map((method) => [
    method.toLowerCase(),
    operation({
      tag: path[0] as string,
      id: `${method.toLowerCase()}_${path.map((segment) => segment.replace(':', 'by_')).join('_')}`,
      summary: who === 'admin' ? `${about} ${ROLE_WORDS.admin}` : about,
      status: STATUS_OF_METHOD[method],
      ...(method !== 'DELETE' && { answer: { type: 'object' } }),
      ...((method === 'POST' || method === 'PUT') && { body: { type: 'object' } }),
      refused: method === 'GET' ? [...READ, '403'] : WRITE,
    }),
  ]);
  return {
    [`/${text}`]: {
      ...(ids.length > 0 && { parameters: ids.map((id) => inPath(id, { type: 'string' })) }),
      ...(Object.fromEntries(operations) as Json),
    },
  };
}

const open = (operationJson: Json): Json => ({ ...operationJson, security: [] });
const discovery = (id: string, summary: string): Operation => ({
  tag: 'discovery',
  id,
  summary,
  status: '200',
  answer: { type: 'object' },
  refused: [],
});

/** Not below the prefix: it lists the versions. */
const VERSIONS: Readonly<Record<string, Json>> = {
  '/': { get: open(operation(discovery('list_versions', 'Versions of the API'))) },
};
const DISCOVERY: Readonly<Record<string, Json>> = {
  '/': { get: operation(discovery('list_resources', 'Resources of the API')) },
  '/extensions': { get: operation(discovery('list_extensions', 'Extensions that work here, whole')) },
  '/extensions/{alias}': {
    parameters: [inPath('alias', { type: 'string' })],
    get: operation({ ...discovery('show_extension', 'One extension'), refused: ['404'] }),
  },
};

/** Merges what several declarations say about one path; parameters are taken from the first. */
function merged(parts: readonly Readonly<Record<string, Json>>[]): Record<string, Json> {
  const all: Record<string, Json> = {};
  for (const part of parts) for (const [path, item] of Object.entries(part)) all[path] = { ...item, ...all[path] };
  return all;
}

export type OpenApi = Readonly<{
  openapi: string;
  info: Json;
  tags: readonly Readonly<{ name: string; description?: string }>[];
  security: readonly Json[];
  paths: Readonly<Record<string, Json>>;
  components: Readonly<{ schemas: Readonly<Record<string, Json>> } & Json>;
}>;

/** OpenAPI 3.1.0, whole. The server is where the document was read from. */
export const openApi = ({ prefix, resources, endpoints }: Api): OpenApi => {
  const below = merged([
    DISCOVERY,
    ...resources.map((resource) => pathsOf(resource, resources)),
    ...endpoints.map(endpointPath),
  ]);
  const prefixed = Object.entries(below).map(([path, item]) => [`${prefix}${path}`, item] as const);
  const paths = { ...VERSIONS, ...Object.fromEntries(prefixed) };
  const tags = new Map(resources.map(({ collection, about }) => [collection, about]));
  const others = endpoints.map(({ path }) => path[0] as string).filter((name) => !tags.has(name));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Plumbline: OpenStack Networking API v2.0',
      version: '2.0',
      description:
        'What this server has of the Networking API. Where it differs from the reference implementation: docs/reference/networking-api.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [
      { name: 'discovery' },
      ...[...tags].map(([name, description]) => ({ name, description })),
      ...[...new Set(others)].map((name) => ({ name })),
    ],
    security: [{ token: [] }],
    paths,
    components: {
      ...COMPONENTS,
      schemas: { ...COMPONENTS.schemas, ...(Object.assign({}, ...resources.map(schemasOf)) as Record<string, Json>) },
    },
  };
};
