/** What an administrator does with `openstack`: agents, routers on agents, extensions, zones, limits. */
import { expect } from '@jest/globals';
import type { Journey } from '../journey.js';

export const operations: Journey = [
  {
    run: 'network agent list',
    column: ['Host', ['net1', 'net1', 'net2', 'net2']],
    has: [{ 'Agent Type': 'L3 agent', Alive: true, State: true, Host: 'net1' }],
  },
  { run: 'network agent list --host net2', column: ['Agent Type', ['L3 agent', 'Open vSwitch agent']] },
  { run: 'network agent list --agent-type l3 --host net1', as: 'l3on1', column: ['Host', ['net1']] },
  { run: 'network agent list --agent-type l3 --host net2', as: 'l3on2', column: ['Host', ['net2']] },
  {
    run: 'network agent show {l3on1.0.ID}',
    shows: {
      host: 'net1',
      agent_type: 'L3 agent',
      alive: true,
      admin_state_up: true,
      started_at: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
    },
  },
  { run: 'network agent set {l3on1.0.ID} --disable --description resting' },
  { run: 'network agent show {l3on1.0.ID}', shows: { admin_state_up: false, description: 'resting' } },

  { run: 'network create ext --external --provider-network-type flat --provider-physical-network physnet1', as: 'ext' },
  { run: 'subnet create ext-subnet --network ext --subnet-range 10.200.0.0/24 --no-dhcp' },
  { run: 'router create r1 --external-gateway ext', as: 'r1' },
  { run: 'network agent list --router r1', column: ['Host', ['net2']] },
  { run: 'network agent set {l3on1.0.ID} --enable' },
  { run: 'network agent show {l3on1.0.ID}', shows: { admin_state_up: true } },
  // The client reads no answer to this one: it is refused, and the router stays where it is.
  { run: 'network agent add router --l3 {l3on1.0.ID} r1' },
  { run: 'network agent list --router r1', column: ['Host', ['net2']] },
  { run: 'network agent remove router --l3 {l3on2.0.ID} r1' },
  { run: 'network agent list --router r1', column: ['Host', []] },
  { run: 'network agent add router --l3 {l3on1.0.ID} r1' },
  { run: 'network agent list --router r1', column: ['Host', ['net1']] },
  { run: 'router list --agent {l3on1.0.ID}', column: ['Name', ['r1']] },
  { run: 'router list --agent {l3on2.0.ID}', column: ['Name', []] },
  { run: 'network agent remove router --l3 {l3on2.0.ID} r1' },
  { run: 'network agent list --router r1', column: ['Host', ['net1']] },
  { run: 'network agent show 00000000-0000-4000-8000-000000000000', fails: /No Agent found|could not be found/ },

  { run: 'availability zone list --network', has: [{ 'Zone Name': 'nova', 'Zone Status': 'available' }] },
  {
    run: 'extension list --network',
    as: 'extensions',
    has: [
      'router',
      'external-net',
      'agent',
      'quotas',
      'security-group',
      'standard-attr-tag',
      'rbac-policies',
      'port-security',
      'floating-ip-port-forwarding',
    ].map((Alias) => ({ Alias })),
  },
  { run: 'extension show external-net', shows: { alias: 'external-net', name: 'Neutron external network' } },
  { run: 'extension show bogus', fails: /No Extension found for bogus/ },
  { run: 'network service provider list', as: 'providers' },
  { run: 'network flavor list', column: ['ID', []] },
  { run: 'network segment list --network ext', as: 'segments', column: ['Network Type', ['flat']] },
  { run: 'network segment show {segments.0.ID}', shows: { physical_network: 'physnet1', network_id: '{ext.id}' } },

  { run: 'network loggable resources list', column: ['Supported types', ['security_group']] },
  { run: 'security group create logged', as: 'logged' },
  {
    run: 'network log create drops --resource-type security_group --resource logged --event DROP',
    shows: {
      Enabled: true,
      Event: 'DROP',
      Name: 'drops',
      Resource: '{logged.id}',
      Target: null,
      Type: 'security_group',
    },
  },
  { run: 'network log create all --resource-type security_group', fails: /resource_id/ },
  { run: 'network log create none --resource-type router --resource r1', fails: /Invalid log resource_type: router/ },
  { run: 'network log list', column: ['Name', ['drops']] },
  { run: 'network log set drops --disable --name rests' },
  { run: 'network log show rests', shows: { Enabled: false } },
  { run: 'network log delete rests' },
  { run: 'network log list', column: ['Name', []] },
  { run: 'security group delete logged' },

  { run: 'router delete r1' },
  { run: 'network delete ext' },
];
