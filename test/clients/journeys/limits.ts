/** Limits of a project: shown, set, reached. By `neutron`, whose commands ask for nothing but the Networking API, and what `openstack` 6.0.0 can do. */
import { expect } from '@jest/globals';
import type { Journey } from '../journey.js';

export const limits: Journey = [
  { run: 'quota-default-show', as: 'default', shows: { network: expect.any(Number), port: expect.any(Number) } },
  { run: 'quota-show', shows: { network: '{default.network}' } },
  { run: 'quota-list', column: ['project_id', []] },
  { run: 'net-create first', as: 'first' },
  { run: 'quota-update --network 1 --port -1', shows: { network: 1, port: -1 } },
  { run: 'quota-show', shows: { network: 1, port: -1 } },
  { run: 'quota-list', column: ['project_id', ['{first.project_id}']] },
  { run: 'net-create second', fails: /Quota exceeded for resources: \['network'\]/ },
  { run: 'net-show second', fails: /Unable to find network with name or id 'second'/ },
  { run: 'quota-update --network -2', fails: /-2/ },
  { run: 'net-delete first' },
  { run: 'net-create second' },
  { run: 'quota-delete' },
  { run: 'quota-show', shows: { network: '{default.network}' } },
  { run: 'net-create third' },
  { run: 'net-delete second third' },
];

/** Of `quota` only the listing asks the Networking API alone; `show` and `set` want compute and volume services in the catalogue. */
export const limitsOfProjects: Journey = [
  { run: 'network create one', as: 'one' },
  { run: 'quota list --network', only: 'builtin', column: ['Project ID', []] },
  { run: 'quota-update --network 1 --tenant-id {one.project_id}', at: 'neutron', shows: { network: 1 } },
  { run: 'quota list --network', only: 'builtin', has: [{ 'Project ID': '{one.project_id}', Networks: 1 }] },
  {
    run: 'quota list --network --detail',
    only: 'builtin',
    has: [{ Resource: 'networks', 'In Use': 1, Reserved: 0, Limit: 1 }],
  },
  { run: 'network create two', fails: /Quota exceeded for resources: \['network'\]/ },
  { run: 'quota show', only: 'builtin', fails: /endpoint for compute service in RegionOne region not found/ },
  { run: 'quota-delete --tenant-id {one.project_id}', at: 'neutron' },
  { run: 'network create two' },
  { run: 'network delete one two' },
];
