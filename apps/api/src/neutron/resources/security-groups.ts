import {
  createSecurityGroups,
  deleteSecurityGroup,
  ensureDefaultGroup,
  securityGroupNotFound,
  updateSecurityGroup,
} from '@plumbline/domain';
import { read } from '../computed/computed.js';
import { bool, text } from '../types/attribute-types.js';
import { present } from '../present.js';
import { type Row, table } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import { securityGroupRules } from './security-group-rules.js';
import { isOpened, isShared, sharedWith } from './shared.js';
import { head, name, partsChange, SHOWN, tailWithParts } from './standard.js';

/** In the order in which they were made, which the database knows. */
const RULES = read(
  (tables) => `(SELECT coalesce(jsonb_agg(r.doc ORDER BY (r.set_at ->> 'securitygrouprule')::bigint), '[]')
    FROM ${tables.of('securitygrouprule')} r WHERE r.doc @> jsonb_build_object('securityGroupId', o.id))`,
);

const attributes = table([
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
  // A group is shared by RBAC policies only: no request sets this attribute.
  isShared('Whether a policy opens it to your project.'),
  ...tailWithParts('securitygroup'),
]);

export const securityGroups: Resource = declare({
  name: 'security_group',
  collection: 'security_groups',
  segment: 'security-groups',
  kind: 'securitygroup',
  visible: (seeing) => isOpened('o.id', seeing),
  tagged: true,
  before: ensureDefaultGroup,
  about: 'Rules for the ports that are in it. Each project has one of the name default.',
  attributes,
  columns: { ...partsChange('securitygroup'), ...sharedWith, rules: RULES },
  notFound: securityGroupNotFound,
  create: async (inputs) => createSecurityGroups(inputs),
  update: async (id, input) => updateSecurityGroup(id, input),
  delete: deleteSecurityGroup,
});
