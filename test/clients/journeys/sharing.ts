/** Who sees what: RBAC policies, and two projects of one cloud, with `openstack`. */
import type { Journey, Step } from '../journey.js';

const member = (run: string, more: Omit<Step, 'run' | 'only'> = {}): Step => ({
  run,
  at: 'member',
  only: 'builtin',
  ...more,
});

export const sharing: Journey = [
  { run: 'network create private', as: 'private' },
  member('network list', { column: ['Name', []] }),
  member('network show private', { fails: /No Network found for private/ }),
  {
    run: 'network rbac create --type network --action access_as_shared --target-all-projects private',
    as: 'all',
    shows: { object_type: 'network', object_id: '{private.id}', action: 'access_as_shared', target_project_id: '*' },
  },
  {
    run: 'network rbac list --long',
    has: [{ ID: '{all.id}', 'Object ID': '{private.id}', 'Object Type': 'network', Action: 'access_as_shared' }],
  },
  { run: 'network rbac list --type network --action access_as_shared', column: ['ID', ['{all.id}']] },
  { run: 'network show private', shows: { shared: true } },
  member('network list', { column: ['Name', ['private']] }),
  member('network set private --name mine', { fails: /HttpException: 403|disallowed by policy|Forbidden/ }),
  { run: 'network rbac delete {all.id}' },
  { run: 'network show private', shows: { shared: false } },
  { run: 'network rbac list', column: ['ID', []] },
  member('network list', { column: ['Name', []] }),
  { run: 'network set private --share' },
  { run: 'network rbac list', as: 'rbac', column: ['Object ID', ['{private.id}']] },
  member('network show private', { shows: { name: 'private', shared: true } }),
  { run: 'network set private --no-share' },
  { run: 'network rbac list', column: ['ID', []] },

  { run: 'security group create common', as: 'common' },
  {
    run: 'network rbac create --type security_group --action access_as_shared --target-project lab common',
    only: 'builtin',
    as: 'policy',
    shows: { object_type: 'security_group', object_id: '{common.id}' },
  },
  member('security group show common', { shows: { id: '{common.id}' } }),
  { run: 'network rbac delete {policy.id}', only: 'builtin' },
  member('security group show common', { fails: /No SecurityGroup found for common/ }),
  { run: 'security group delete common' },

  member('network create ext --external', { fails: /disallowed by policy/ }),
  member('network create vlan --provider-network-type vlan', { fails: /disallowed by policy/ }),
  member('network create mine', { as: 'mine', shows: { name: 'mine' } }),
  member('network agent list', { column: ['ID', []] }),
  { run: 'network list', only: 'builtin', column: ['Name', ['private', 'mine']] },
  { run: 'network list --project lab', only: 'builtin', column: ['Name', ['mine']] },
  { run: 'network create theirs --project lab', only: 'builtin' },
  member('network list', { column: ['Name', ['mine', 'theirs']] }),
  member('network delete mine theirs'),
  { run: 'network delete private' },
];
