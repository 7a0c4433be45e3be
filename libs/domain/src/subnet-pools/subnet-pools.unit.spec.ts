import { describe, expect, it } from '@jest/globals';
import { cidrsOverlap } from '@plumbline/contracts';
import fc from 'fast-check';
import { createAddressScopes, deleteAddressScope, updateAddressScope } from '../address-scopes/address-scopes.js';
import type { Actor } from '../actor.js';
import { createSubnets, deleteSubnet, NewSubnet } from '../subnets/subnets.js';
import { make, subnet } from '../testing/requests.js';
import { World } from '../testing/world.js';
import {
  addPrefixes,
  createSubnetPools,
  deleteSubnetPool,
  NewSubnetPool,
  onboardSubnets,
  removePrefixes,
  updateSubnetPool,
} from './subnet-pools.js';

const pool = (prefixes: readonly string[], request: Partial<NewSubnetPool> = {}): NewSubnetPool => ({
  projectId: 'p',
  name: '',
  description: '',
  prefixes,
  defaultQuota: null,
  addressScopeId: null,
  shared: false,
  isDefault: false,
  ...request,
});
const makePool = (world: World, prefixes: readonly string[], request: Partial<NewSubnetPool> = {}) =>
  world.do(createSubnetPools([pool(prefixes, request)]))[0] as string;
const makeScope = (world: World, ipVersion: 4 | 6 = 4, shared = false) =>
  world.do(createAddressScopes([{ projectId: 'p', name: '', ipVersion, shared }]))[0] as string;
const fromPool = (networkId: string, subnetPoolId: string, prefixLength: number | null = null, projectId = 'p') => ({
  ...subnet(networkId, '0.0.0.0/0'),
  cidr: null,
  subnetPoolId,
  prefixLength,
  projectId,
});
const cidrOf = (world: World, ids: readonly string[]) => world.get('subnet', ids[0] as string).cidr;
const member: Actor = { projectId: 'q', role: 'member' };

describe('subnet pools', () => {
  it('merge their prefixes and have the known bounds', () => {
    const world = new World();
    expect(world.get('subnetpool', makePool(world, ['10.11.0.0/16', '10.10.0.0/16', '10.10.7.0/24']))).toMatchObject({
      ipVersion: 4,
      prefixes: ['10.10.0.0/15'],
      minPrefixLength: 8,
      defaultPrefixLength: 8,
      maxPrefixLength: 32,
    });
    expect(world.get('subnetpool', makePool(world, ['fd00::/48']))).toMatchObject({
      ipVersion: 6,
      minPrefixLength: 64,
      maxPrefixLength: 128,
    });
  });

  it.each<[readonly string[], Partial<NewSubnetPool>, RegExp]>([
    [[], {}, /^EmptySubnetPoolPrefixList: Empty subnet pool prefix list\.$/],
    [['10.0.0.0/8', 'fd00::/48'], {}, /^PrefixVersionMismatch: Cannot mix IPv4 and IPv6 prefixes in a subnet pool\.$/],
    [
      ['10.0.0.0/8'],
      { minPrefixLength: 28, maxPrefixLength: 24 },
      /^IllegalSubnetPoolPrefixBounds.*min_prefixlen=28, max_prefixlen=24/,
    ],
    [['10.0.0.0/8'], { maxPrefixLength: 33 }, /^IllegalSubnetPoolPrefixBounds.*max_prefixlen=33, ip_version_max=32/],
    [['10.0.0.0/8'], { minPrefixLength: 24, defaultPrefixLength: 20 }, /default_prefixlen=20, min_prefixlen=24/],
  ])('refuse %j %j', (prefixes, request, reason) => {
    expect(new World().refusal(createSubnetPools([pool(prefixes, request)]))).toMatch(reason);
  });

  it('give prefixes of any size and specific ones, within their bounds', () => {
    const world = new World();
    const id = makePool(world, ['10.10.0.0/16'], { minPrefixLength: 24, defaultPrefixLength: 26, maxPrefixLength: 28 });
    const net = () => make.network(world);
    const net1 = net();
    expect(cidrOf(world, world.do(createSubnets([fromPool(net1, id)])))).toBe('10.10.0.0/26');
    expect(cidrOf(world, world.do(createSubnets([fromPool(net1, id, 25)])))).toBe('10.10.0.128/25');
    expect(cidrOf(world, world.do(createSubnets([fromPool(net1, id, 28)])))).toBe('10.10.0.64/28');
    const specific = { ...fromPool(net1, id), cidr: '10.10.9.0/24' };
    const [made] = world.do(createSubnets([specific]));
    expect(world.get('subnet', made as string)).toMatchObject({ subnetPoolId: id, gatewayIp: '10.10.9.1' });
    expect(world.refusal(createSubnets([{ ...specific, networkId: net(), cidr: '10.10.9.128/25' }]))).toBe(
      'SubnetAllocationError: Failed to allocate subnet: Cannot allocate requested subnet from the available set of prefixes.',
    );
    expect(world.refusal(createSubnets([fromPool(net1, id, 30)]))).toBe(
      'MaxPrefixSubnetAllocationError: Unable to allocate subnet with prefix length 30, maximum allowed prefix is 28.',
    );
    expect(world.refusal(createSubnets([fromPool(net1, id, 20)]))).toMatch(/^MinPrefixSubnetAllocationError/);
    expect(world.refusal(deleteSubnetPool(id))).toMatch(/^SubnetPoolDeleteError: .*existing allocations/);
    world.heldClaims();
  });

  it.each<[Partial<NewSubnet>, RegExp]>([
    [{ subnetPoolId: null }, /a subnetpool must be specified in the absence of a cidr/],
    [{ cidr: '10.0.0.0/24', prefixLength: 24 }, /cidr and prefixlen must not be supplied together/],
    [{ useDefaultPool: true }, /subnetpool_id and use_default_subnetpool cannot both be specified/],
    [{ subnetPoolId: null, useDefaultPool: true }, /No default subnetpool found for IPv4/],
    [{ ipVersion: 6 }, /Cannot allocate IPv6 subnet from IPv4 subnet pool/],
    [{ allocationPools: [{ start: '10.0.0.2', end: '10.0.0.3' }] }, /allocation_pools allowed only for specific/],
  ])('refuse a subnet of %j', (request, reason) => {
    const world = new World();
    const id = makePool(world, ['10.0.0.0/8'], { defaultPrefixLength: 24 });
    expect(world.refusal(createSubnets([{ ...fromPool(make.network(world), id), ...request }]))).toMatch(reason);
  });

  it('are never given twice whatever comes and goes, and all of a pool can be used', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 26, max: 30 })), { maxLength: 25 }), (moves) => {
        const world = new World();
        const id = makePool(world, ['10.0.0.0/25', '10.0.1.0/26']);
        const live: string[] = [];
        const take = (length: number) =>
          live.push(...world.do(createSubnets([fromPool(make.network(world), id, length)])));
        for (const [move, length] of moves) {
          if (move === 0 && live.length > 0) world.do(deleteSubnet(live.splice(length % live.length, 1)[0] as string));
          else
            try {
              take(length);
            } catch (error) {
              expect(String(error)).toMatch(/Insufficient prefix space/);
            }
        }
        live.forEach((one, n) => {
          for (const other of live.slice(n + 1))
            expect(cidrsOverlap(world.get('subnet', one).cidr, world.get('subnet', other).cidr)).toBe(false);
        });
        const used = live.reduce(
          (sum, one) => sum + 2 ** (32 - Number(world.get('subnet', one).cidr.split('/')[1])),
          0,
        );
        for (let left = (128 + 64 - used) / 4; left > 0; left -= 1) take(30);
        expect(world.refusal(createSubnets([fromPool(make.network(world), id, 30)]))).toMatch(
          /^SubnetAllocationError: .*Insufficient prefix space to allocate subnet size \/30/,
        );
        world.heldClaims();
      }),
      { numRuns: 30 },
    );
  });

  it('hold a project to its quota', () => {
    const world = new World();
    const id = makePool(world, ['10.0.0.0/8'], { defaultQuota: 512, defaultPrefixLength: 24 });
    const take = (projectId: string, length: number) =>
      createSubnets([fromPool(make.network(world), id, length, projectId)]);
    world.do(take('a', 24));
    world.do(take('a', 25));
    expect(world.refusal(take('a', 24))).toBe('SubnetPoolQuotaExceeded: Per-tenant subnet pool prefix quota exceeded.');
    world.do(take('b', 24));
    world.do(take('a', 25));
    world.do(updateSubnetPool(id, { defaultQuota: 0 }));
    world.do(take('a', 24));
    const two = [fromPool(make.network(world), id, 24, 'c'), fromPool(make.network(world), id, 24, 'c')];
    world.do(updateSubnetPool(id, { defaultQuota: 512 }));
    world.do(createSubnets(two));
    world.heldClaims();
  });

  it('only grow, but for what no subnet has', () => {
    const world = new World();
    const id = makePool(world, ['10.0.0.0/16'], { defaultPrefixLength: 24 });
    expect(world.refusal(updateSubnetPool(id, { prefixes: ['10.0.0.0/17'] }))).toBe(
      'IllegalSubnetPoolPrefixUpdate: Illegal update to prefixes: Existing prefixes must be a subset of the new prefixes.',
    );
    world.do(updateSubnetPool(id, { prefixes: ['10.0.0.0/15'], defaultPrefixLength: 27 }));
    world.do(createSubnets([fromPool(make.network(world), id)]));
    expect(world.do(addPrefixes(id, ['10.2.0.0/15', '10.9.0.0/16']))).toEqual(['10.0.0.0/14', '10.9.0.0/16']);
    expect(world.do(removePrefixes(id, ['10.2.0.0/15', '172.16.0.0/12']))).toEqual(['10.0.0.0/15', '10.9.0.0/16']);
    expect(world.refusal(removePrefixes(id, ['10.0.0.0/28']))).toMatch(/in use by a subnet/);
    expect(world.do(removePrefixes(id, ['172.16.0.0/12']))).toEqual(['10.0.0.0/15', '10.9.0.0/16']);
    expect(world.refusal(addPrefixes(id, ['fd00::/48']))).toMatch(/^PrefixVersionMismatch/);
  });

  it('are the only one of a network and version; networks on their own prefixes can be taken over', () => {
    const world = new World();
    const [one, other] = [makePool(world, ['10.0.0.0/8']), makePool(world, ['11.0.0.0/8'])];
    const networkId = make.network(world);
    const affinity = /^NetworkSubnetPoolAffinityError: Subnets hosted on the same network must be allocated/;
    world.do(createSubnets([fromPool(networkId, one, 24)]));
    expect(world.refusal(createSubnets([fromPool(networkId, other, 25)]))).toMatch(affinity);
    expect(world.refusal(createSubnets([subnet(networkId, '192.168.0.0/24')]))).toMatch(affinity);
    world.do(createSubnets([subnet(networkId, 'fd00::/64')]));
    const wild = make.network(world);
    const outside = make.subnet(world, wild, '172.16.5.0/24');
    make.subnet(world, wild, '10.0.5.0/24');
    make.subnet(world, wild, 'fd00::/64');
    expect(world.do(onboardSubnets(one, wild)).map(({ cidr }) => cidr)).toEqual(['172.16.5.0/24', '10.0.5.0/24']);
    expect(world.get('subnet', outside).subnetPoolId).toBe(one);
    expect(world.get('subnetpool', one).prefixes).toEqual(['10.0.0.0/8', '172.16.5.0/24']);
    expect(world.refusal(onboardSubnets(one, wild))).toMatch(
      /^IllegalSubnetPoolUpdate: Illegal subnetpool update : Onboarding subnet .*172\.16\.5\.0\/24 conflicts/,
    );
    world.heldClaims();
  });

  it('have one default for an IP version, which whoever sees it may use', () => {
    const world = new World();
    const id = makePool(world, ['10.0.0.0/8'], { isDefault: true, shared: true, defaultPrefixLength: 24 });
    expect(world.refusal(createSubnetPools([pool(['10.0.0.0/8'], { isDefault: true })]))).toMatch(
      /^InvalidInput: .*A default subnetpool for this IP family has already been set/,
    );
    makePool(world, ['fd00::/48'], { isDefault: true });
    const networkId = make.network(world, { projectId: 'q' });
    const request = { ...fromPool(networkId, id, null, 'q'), subnetPoolId: null, useDefaultPool: true };
    expect(cidrOf(world, world.as(member, createSubnets([request])))).toBe('10.0.0.0/24');
    expect(() => world.as(member, createSubnets([{ ...request, ipVersion: 6 }]))).toThrow(/No default subnetpool/);
    expect(() =>
      world.as(member, createSubnets([fromPool(networkId, makePool(world, ['11.0.0.0/8']), 24, 'q')])),
    ).toThrow(/Subnet pool .* could not be found/);
    world.do(updateSubnetPool(id, { isDefault: false }));
    makePool(world, ['12.0.0.0/8'], { isDefault: true });
  });
});

describe('address scopes', () => {
  it('hold each address once, whatever their pools do', () => {
    const world = new World();
    const scope = makeScope(world);
    const one = makePool(world, ['10.0.0.0/16'], { addressScopeId: scope });
    const clash = /^AddressScopePrefixConflict: Failed to associate address scope/;
    expect(world.refusal(createSubnetPools([pool(['10.0.9.0/24'], { addressScopeId: scope })]))).toMatch(clash);
    const other = makePool(world, ['10.1.0.0/16'], { addressScopeId: scope });
    expect(world.refusal(addPrefixes(other, ['10.0.0.0/15']))).toMatch(clash);
    world.do(updateSubnetPool(other, { addressScopeId: null }));
    world.do(addPrefixes(one, ['10.1.0.0/16']));
    expect(world.refusal(updateSubnetPool(other, { addressScopeId: scope }))).toMatch(clash);
    world.heldClaims();
  });

  it('take pools of their version that see them', () => {
    const world = new World();
    const scope = makeScope(world, 6);
    expect(world.refusal(createSubnetPools([pool(['10.0.0.0/8'], { addressScopeId: scope })]))).toMatch(
      /^IllegalSubnetPoolIpVersionAssociationToAddressScope: .*because subnetpool ip_version is not 6\.$/,
    );
    const request = pool(['fd00::/48'], { addressScopeId: scope, projectId: 'q' });
    expect(() => world.as(member, createSubnetPools([request]))).toThrow(/^Address scope .* could not be found$/);
    const open = makeScope(world, 6, true);
    const [id] = world.as(member, createSubnetPools([{ ...request, addressScopeId: open }]));
    expect(() => world.as(member, updateSubnetPool(id as string, { name: 'x' }))).toThrow(
      /cannot be updated when associated with shared address scope/,
    );
    expect(world.refusal(updateAddressScope(open, { shared: false }))).toBe(
      `AddressScopeUpdateError: Unable to update address scope ${open} : Shared address scope can't be unshared`,
    );
    expect(world.refusal(deleteAddressScope(open))).toMatch(/^AddressScopeInUse/);
    world.do(deleteSubnetPool(id as string));
    world.do(deleteAddressScope(open));
  });

  it('let the subnets of a network come from several of their pools', () => {
    const world = new World();
    const scope = makeScope(world);
    const [one, other, lone] = [
      makePool(world, ['10.0.0.0/16'], { addressScopeId: scope }),
      makePool(world, ['10.1.0.0/16'], { addressScopeId: scope }),
      makePool(world, ['10.2.0.0/16']),
    ];
    const networkId = make.network(world);
    world.do(createSubnets([fromPool(networkId, one as string, 24), fromPool(networkId, other as string, 24)]));
    const affinity = /^NetworkAddressScopeAffinityError/;
    expect(world.refusal(createSubnets([fromPool(networkId, lone as string, 24)]))).toMatch(affinity);
    expect(world.refusal(updateSubnetPool(one as string, { addressScopeId: null }))).toMatch(affinity);
  });
});
