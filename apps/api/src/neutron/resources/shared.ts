/**
 * Objects that RBAC policies open to projects: who sees them, and whether the caller may call them shared. Policies of an object are found by the index on
 * `doc`; one policy more or less changes the answer at once.
 */
import type { RbacPolicy } from '@plumbline/contracts';
import { bool } from '../types/attribute-types.js';
import type { Attribute, Viewer } from '../resource.js';

/** The policies of the object with this id: a placeholder or column. */
const policiesOf = (id: string): string =>
  `plumbline.rbac_policies b WHERE b.doc @> jsonb_build_object('objectId', ${id})`;

/** Condition: a policy, of whatever action, lets the project in, or all. */
export const isOpened = (id: string, project: string): string =>
  `EXISTS (SELECT FROM ${policiesOf(id)} AND b.doc ->> 'targetProject' IN (${project}, '*'))`;

/** Condition: there is a policy of this action. */
export const hasPolicy = (action: RbacPolicy['action']): string =>
  `EXISTS (SELECT FROM ${policiesOf('o.id')} AND b.doc @> '{"action": "${action}"}')`;

/** Column `shared_with`: the projects that policies share the object with, '*' among them. */
export const sharedWith = `(SELECT coalesce(jsonb_agg(b.doc -> 'targetProject'), '[]') FROM ${policiesOf('o.id')}
    AND b.doc @> '{"action": "access_as_shared"}') AS shared_with`;

const SHARED_WITH_ALL = `o.doc @> '{"shared": true}'
    OR EXISTS (SELECT FROM ${policiesOf('o.id')} AND b.doc @> '{"action": "access_as_shared", "targetProject": "*"}')`;

/** `shared`, as the caller's project has it: with all, or with that project. Needs the column `shared_with`. */
export const shared = (about: string, more: Pick<Attribute, 'put'> = {}): Attribute => ({
  name: 'shared',
  path: 'shared',
  type: bool,
  post: 'allowed',
  ...more,
  default: false,
  write: 'admin',
  filter: true,
  sort: true,
  sql: `CASE WHEN ${SHARED_WITH_ALL} THEN 'true' ELSE 'false' END`,
  where: (values, param, project) => {
    const target = param(project ?? '*', 'text');
    const is = `(${SHARED_WITH_ALL} OR EXISTS (SELECT FROM ${policiesOf('o.id')}
      AND b.doc @> '{"action": "access_as_shared"}' AND b.doc ->> 'targetProject' = ${target}))`;
    return values.map((value) => (value ? is : `NOT ${is}`)).join(' OR ');
  },
  show: ({ doc, shared_with: targets }, { projectId }: Viewer) =>
    doc['shared'] === true || (targets as string[]).some((target) => target === '*' || target === projectId),
  about,
});
