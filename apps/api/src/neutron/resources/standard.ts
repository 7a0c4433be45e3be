/** Attributes that every resource has. */
import type { Kind } from '@plumbline/contracts';
import { z } from 'zod';
import { badRequest } from '../../errors/edge-error.js';
import { type Computed, revisionOf } from '../computed/computed.js';
import { type Attribute, type Row, table } from '../attribute.js';
import { tagList } from '../types/tag-types.js';
import {
  type AttributeType,
  bool,
  integer,
  numberOrNone,
  onlyEmpty,
  projectId,
  saidNull,
  text,
  uuid,
} from '../types/attribute-types.js';

/** Shapes of values that are only shown, for the OpenAPI document: lists of texts, objects. */
const object = z.record(z.string(), z.unknown());
export const SHOWN = {
  words: z.array(z.string()),
  object,
  maybe: object.nullable(),
  objects: z.array(object),
} as const;

/** RFC 3339 with milliseconds, as stored -> to the second, as clients know it. */
const seconds = (value: unknown): string => `${String(value).slice(0, 19)}Z`;
const time = (name: string, path: string, about: string): Attribute => ({
  name,
  path,
  type: text(),
  filter: true,
  sort: true,
  about,
  show: (row) => seconds(row.doc[path]),
  sql: `left(o.doc->>'${path}', 19) || 'Z'`,
});

export const id: Attribute = {
  name: 'id',
  type: uuid,
  sql: 'o.id',
  filter: true,
  sort: true,
  show: (row) => row.id,
  about: 'UUID of the resource.',
};
const project = (name: string): Attribute => ({
  name,
  path: 'projectId',
  type: projectId,
  post: 'allowed',
  sql: 'o.project_id',
  filter: true,
  sort: true,
  about: 'Project that owns it.',
});
export const name = {
  name: 'name',
  path: 'name',
  type: text(),
  post: 'allowed',
  put: true,
  default: '',
  sql: 'o.name',
  filter: true,
  sort: true,
  about: 'Name; need not be unique.',
} as const satisfies Attribute;
export const adminStateUp = {
  name: 'admin_state_up',
  path: 'adminStateUp',
  type: bool,
  post: 'allowed',
  put: true,
  default: true,
  filter: true,
  sort: true,
  about: 'Administrative state.',
} as const satisfies Attribute;

/** Ids and owner come first, as clients are used to see them. */
export const head: readonly Attribute[] = [id, project('tenant_id'), project('project_id')];
export const description = {
  name: 'description',
  path: 'description',
  type: text(),
  post: 'allowed',
  put: true,
  default: '',
  filter: true,
  sort: true,
  about: 'Text for people.',
} as const satisfies Attribute;
const times: readonly Attribute[] = [
  time('created_at', 'createdAt', 'When it was created (UTC).'),
  time('updated_at', 'updatedAt', 'When it last changed (UTC).'),
];
const revision: Attribute = {
  name: 'revision_number',
  path: 'revision',
  type: { ...integer(0, 2 ** 31), filter: numberOrNone },
  filter: true,
  sort: true,
  about: 'Number of changes since its creation.',
};
/** When it was made and changed, and how often. */
export const changes: readonly Attribute[] = [...times, revision];
/** The same of an object whose parts are written in its stream: it changes with them. Needs the columns of `partsChange`. */
export const changesWithParts = (kind: Kind): readonly Attribute[] => {
  const { sql } = revisionOf(kind);
  return [
    ...times,
    {
      ...revision,
      about: 'Number of changes of it and of its parts since its creation.',
      // As text, and sorted as numbers are.
      sql: (tables) => `lpad(${sql(tables)}::text, 10, '0')`,
      where: (values, { param, tables }) => `${sql(tables)}::text = ANY(${param(values.map(String), 'text[]')})`,
      show: (row) => row['revision_with_parts'],
    },
  ];
};
export const partsChange = (kind: Kind) => ({ revision_with_parts: revisionOf(kind) });

export const tags = {
  name: 'tags',
  path: 'tags',
  type: tagList,
  shownAs: SHOWN.words,
  about: 'Texts that its sub-resource tags adds and removes.',
} as const satisfies Attribute;
/** The last attributes of an object with tags. */
export const tail = table([description, tags, ...changes]);
export const tailWithParts = (kind: Kind) => table([description, tags, ...changesWithParts(kind)]);

function shapeOf(value: unknown): z.ZodType {
  if (Array.isArray(value)) return SHOWN.words;
  if (value === null) return z.null();
  return typeof value === 'object' ? SHOWN.object : z.string();
}

/** Shown for clients that expect it; nothing can be set. */
export function constant(name: string, value: unknown, about: string): Attribute {
  return { name, type: text(), shownAs: shapeOf(value), show: () => value, about };
}
/** Shown as an empty list; on input an empty list or null is accepted and nothing else. */
export const emptyList = (name: string, about: string, put?: true): Attribute => ({
  name,
  type: onlyEmpty,
  post: 'allowed',
  ...(put && { put }),
  show: () => [],
  about,
});

/**
 * An attribute of the reference whose behaviour is not here: a value that means "none" is accepted, with every other one it is refused as an attribute that does not exist,
 * as the reference does without that extension; and it is never shown. `type` is one that takes only "none".
 */
export const none = (
  name: string,
  type: AttributeType<undefined | null>,
  verbs: Pick<Attribute, 'post' | 'put'>,
  about: string,
): Attribute => ({ name, type: orUnrecognized(type), ...verbs, visible: false, about });

function orUnrecognized<T>(type: AttributeType<T>): AttributeType<T> {
  const parse = (value: unknown, attribute: string): T => {
    try {
      return type.parse(value, attribute);
    } catch {
      throw badRequest(`Unrecognized attribute(s) '${attribute}'`);
    }
  };
  return { ...type, parse };
}

const EITHER = { post: 'allowed', put: true } as const;
/** No quality of service. */
export const noQosPolicy = none('qos_policy_id', saidNull, EITHER, 'Null only: no quality of service.');

/** Status from a column `status`, and in case of an error the reason why from `reason`. */
export const status = (
  { sql }: Computed,
  otherwise?: Readonly<{ about: string; of(row: Row): string | undefined }>,
): readonly Attribute[] => [
  {
    name: 'status',
    type: text(),
    sql,
    filter: true,
    sort: true,
    show: (row: Row) => row['status'],
    about: 'As the nodes report it.',
  },
  {
    name: 'status_reason',
    type: text(),
    about: `Why the status is ERROR${otherwise ? `, ${otherwise.about}` : ''}; absent otherwise.`,
    show: (row: Row) => (row['status'] === 'ERROR' ? row['reason'] : otherwise?.of(row)),
  },
];
