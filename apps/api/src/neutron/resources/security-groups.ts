import {
  createSecurityGroups,
  deleteSecurityGroup,
  ensureDefaultGroup,
  NewSecurityGroup,
  SecurityGroupChanges,
  securityGroupNotFound,
  updateSecurityGroup,
} from '@plumbline/domain';
import { bool, text } from '../types/attribute-types.js';
import { present } from '../present.js';
import type { Resource, Row } from '../resource.js';
import { securityGroupRules } from './security-group-rules.js';
import { isOpened, shared, sharedWith } from './shared.js';
import { head, name, SHOWN, tail } from './standard.js';

/** Only policies share a group: nobody sets this. */
const {
  post: _post,
  write: _write,
  default: _default,
  ...isShared
} = shared('Whether a policy opens it to your project.');

export const securityGroups: Resource = {
  name: 'security_group',
  collection: 'security_groups',
  segment: 'security-groups',
  kind: 'securitygroup',
  visible: (project) => isOpened('o.id', project),
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
      shownAs: SHOWN.objects,
      show: (row, viewer) =>
        (row['rules'] as readonly Row['doc'][]).map((doc) =>
          present(securityGroupRules, { id: String(doc['id']), doc }, viewer, null),
        ),
      about: 'Its rules.',
    },
    isShared,
    ...tail,
  ],
  from: 'plumbline.security_groups o',
  columns: `${sharedWith}, (SELECT coalesce(jsonb_agg(r.doc ORDER BY (r.set_at ->> 'securitygrouprule')::bigint), '[]')
    FROM plumbline.security_group_rules r WHERE r.doc @> jsonb_build_object('securityGroupId', o.id)) AS rules`,
  notFound: securityGroupNotFound,
  create: async (wishes) => createSecurityGroups(wishes as readonly NewSecurityGroup[]),
  update: async (id, wish) => updateSecurityGroup(id, wish as SecurityGroupChanges),
  delete: deleteSecurityGroup,
};
