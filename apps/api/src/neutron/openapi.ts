/** The OpenAPI document, from the same declarations that parse and present. */
import { z } from 'zod';
import { RESOURCES } from './catalogue.js';
import { type Attribute, type Resource, segmentOf } from './resource.js';

type Json = Record<string, unknown>;

const schemaOf = ({ type, about, read }: Attribute): Json => {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(type.schema, { unrepresentable: 'any' }) as Json;
  return { ...schema, description: read === 'admin' ? `${about} Administrators only.` : about };
};

const objectOf = (attributes: readonly Attribute[], required: readonly string[] = []): Json => ({
  type: 'object',
  properties: Object.fromEntries(attributes.map((attribute) => [attribute.name, schemaOf(attribute)])),
  ...(required.length > 0 && { required }),
});

const json = (schema: Json): Json => ({ content: { 'application/json': { schema } } });
const named = (name: string, schema: Json): Json => ({
  type: 'object',
  properties: { [name]: schema },
  required: [name],
});
const errors: Json = {
  default: { description: 'Refused: what, and why.', ...json({ $ref: '#/components/schemas/NeutronError' }) },
};
const answers = (status: string, description: string, schema?: Json): Json => ({
  [status]: { description, ...(schema && json(schema)) },
  ...errors,
});
const inQuery = (name: string, schema: Json, description: string): Json => ({ name, in: 'query', schema, description });

/** Parameters every list has. */
const listing: readonly Json[] = [
  inQuery('fields', { type: 'array', items: { type: 'string' } }, 'Show only these.'),
  inQuery('sort_key', { type: 'array', items: { type: 'string' } }, 'Sort by these in turn.'),
  inQuery('sort_dir', { type: 'array', items: { enum: ['asc', 'desc'] } }, 'Direction of each sort_key.'),
  inQuery('limit', { type: 'integer', minimum: 0 }, 'Page size.'),
  inQuery('marker', { type: 'string' }, 'Id of the last item of the page before.'),
  inQuery('page_reverse', { type: 'boolean' }, 'The page before the marker.'),
];

function pathsOf(resource: Resource): Json {
  const { name, collection, attributes, about } = resource;
  const shown = objectOf(attributes.filter((attribute) => attribute.visible !== false));
  const forPost = attributes.filter((attribute) => attribute.post);
  const post = objectOf(
    forPost,
    forPost.filter((attribute) => attribute.post === 'required').map((a) => a.name),
  );
  const put = objectOf(attributes.filter((attribute) => attribute.put));
  const filters = attributes
    .filter((a) => a.filter)
    .map((a) => inQuery(a.name, { type: 'array', items: {} }, `Filter: ${a.about}`));
  const one = [{ name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } }];
  const tags = [collection];
  const whole = RESOURCES.find((each) => each.name === resource.partOf?.name);
  const path = `/v2.0/${whole ? `${segmentOf(whole)}/{${whole.name}_id}/` : ''}${segmentOf(resource)}`;
  return {
    [path]: {
      description: about,
      get: {
        tags,
        summary: `List ${collection}`,
        parameters: [...listing, ...filters],
        responses: answers('200', 'The list.', named(collection, { type: 'array', items: shown })),
      },
      ...(resource.create && {
        post: {
          tags,
          summary: `Create a ${name}, or several at once, all or none`,
          requestBody: json({ oneOf: [named(name, post), named(collection, { type: 'array', items: post })] }),
          responses: answers('201', 'Created.', named(name, shown)),
        },
      }),
    },
    [`${path}/{id}`]: {
      parameters: one,
      get: { tags, summary: `Show a ${name}`, responses: answers('200', 'The object.', named(name, shown)) },
      ...(attributes.some((a) => a.put) && {
        put: {
          tags,
          summary: `Change a ${name}`,
          requestBody: json(named(name, put)),
          responses: answers('200', 'Changed.', named(name, shown)),
        },
      }),
      ...((resource.delete || !resource.create) && {
        delete: { tags, summary: `Delete a ${name}`, responses: answers('204', 'Deleted.') },
      }),
    },
    ...Object.fromEntries(
      Object.keys(resource.actions ?? {}).map((action) => [
        `${path}/{id}/${action}`,
        {
          parameters: one,
          put: {
            tags,
            summary: action.replaceAll('_', ' '),
            requestBody: json({ type: 'object' }),
            responses: answers('200', 'Done.'),
          },
        },
      ]),
    ),
  };
}

export const openApi = (): Json => ({
  openapi: '3.1.0',
  info: { title: 'Plumbline: OpenStack Networking API v2.0', version: '2.0' },
  paths: Object.assign({}, ...RESOURCES.map(pathsOf)) as Json,
  components: {
    schemas: {
      NeutronError: named('NeutronError', {
        type: 'object',
        properties: { type: { type: 'string' }, message: { type: 'string' }, detail: { type: 'string' } },
      }),
    },
  },
});
