/** Parts of the OpenAPI document that are the same for all resources: error bodies, the token, parameters. */
export type Json = Record<string, unknown>;

export const json = (schema: Json): Json => ({ content: { 'application/json': { schema } } });
/** `{name: ...}`: how the Networking API wraps what it sends. */
export const named = (name: string, schema: Json): Json => ({
  type: 'object',
  properties: { [name]: schema },
  required: [name],
});
export const inQuery = (name: string, schema: Json, description: string): Json => ({
  name,
  in: 'query',
  schema,
  description,
});
export const inHeader = (name: string, description: string): Json => ({
  name,
  in: 'header',
  schema: { type: 'string' },
  description,
});
export const inPath = (name: string, schema: Json = { type: 'string', format: 'uuid' }): Json => ({
  name,
  in: 'path',
  required: true,
  schema,
});

const REFUSALS: Readonly<Record<string, string>> = {
  '400': 'The request is not as it must be; the message names what is wrong.',
  '403': 'The caller sees the object and may not do this.',
  '404': 'There is no such object, or the caller does not see it.',
  '409': 'The change contradicts what is there, or would exceed a quota.',
  '412': 'If-Match: the object has another revision number.',
  '413': 'The body is larger than 1 MiB.',
  '422': 'The Idempotency-Key was used for a request with another body.',
  '429': 'The project makes too many requests; Retry-After says how long to wait.',
  '503': 'The database cannot be reached, or all that could be given is taken. Nothing was stored.',
};

/** Responses by status, as references into the components. */
export const refusals = (statuses: readonly string[]): Json =>
  Object.fromEntries(
    [...new Set(statuses)].sort().map((status) => [status, { $ref: `#/components/responses/${status}` }]),
  );

const text = { type: 'string' };

export const COMPONENTS = {
  securitySchemes: {
    token: {
      type: 'apiKey',
      in: 'header',
      name: 'X-Auth-Token',
      description: 'From POST /v3/auth/tokens (Identity v3), or of Keystone; none is asked for with PLUMB_AUTH=none.',
    },
  },
  responses: {
    ...Object.fromEntries(
      Object.entries(REFUSALS).map(([status, description]) => [
        status,
        { description, ...json({ $ref: '#/components/schemas/NeutronError' }) },
      ]),
    ),
    '401': {
      description: 'No token, or one that is not valid.',
      headers: { 'WWW-Authenticate': { schema: text, description: 'Where to log in.' } },
      ...json({ $ref: '#/components/schemas/Unauthorized' }),
    },
  },
  schemas: {
    NeutronError: named('NeutronError', {
      type: 'object',
      properties: { type: text, message: text, detail: text },
      required: ['type', 'message', 'detail'],
    }),
    Unauthorized: named('error', {
      type: 'object',
      properties: { code: { type: 'integer' }, title: text, message: text },
      required: ['code', 'title', 'message'],
    }),
    link: {
      type: 'object',
      properties: { rel: { enum: ['next', 'previous'] }, href: { type: 'string', format: 'uri' } },
      required: ['rel', 'href'],
    },
    tags: named('tags', { type: 'array', items: { type: 'string', minLength: 1, maxLength: 255 }, maxItems: 50 }),
  } as Readonly<Record<string, Json>>,
} as const;
