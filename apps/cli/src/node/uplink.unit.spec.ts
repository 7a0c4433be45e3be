import { describe, expect, it } from '@jest/globals';
import { type Found, planUplink, sessionOf } from './uplink.js';

const link = (name: string, more: Partial<Found['links'][number]> = {}) => ({
  ...{ name, kind: '', on: null, master: null },
  ...more,
});
const machine: Found = {
  links: [
    ...[link('lo', { kind: 'loopback' }), link('eth0'), link('eth0.7', { kind: 'vlan', on: 'eth0' }), link('eth1')],
    ...[link('eth2', { master: 'bond0' }), link('bond0'), link('br0'), link('tap1', { kind: 'veth', on: 'eth1' })],
  ],
  addresses: [
    { device: 'eth0', address: '10.20.0.11', prefixLength: 24 },
    { device: 'eth0.7', address: '2001:db8::11', prefixLength: 64 },
    { device: 'tap1', address: '10.0.0.1', prefixLength: 24 },
  ],
  defaultRoutes: [{ device: 'eth0.7', via: '2001:db8::1' }],
  session: { client: '10.20.0.9', server: '10.20.0.11', device: 'eth0' },
  bridges: [
    { name: 'br-int', datapathType: 'system', ports: ['tap9'] },
    { name: 'br-ex', datapathType: 'system', ports: ['own0', 'eth3'] },
    { name: 'br-user', datapathType: 'netdev', ports: [] },
  ],
};
const plan = (bridge: string, uplink: string, found = machine) =>
  planUplink({ bridge, uplink, datapathType: 'system' }, found);

describe('an uplink', () => {
  it('joins a bridge that keeps its ports, or one that is made', () => {
    expect(plan('br-ex', 'eth1')).toEqual({
      lines: [
        'bridge br-ex is there and stays as it is, with its ports own0, eth3',
        'eth1 becomes a port of it, and is set up with ARP off',
      ],
      dangers: [],
      makesBridge: false,
      addsPort: true,
    });
    expect(plan('br-new', 'eth1')).toMatchObject({ makesBridge: true, addsPort: true, dangers: [] });
    expect(plan('br-ex', 'eth3', { ...machine, links: [...machine.links, link('eth3')] })).toMatchObject({
      addsPort: false,
      dangers: [],
    });
    expect(plan('br-user', 'eth1').lines[2]).toMatch(/^note: br-int has datapath_type system and br-user netdev/);
  });

  it('bears what the machine would lose: routes, the session and addresses, also of interfaces on it', () => {
    expect(plan('br-ex', 'eth0').dangers).toEqual([
      'it bears the default route of this machine, via 2001:db8::1 (by eth0.7)',
      'it bears your own session, SSH from 10.20.0.9 to 10.20.0.11, which would end at once',
      'its address 10.20.0.11/24 would answer nobody',
      'its address 2001:db8::11/64 would answer nobody (by eth0.7)',
    ]);
    // The far end of a veth pair is a device beside it, not one on it.
    expect(plan('br-ex', 'eth1').dangers).toEqual([]);
    // Answers leave by another interface than the one that has the address.
    const session = { client: '10.20.0.9', server: '10.0.0.1', device: 'eth1' };
    expect(plan('br-ex', 'eth1', { ...machine, session }).dangers).toEqual([
      'it bears your own session, SSH from 10.20.0.9 to 10.0.0.1, which would end at once',
    ]);
  });

  it.each([
    ['br-int', 'eth1', "a bridge of the OVS agent's own"],
    ['br-ex', 'eth9', 'there is no interface eth9'],
    ['br-ex', 'tap9', 'tap9 is a port of bridge br-int: take it off there first'],
    ['br-ex', 'br-user', 'br-user is a bridge, not an interface'],
    ['br-ex', 'lo', 'leads nowhere'],
    ['br-ex', 'eth2', 'eth2 belongs to bond0: name that as the uplink'],
    ['br0', 'eth1', 'there is an interface br0 that is no Open vSwitch bridge'],
    ['a-name-that-is-too-long', 'eth1', 'at most 15 characters'],
  ])('%s %s is refused whatever the caller says: %s', (bridge, uplink, reason) => {
    const found = { ...machine, links: [...machine.links, link('tap9'), link('br-user')] };
    expect(() => plan(bridge, uplink, found)).toThrow(reason);
  });
});

describe('the session of the caller', () => {
  it('is what sshd says of it; without that, none of a process that nobody logged in for', () => {
    expect(sessionOf({ SSH_CONNECTION: '10.20.0.9 40000 10.20.0.11 22' })).toEqual({
      client: '10.20.0.9',
      server: '10.20.0.11',
    });
    expect(sessionOf({ SSH_CONNECTION: 'fe80::9%eth0 40000 fe80::11%eth0 22' })).toEqual({
      client: 'fe80::9',
      server: 'fe80::11',
    });
    expect(sessionOf({}, 1)).toBeNull();
    expect(sessionOf({ SSH_CONNECTION: '' }, 0)).toBeNull();
  });
});
