/**
 * Objects that RBAC policies share with projects: who sees them, and for whom the attribute `shared` is true. The index on `doc` finds the policies of an
 * object; a policy that is made or deleted counts from the next read.
 */
import type { RbacPolicy } from '@plumbline/contracts';
import type { Computed } from '../computed/computed.js';
import { exists, listOf, naming } from '../computed/relations.js';
import type { Attribute, Viewer } from '../attribute.js';
import type { Seeing } from '../resource.js';
import type { Tables } from '../tables.js';
import { bool } from '../types/attribute-types.js';

const POLICIES = naming('rbacpolicy', 'objectId', 'object');

/** Condition: a policy, of this action or any, shares the object with the project or with everybody. `id`: a placeholder or column. */
export function isOpened(id: string, { project, tables, rows }: Seeing, action?: RbacPolicy['action']): string {
  const ofAction = action === undefined ? '' : ` AND b.doc @> '{"action": "${action}"}'`;
  return rows === 'by id'
    ? `EXISTS (${POLICIES.rows('', tables, id)} AND b.doc ->> 'targetProject' IN (${project}, '*')${ofAction})`
    : `${id} = ANY (ARRAY(SELECT b.doc ->> 'objectId' FROM ${tables.of('rbacpolicy')} b
        WHERE (b.doc @> jsonb_build_object('targetProject', ${project}) OR b.doc @> '{"targetProject": "*"}')${ofAction}))`;
}

/** There is a policy of this action. */
export const hasPolicy = (action: RbacPolicy['action']): Computed => exists(POLICIES, { action });

/** Column `shared_with`: the projects that policies share the object with, '*' among them. */
export const sharedWith = { shared_with: listOf(POLICIES, 'targetProject', { action: 'access_as_shared' }) };

const SHARING = `b.doc @> '{"action": "access_as_shared"}'`;
const isSharedWithAll = (tables: Tables, row = 'o'): string =>
  `${row}.doc @> '{"shared": true}' OR EXISTS (${POLICIES.rows('', tables, `${row}.id`)} AND ${SHARING} AND b.doc ->> 'targetProject' = '*')`;
/** Condition: the object of this row is shared with everybody, or with the project of the placeholder. */
const isSharedFor = (project: string, tables: Tables, row = 'o'): string =>
  `(${isSharedWithAll(tables, row)} OR EXISTS (${POLICIES.rows('', tables, `${row}.id`)} AND ${SHARING} AND b.doc ->> 'targetProject' = ${project}))`;

/** Condition of a filter: the network of this id is shared, for whoever asks. */
export const isSharedNetwork =
  (id: string): NonNullable<Attribute['where']> =>
  (values, { param, tables, project }) => {
    const is = `EXISTS (SELECT FROM ${tables.of('network')} n WHERE n.id = ${id} AND ${isSharedFor(param(project ?? '*', 'text'), tables, 'n')})`;
    return [...new Set(values)].map((value) => (value ? is : `NOT ${is}`)).join(' OR ');
  };

/** Whether the object is shared with everybody or with the caller's project. Needs the column `shared_with`. */
export const isShared = (about: string) =>
  ({
    name: 'shared',
    path: 'shared',
    type: bool,
    filter: true,
    sort: true,
    sql: (tables) => `CASE WHEN ${isSharedWithAll(tables)} THEN 'true' ELSE 'false' END`,
    where: (values, { param, tables, project }) => {
      const is = isSharedFor(param(project ?? '*', 'text'), tables);
      return [...new Set(values)].map((value) => (value ? is : `NOT ${is}`)).join(' OR ');
    },
    show: ({ doc, shared_with: targets }, { projectId }: Viewer) =>
      doc['shared'] === true || (targets as string[]).some((target) => target === '*' || target === projectId),
    about,
  }) as const satisfies Attribute;

/** The same attribute, which an administrator may also set in the create request. */
export const shared = (about: string) =>
  ({ ...isShared(about), post: 'allowed', default: false, write: 'admin' }) as const satisfies Attribute;
