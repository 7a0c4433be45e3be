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
  ['owner', 'POST rbac-policies', policy(() => ({ action: 'access_as_external', target_tenant: 'y' })), 201],
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

/** Tries what `does` says (a method and a path, with names for ids) and compares the status. */
async function answersWith(who: Persona, does: string, sent: Fields, status: number): Promise<void> {
  const [method = '', rest = ''] = [does.slice(0, does.indexOf(' ')), does.slice(does.indexOf(' ') + 1)];
  const [collection = '', name, action] = rest.split('/');
  const path = [collection, ...(name === undefined ? [] : [on(name)]), ...(action === undefined ? [] : [action])].join(
    '/',
  );
  const answer = await world.as(who, method, path, method === 'DELETE' ? undefined : sent);
  expect({ sent, ...answer }).toMatchObject({ sent, status });
  if (status === 403) expect(answer.body).toMatchObject({ NeutronError: { type: 'PolicyNotAuthorized' } });
}

describe('rules of the policy', () => {
  it.each(RULES.map((rule, n) => [n, rule[0], rule[1], rule] as const))(
    '%d: %s %s',
    (_n, who, does, [, , body, status]) => answersWith(who, does, body(), status),
  );
});

describe('the owner of a shared network', () => {
  const forward = (more: () => Fields) => () => ({
    port_forwarding: { protocol: 'tcp', external_port: 2222, internal_port: 22, ...more() },
  });
  const inside = (name: string) => forward(() => ({ internal_port_id: on(name), internal_ip_address: ips[name] }));
  const associate = (name: string) => () => ({ floatingip: { port_id: on(name) } });
  const outsideTo = (name: string) => () => ({
    floatingip: { floating_network_id: on('outside'), port_id: on(name) },
  });
  const ips: Record<string, string> = {};

  beforeAll(async () => {
    const theirs = (path: string, name: string, fields: Fields) => world.make('other', path, name, fields);
    const network = { network_id: named['shared'] };
    named['their router'] = await theirs('routers', 'router', { external_gateway_info: { network_id: on('outside') } });
    const added = await world.as('other', 'PUT', `routers/${on('their router')}/add_router_interface`, {
      subnet_id: on('shared subnet'),
    });
    expect(added.status).toBe(200);
    named['their interface'] = (added.body as { port_id: string }).port_id;
    named['their port'] = await theirs('ports', 'port', network);
    named['their DHCP port'] = await theirs('ports', 'port', { ...network, device_owner: 'network:dhcp' });
    for (const floating of ['their address', 'their other address'])
      named[floating] = await theirs('floatingips', 'floatingip', { floating_network_id: on('outside') });
    for (const name of ['my port on shared', 'their port', 'their DHCP port', 'their interface']) {
      const { body } = await world.as('admin', 'GET', `ports/${on(name)}`);
      ips[name] = (body as { port: { fixed_ips: { ip_address: string }[] } }).port.fixed_ips[0]?.ip_address as string;
    }
  });

  // A guest's instance, and what serves the network itself: 400, whatever leads there. The last rows show that the way is open otherwise.
  const WAYS: readonly (readonly [does: string, body: (name: string) => () => Fields])[] = [
    ['POST floatingips', outsideTo],
    ['PUT floatingips/their address', associate],
    ['POST floatingips/their address/port_forwardings', inside],
    ['POST routers/their router/port_forwardings', inside],
  ];
  const TARGETS = ['my port on shared', 'their DHCP port', 'their interface'];
  const LEADS: readonly Rule[] = [
    ...TARGETS.flatMap((name) => WAYS.map(([does, body]): Rule => ['other', does, body(name), 400])),
    ...TARGETS.slice(1).flatMap((name) => WAYS.map(([does, body]): Rule => ['admin', does, body(name), 400])),
    ['other', 'PUT routers/their router/add_router_interface', () => ({ port_id: on('my port on shared') }), 403],
    ['other', 'POST floatingips/their address/port_forwardings', inside('their port'), 201],
    ['other', 'PUT ports/their port', () => ({ port: { device_owner: 'network:dhcp' } }), 400],
    ['other', 'PUT ports/their port', () => ({ port: { device_owner: 'compute:nova' } }), 200],
    ['admin', 'PUT floatingips/their other address', associate('my port on shared'), 200],
    ['other', 'PUT floatingips/their other address', () => ({ floatingip: { port_id: null } }), 200],
  ];
  it.each(LEADS.map((rule, n) => [n, rule[0], rule[1], rule] as const))(
    'leads traffic where its own project is, %d: %s %s',
    (_n, who, does, [, , body, status]) => answersWith(who, does, body(), status),
  );
});
