import { describe, expect, test } from '@jest/globals';
import { hints } from './hints.js';
import { tapName } from './plugging.js';
import { apiPermissions, natsConfiguration, newNkeyPair, nodePermissions } from '@plumbline/nats-logins';
import { domainXml } from './domain.js';
import { foreignDatabase } from './postgres.js';
import { labSpec } from './spec.js';
import { newLabState } from './state.js';

describe('the lab’s names', () => {
  test('the first lab owns the plain ones, a second differs in all that shows on the host', () => {
    const first = labSpec({ projectDir: '/p' });
    const second = labSpec({ projectDir: '/p', name: 'two' });
    expect([first.hostLink, first.stateDir]).toEqual(['plumb-host', '/p/.plumb/lab']);
    expect([second.hostLink, second.stateDir]).toEqual(['plumb-two', '/p/.plumb/two']);
  });

  test.each(['', 'Lab', '1st', 'a-b', '../x', 'abcdefghij'])('%j is not a lab’s name', (name) => {
    expect(() => labSpec({ projectDir: '/p', name })).toThrow(/a lab's name is/);
  });

  test('an instance’s device is named as the reference does', () => {
    expect(tapName('a76fe8c8-cb74-4fff-aa58-42797fa7ecb9')).toBe('tapa76fe8c8-cb');
  });
});

describe('NATS logins', () => {
  test('a node’s list names its own subjects, and no wildcard but for the process of the API that it answers', () => {
    const { publish, subscribe } = nodePermissions('cmp1', ['compute', 'network']);
    const named = [...publish.map((each) => each.replace(/^(plumb\.v1\.answer\..*)\.\*$/, '$1')), ...subscribe];
    expect(named.filter((subject) => !subject.includes('.cmp1') || /[*>]/.test(subject))).toEqual([]);
  });

  test('a node asks for the data of instances only where it may carry routers or networks', () => {
    const asks = (roles: readonly string[]) => {
      const { publish, subscribe } = nodePermissions('cmp1', roles);
      return [publish.includes('plumb.v1.instance-ask.cmp1'), subscribe.includes('plumb.v1.instances.cmp1')];
    };
    expect(asks(['compute'])).toEqual([false, false]);
    expect(asks(['network'])).toEqual([true, true]);
  });

  test('the configuration holds public keys only', () => {
    const pair = newNkeyPair();
    const text = natsConfiguration('0.0.0.0:4222', [{ publicKey: pair.publicKey, ...apiPermissions() }]);
    expect(text).toContain(`nkey: ${pair.publicKey}`);
    expect(text).not.toContain(pair.seed);
    expect(text).not.toMatch(/jetstream/i);
  });
});

test('DATABASE_URL alone is one login for both roles', () => {
  const [one, other] = ['postgresql://a:b@h/d', 'postgres://c:d@h/d'];
  expect(foreignDatabase({})).toBeNull();
  expect(foreignDatabase({ DATABASE_URL: one })).toEqual({ serviceUrl: one, migrationUrl: one });
  const both = { DATABASE_URL: one, DATABASE_MIGRATION_URL: other };
  expect(foreignDatabase(both)).toEqual({ serviceUrl: one, migrationUrl: other });
});

test.each([
  ['DATABASE_URL', { DATABASE_URL: 'foo' }],
  ['DATABASE_URL', { DATABASE_URL: '' }],
  ['DATABASE_MIGRATION_URL', { DATABASE_URL: 'postgres://h/d', DATABASE_MIGRATION_URL: 'mysql://h/d' }],
])('what is no PostgreSQL URL is named: %s of %j', (name, env) => {
  expect(() => foreignDatabase(env)).toThrow(`${name} is not postgresql://`);
});

test('the hints name the lab’s own port and address', () => {
  const state = { ...newLabState('x'), apiUrl: 'http://127.0.0.1:9700', floatingIp: '10.255.253.20' };
  const text = hints(labSpec({ projectDir: '/p', name: 'two' }), state).join('\n');
  expect(text).toContain('lab --name two token)" http://127.0.0.1:9700/v2.0/floatingips');
  expect(text).toContain('  export OS_CLIENT_CONFIG_FILE=/p/.plumb/clouds/two.yaml');
  expect(text).toContain('  openstack --os-cloud plumbline-two network list');
  expect(text).toContain('  openstack --os-cloud plumbline-two-demo network create mine');
  expect(text).toContain('lab --name two exec outside -- ping -c 3 10.255.253.20');
  expect(text).toContain('plumb -- doctor --lab two floating-ip 10.255.253.20');
  expect(text).toContain('plumb -- why --lab two 10.255.253.20');
});

describe('a guest’s definition', () => {
  const guest = {
    ...{ name: 'vm1', kernel: '/k', initrd: '/i', portId: 'p', mac: 'fa:16:3e:00:00:01', mtuBytes: 1450 },
    ...{ bridge: null, device: 'tap1', offloads: true, environment: { PLUMB_LAB_ID: 'x' } },
  };

  test('is plugged by libvirt itself, or where os-vif made a bridge into that', () => {
    expect(domainXml(guest)).toContain(`<virtualport type='openvswitch'><parameters interfaceid='p'/></virtualport>`);
    const hybrid = domainXml({ ...guest, bridge: 'qbr1' });
    expect(hybrid).toContain(`<source bridge='qbr1'/>`);
    expect(hybrid).not.toContain('virtualport');
  });

  test('is the same domain when it is defined once more', () => {
    expect(domainXml(guest)).toContain('<uuid>p</uuid>');
  });

  test('offers its guest no offload where the switch does none', () => {
    expect(domainXml(guest)).not.toContain('csum');
    expect(domainXml({ ...guest, offloads: false })).toMatch(/<host csum='off'.*<guest csum='off'/s);
  });
});
