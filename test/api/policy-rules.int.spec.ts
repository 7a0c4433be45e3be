/**
 * Rules of the reference's default policy that depend on values, or on the owner of another object: the declaration of an attribute cannot express them, so they
 * are tested one by one (neutron/conf/policies of the reference).
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Fields, type Persona, PolicyWorld } from './policy-world.js';

let world: PolicyWorld;
const named: Record<string, string> = {};
beforeAll(async () => {
  world = await PolicyWorld.start();
  const { make } = world;
  const as = make.bind(world);
  const ofB = { project_id: world.projectOf('other') };
  named['outside'] = await as('admin', 'networks', 'network', { 'router:external': true });
  named['outside subnet'] = await as('admin', 'subnets', 'subnet', {
    network_id: named['outside'],
    ip_version: 4,
    cidr: '203.0.113.0/24',
  });
  named['shared'] = await as('admin', 'networks', 'network', { ...ofB, shared: true });
  named['shared subnet'] = await as('other', 'subnets', 'subnet', {
    network_id: named['shared'],
    ip_version: 4,
    cidr: '10.50.0.0/24',
    // The API allocates from these: the rules below name other addresses.
    allocation_pools: [{ start: '10.50.0.2', end: '10.50.0.60' }],
  });
  named['mine'] = await as('owner', 'networks', 'network', {});
  named['my subnet'] = await as('owner', 'subnets', 'subnet', {
    network_id: named['mine'],
    ip_version: 4,
    cidr: '10.51.0.0/24',
    allocation_pools: [{ start: '10.51.0.2', end: '10.51.0.60' }],
  });
  named['my port'] = await as('owner', 'ports', 'port', { network_id: named['mine'] });
  named['my port on shared'] = await as('owner', 'ports', 'port', { network_id: named['shared'] });
  named['my router'] = await as('owner', 'routers', 'router', {});
  named['my pool'] = await as('owner', 'subnetpools', 'subnetpool', { prefixes: ['10.60.0.0/16'], name: 'p' });
  named['my group'] = await as('owner', 'security-groups', 'security_group', { name: 'g' });
});
afterAll(() => world?.stop());

type Rule = readonly [who: Persona, does: string, body: () => Fields, status: number];
const on = (name: string): string => named[name] as string;
const port =
  (network: string, more: () => Fields = () => ({})) =>
  () => ({ port: { network_id: on(network), ...more() } });
const gateway = (more: () => Fields) => () => ({
  router: { external_gateway_info: { network_id: on('outside'), ...more() } },
});
const policy = (more: () => Fields) => () => ({
  rbac_policy: {
    object_type: 'network',
    object_id: on('mine'),
    action: 'access_as_shared',
    target_tenant: 'x',
    ...more(),
  },
});

const RULES: readonly Rule[] = [
  ['owner', 'POST subnets', () => ({ subnet: { network_id: on('shared'), ip_version: 4, cidr: '10.52.0.0/24' } }), 403],
  [
    'owner',
    'POST subnets',
    () => ({ subnet: { network_id: on('outside'), ip_version: 4, cidr: '10.53.0.0/24' } }),
    403,
  ],
  ['owner', 'PUT subnets/shared subnet', () => ({ subnet: { name: 'x' } }), 403],
  ['owner', 'DELETE networks/shared', () => ({}), 403],
  ['owner', 'POST ports', port('shared'), 201],
  ['owner', 'POST ports', port('shared', () => ({ fixed_ips: [{ subnet_id: on('shared subnet') }] })), 201],
  ['owner', 'POST ports', port('shared', () => ({ fixed_ips: [{ ip_address: '10.50.0.77' }] })), 403],
  [
    'owner',
    'POST ports',
    port('shared', () => ({ fixed_ips: [{ subnet_id: on('shared subnet'), ip_address: '10.50.0.78' }] })),
    403,
  ],
  ['owner', 'POST ports', port('shared', () => ({ device_owner: 'network:dhcp' })), 403],
  ['owner', 'POST ports', port('shared', () => ({ device_owner: 'compute:nova' })), 201],
  ['owner', 'POST ports', port('shared', () => ({ mac_address: 'fa:16:3e:11:22:33' })), 403],
  ['owner', 'POST ports', port('shared', () => ({ port_security_enabled: false })), 403],
  ['owner', 'POST ports', port('shared', () => ({ allowed_address_pairs: [{ ip_address: '10.0.0.9' }] })), 403],
  ['owner', 'POST ports', port('mine', () => ({ fixed_ips: [{ ip_address: '10.51.0.77' }] })), 201],
  ['owner', 'POST ports', port('mine', () => ({ device_owner: 'network:dhcp' })), 201],
  ['owner', 'PUT ports/my port on shared', () => ({ port: { fixed_ips: [{ ip_address: '10.50.0.99' }] } }), 403],
  ['owner', 'PUT ports/my port on shared', () => ({ port: { port_security_enabled: false } }), 403],
  ['owner', 'PUT ports/my port on shared', () => ({ port: { device_owner: 'network:dhcp' } }), 403],
  ['owner', 'PUT ports/my port on shared', () => ({ port: { name: 'x' } }), 200],
  ['other', 'PUT ports/my port on shared', () => ({ port: { name: 'x' } }), 403],
  ['owner', 'PUT routers/my router', gateway(() => ({})), 200],
  ['owner', 'PUT routers/my router', gateway(() => ({ enable_snat: false })), 403],
  ['owner', 'PUT routers/my router', gateway(() => ({ external_fixed_ips: [{ ip_address: '203.0.113.9' }] })), 403],
  ['owner', 'POST routers', gateway(() => ({ enable_snat: false })), 403],
  ['admin', 'PUT routers/my router', gateway(() => ({ enable_snat: false })), 200],
  ['owner', 'PUT routers/my router/add_router_interface', () => ({ subnet_id: on('my subnet') }), 200],
  ['owner', 'POST floatingips', () => ({ floatingip: { floating_network_id: on('outside') } }), 201],
  ['owner', 'POST floatingips', () => ({ floatingip: { floating_network_id: on('mine') } }), 400],
  ['owner', 'POST rbac-policies', policy(() => ({})), 201],
  ['owner', 'POST rbac-policies', policy(() => ({ target_tenant: '*' })), 403],
  ['owner', 'POST rbac-policies', policy(() => ({ action: 'access_as_external', target_tenant: 'y' })), 403],
  ['admin', 'POST rbac-policies', policy(() => ({ target_tenant: '*' })), 201],
  ['reader', 'PUT networks/mine', () => ({ network: { name: 'x' } }), 403],
  [
    'reader',
    'POST security-group-rules',
    () => ({ security_group_rule: { security_group_id: on('my group'), direction: 'ingress' } }),
    403,
  ],
  [
    'other',
    'POST security-group-rules',
    () => ({ security_group_rule: { security_group_id: on('my group'), direction: 'ingress' } }),
    404,
  ],
  [
    'other',
    'POST subnets',
    () => ({ subnet: { network_id: on('shared'), ip_version: 4, subnetpool_id: on('my pool') } }),
    404,
  ],
];

describe('rules of the policy', () => {
  it.each(RULES.map((rule, n) => [n, rule[0], rule[1], rule] as const))(
    '%d: %s %s',
    async (_n, who, does, [, , body, status]) => {
      const [method = '', rest = ''] = [does.slice(0, does.indexOf(' ')), does.slice(does.indexOf(' ') + 1)];
      const [collection = '', name, action] = rest.split('/');
      const path = [
        collection,
        ...(name === undefined ? [] : [on(name)]),
        ...(action === undefined ? [] : [action]),
      ].join('/');
      const sent = body();
      const answer = await world.as(who, method, path, method === 'DELETE' ? undefined : sent);
      expect({ sent, ...answer }).toMatchObject({ sent, status });
      if (status === 403) expect(answer.body).toMatchObject({ NeutronError: { type: 'PolicyNotAuthorized' } });
    },
  );
});
