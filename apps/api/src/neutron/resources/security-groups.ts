import {
  createSecurityGroups,
  deleteSecurityGroup,
  ensureDefaultGroup,
  NewSecurityGroup,
  SecurityGroupChanges,
  securityGroupNotFound,
  updateSecurityGroup,
} from '@plumbline/domain';
import { bool, text } from '../attribute-types.js';
import { present } from '../present.js';
import type { Attribute, Resource, Row } from '../resource.js';
import { securityGroupRules } from './security-group-rules.js';
import { head, name, tail } from './standard.js';

/** Condition: an RBAC policy opens the row to the project. */
export const isOpenedTo = (project: string): string =>
  `EXISTS (SELECT FROM plumbline.rbac_policies b WHERE b.doc @> jsonb_build_object('objectId', o.id) AND b.doc ->> 'targetProject' IN (${project}, '*'))`;
/** Column: the projects that RBAC policies open the row to. */
export const OPENED_TO = `(SELECT coalesce(jsonb_agg(b.doc -> 'targetProject'), '[]') FROM plumbline.rbac_policies b
    WHERE b.doc @> jsonb_build_object('objectId', o.id)) AS opened_to`;

/** Whether a policy opens it to whoever looks. Not a filter: which rows those are depends on who asks. */
const shared: Attribute = {
  name: 'shared',
  type: bool,
  show: (row, { projectId }) => {
    const projects = row['opened_to'] as readonly string[];
    return projects.includes('*') || projects.includes(projectId);
  },
  about: 'Whether an RBAC policy opens it to your project.',
};

export const securityGroups: Resource = {
  name: 'security_group',
  collection: 'security_groups',
  segment: 'security-groups',
  kind: 'securitygroup',
  visible: isOpenedTo,
  tagged: true,
  before: ensureDefaultGroup,
  about: 'Rules for the ports that are in it. Each project has one of the name default.',
  attributes: [
    ...head,
    name,
    {
      name: 'stateful',
      path: 'stateful',
      type: bool,
      post: 'allowed',
      put: true,
      default: true,
      filter: true,
      sort: true,
      about: 'Whether answers pass without a rule of their own.',
    },
    {
      name: 'security_group_rules',
      type: text(),
      show: (row, viewer) =>
        (row['rules'] as readonly Row['doc'][]).map((doc) =>
          present(securityGroupRules, { id: String(doc['id']), doc }, viewer, null),
        ),
      about: 'Its rules.',
    },
    shared,
    ...tail,
  ],
  from: 'plumbline.security_groups o',
  columns: `o.doc, ${OPENED_TO}, (SELECT coalesce(jsonb_agg(r.doc ORDER BY (r.set_at ->> 'securitygrouprule')::bigint), '[]')
    FROM plumbline.security_group_rules r WHERE r.doc @> jsonb_build_object('securityGroupId', o.id)) AS rules`,
  notFound: securityGroupNotFound,
  create: async (wishes) => createSecurityGroups(wishes as readonly NewSecurityGroup[]),
  update: async (id, wish) => updateSecurityGroup(id, wish as SecurityGroupChanges),
  delete: deleteSecurityGroup,
};
