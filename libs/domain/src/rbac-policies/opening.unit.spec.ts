import { describe, expect, it } from '@jest/globals';
import { metaOf, networkCreated, World as Log } from '@plumbline/topology/testing';
import type { Context } from '../context.js';
import { updateNetwork } from '../networks/networks.js';
import { make } from '../testing/requests.js';
import { World } from '../testing/world.js';
import { adoptFlags } from './opening.js';
import { createRbacPolicies } from './rbac-policies.js';

describe('the revision of a network', () => {
  it('grows with its subnets and policies, and each of them counts its own changes', () => {
    const world = new World();
    const id = make.network(world);
    const now = () => world.topology.revisionOf(world.get('network', id));
    expect(now()).toBe(0);
    const subnet = make.subnet(world, id, '10.0.0.0/24');
    expect([now(), world.topology.revisionOf(world.get('subnet', subnet))]).toEqual([1, 0]);
    const named = { projectId: 'p', objectType: 'network' as const, objectId: id };
    world.do(createRbacPolicies([{ ...named, action: 'access_as_shared', targetProject: 'q' }]));
    world.do(updateNetwork(id, { external: true }));
    expect([now(), world.get('network', id).revision]).toEqual([3, 0]);
  });
});

describe('flags of an older log', () => {
  it('become policies of the same meaning, a hundred objects at a time', () => {
    const log = new Log();
    const flagged = Array.from({ length: 130 }, (_, n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`);
    for (const networkId of flagged) log.append(networkCreated({ networkId, shared: true, external: true }));
    let ids = 0;
    const context: Context = {
      newId: () => `10000000-0000-4000-8000-${String((ids += 1)).padStart(12, '0')}`,
      randomInt: () => 0,
      now: metaOf(1).time,
      held: () => false,
      actor: { projectId: '', role: 'admin' },
    };
    const rounds = [1, 2, 3].map(() => {
      const { events, result } = adoptFlags(log.topology, context);
      for (const event of events) log.append(event);
      return [events.length, result];
    });
    expect(rounds).toEqual([
      [300, true],
      [90, false],
      [0, false],
    ]);
    for (const id of flagged) {
      expect(log.topology.get('network', id)).toMatchObject({ shared: false, external: false });
      const policies = log.topology.find('rbacpolicy', `object/${id}`);
      const owner = log.topology.get('network', id)?.projectId;
      expect(policies.map((each) => [each.action, each.targetProject, each.projectId]).sort()).toEqual([
        ['access_as_external', '*', owner],
        ['access_as_shared', '*', owner],
      ]);
    }
  });
});
