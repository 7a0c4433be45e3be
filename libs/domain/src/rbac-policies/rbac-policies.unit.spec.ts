import { describe, expect, it } from '@jest/globals';
import type { Actor } from '../actor.js';
import { canSee, guarded } from '../access.js';
import { createNetworks, deleteNetwork, updateNetwork } from '../networks/networks.js';
import { deletePort } from '../ports/ports.js';
import { networkNotFound } from '../errors.js';
import { changeTags } from '../tags.js';
import { resetQuota, setQuota, usageOf } from '../quotas/quotas.js';
import { withinQuotas } from '../quotas/enforce.js';
import { make, POLICY, World } from '../testing/index.js';
import { network } from '../testing/requests.js';
import { createRbacPolicies, deleteRbacPolicy, retargetRbacPolicy } from './rbac-policies.js';

const owner: Actor = { projectId: 'p', role: 'member' };
const other: Actor = { projectId: 'other', role: 'member' };
const reader: Actor = { projectId: 'p', role: 'reader' };
const refusalOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as { type?: string }).type ?? String(error);
  }
  throw new Error('not refused');
};

describe('what an actor sees and may change', () => {
  const world = new World();
  const id = make.network(world);
  const rename = guarded(
    { kind: 'network', id, notFound: networkNotFound, rule: 'update_network' },
    updateNetwork(id, { name: 'new' }),
  );

  it('another project finds nothing, a reader may not, the owner may', () => {
    expect(refusalOf(() => world.as(other, rename))).toBe('NetworkNotFound');
    expect(refusalOf(() => world.as(reader, rename))).toBe('PolicyNotAuthorized');
    world.as(owner, rename);
    expect(world.get('network', id).name).toBe('new');
  });

  it('a policy lets another project see, not change, and only the owner makes one', () => {
    const request = { projectId: 'p', objectType: 'network', objectId: id, action: 'access_as_shared' } as const;
    expect(refusalOf(() => world.as(other, createRbacPolicies([{ ...request, targetProject: 'other' }])))).toBe(
      'NetworkNotFound',
    );
    expect(refusalOf(() => world.as(owner, createRbacPolicies([{ ...request, targetProject: '*' }])))).toBe(
      'PolicyNotAuthorized',
    );
    const [policy = ''] = world.as(owner, createRbacPolicies([{ ...request, targetProject: 'other' }]));
    expect(refusalOf(() => world.as(owner, createRbacPolicies([{ ...request, targetProject: 'other' }])))).toBe(
      'DuplicateRbacPolicy',
    );
    expect(canSee(world.topology, other, world.get('network', id))).toBe(true);
    expect(refusalOf(() => world.as(other, rename))).toBe('PolicyNotAuthorized');
    world.as(owner, retargetRbacPolicy(policy, 'third'));
    expect(canSee(world.topology, other, world.get('network', id))).toBe(false);
    world.as(owner, deleteRbacPolicy(policy));
  });

  it('a policy that somebody uses stays, and ends with its object', () => {
    const [shared = ''] = world.as(owner, createNetworks([network({ projectId: 'p' })], POLICY));
    const request = { projectId: 'p', objectType: 'network', objectId: shared, action: 'access_as_shared' } as const;
    const [policy = ''] = world.as(owner, createRbacPolicies([{ ...request, targetProject: 'other' }]));
    const port = make.port(world, shared, { projectId: 'other' });
    expect(world.refusal(deleteRbacPolicy(policy))).toMatch(/^RbacPolicyInUse/);
    world.do(deletePort(port));
    expect(world.eventsOf(deleteNetwork(shared))).toContain('RbacPolicyDeleted');
    expect(world.topology.get('rbacpolicy', policy)).toBeUndefined();
    world.heldClaims();
  });
});

describe('quotas', () => {
  it('refuse what is too much, all of a bulk, and say of what', () => {
    const world = new World();
    const some = (count: number) =>
      withinQuotas(
        createNetworks(
          Array.from({ length: count }, () => network({ projectId: 'p' })),
          POLICY,
        ),
        { network: 2 },
      );
    expect(world.refusal(some(3))).toBe("OverQuota: Quota exceeded for resources: ['network'].");
    world.do(some(2));
    expect(world.refusal(some(1))).toMatch(/^OverQuota/);
    world.do(setQuota('p', { network: 3 }, true));
    world.do(some(1));
    expect(world.do(usageOf('p', { network: 2, port: 5 }))).toMatchObject({
      network: { limit: 3, used: 3 },
      port: { limit: 5, used: 0 },
      router: { limit: -1, used: 0 },
    });
    expect(world.refusal(setQuota('p', { network: 2 }, true))).toMatch(/network/);
    world.do(setQuota('p', { network: -1 }, true));
    world.do(some(50));
    world.do(resetQuota('p'));
    expect(world.refusal(resetQuota('p'))).toMatch(/^TenantQuotaNotFound/);
    expect(world.refusal(some(1))).toMatch(/^OverQuota/);
  });
});

describe('tags', () => {
  it('are kept once, sorted, and are a change of their object', () => {
    const world = new World();
    const id = make.network(world);
    const { revision } = world.get('network', id);
    expect(world.do(changeTags('network', id, () => ['red', 'blue', 'red']))).toEqual(['blue', 'red']);
    expect(world.eventsOf(changeTags('network', id, (tags) => [...tags, 'blue']))).toEqual([]);
    expect(world.get('network', id)).toMatchObject({ tags: ['blue', 'red'], revision: revision + 1 });
    const subnet = make.subnet(world, id, '10.0.0.0/24');
    world.do(changeTags('subnet', subnet, () => ['x']));
    expect(world.get('subnet', subnet).tags).toEqual(['x']);
  });
});
