import { describe, expect, it } from '@jest/globals';
import { claimsOf } from '@plumbline/topology';
import { registerNode } from '../nodes/nodes.js';
import { make, scenarioA } from '../testing/requests.js';
import { World } from '../testing/world.js';
import { activateBinding, addBinding, bindingsOf, changeBinding, removeBinding } from './bindings.js';
import { deletePort, updatePort } from './ports.js';

const onto = (host: string) => ({ host, vnicType: 'normal', profile: {} });

/** Scenario A with another compute node, `cmp2`. */
function twoNodes() {
  const world = new World();
  const made = scenarioA(world);
  make.node(world, 'cmp2');
  return { world, ...made };
}
/** A node that enforces nothing. */
const open = (world: World): void => {
  world.admit('open');
  world.do(registerNode({ host: 'open', tunnelIp: null, bridgeMappings: {}, firewall: 'none' }));
};
const shownOf = (world: World, id: string) => world.do(bindingsOf(id)).map(({ host, active }) => [host, active]);

describe('bindings of a port', () => {
  it('a second one is inactive, and brings port and network to its host', () => {
    const { world, instance, tenant } = twoNodes();
    expect(world.eventsOf(addBinding(instance, onto('cmp2')))).toEqual([
      'PortInactiveBindingSet',
      'NetworkPlacedOnHost',
    ]);
    expect(shownOf(world, instance)).toEqual([
      ['cmp1', true],
      ['cmp2', false],
    ]);
    const port = world.get('port', instance);
    expect(port.binding.host).toBe('cmp1');
    expect(claimsOf(port).filter((claim) => claim.startsWith('bound/'))).toEqual([
      `bound/${tenant}/cmp1/${instance}`,
      `bound/${tenant}/cmp2/${instance}`,
    ]);
    expect(world.refusal(addBinding(instance, onto('cmp2')))).toBe(
      `PortBindingAlreadyExists: Binding for port ${instance} on host cmp2 already exists.`,
    );
  });

  it('one event activates it and makes the other inactive, and back', () => {
    const { world, instance } = twoNodes();
    world.do(addBinding(instance, { ...onto('cmp2'), profile: { migrating: true } }));
    expect(world.eventsOf(activateBinding(instance, 'cmp2'))).toEqual(['PortBindingActivated']);
    expect(world.get('port', instance)).toMatchObject({
      binding: { ...onto('cmp2'), profile: { migrating: true } },
      inactiveBindings: { cmp1: { vnicType: 'normal', profile: {} } },
    });
    expect(world.refusal(activateBinding(instance, 'cmp2'))).toMatch(/^PortBindingAlreadyActive/);
    expect(world.eventsOf(activateBinding(instance, 'cmp1'))).toEqual(['PortBindingActivated']);
    expect(shownOf(world, instance)).toEqual([
      ['cmp1', true],
      ['cmp2', false],
    ]);
  });

  it('the position of the activation is that of the binding, and of the one that became inactive', () => {
    const { world, instance } = twoNodes();
    world.do(addBinding(instance, onto('cmp2')));
    world.do(activateBinding(instance, 'cmp2'));
    const { setAt } = world.get('port', instance);
    expect(setAt).toMatchObject({ binding: world.topology.position, 'binding:cmp1': world.topology.position });
    expect(setAt).not.toHaveProperty('binding:cmp2');
  });

  it('the one that is left behind is removed, and takes the network away', () => {
    const { world, instance } = twoNodes();
    world.do(addBinding(instance, onto('cmp2')));
    world.do(activateBinding(instance, 'cmp2'));
    expect(world.eventsOf(removeBinding(instance, 'cmp1'))).toEqual([
      'PortInactiveBindingRemoved',
      'NetworkWithdrawnFromHost',
    ]);
    expect(shownOf(world, instance)).toEqual([['cmp2', true]]);
    expect(world.refusal(removeBinding(instance, 'cmp1'))).toBe(
      `PortBindingNotFound: Binding for port ${instance} for host cmp1 could not be found.`,
    );
    expect(world.eventsOf(removeBinding(instance, 'cmp2'))).toEqual(['PortUnbound', 'NetworkWithdrawnFromHost']);
  });

  it('the first one is active; a port that is bound to where it has an inactive one has it once', () => {
    const { world, instance } = twoNodes();
    world.do(updatePort(instance, { binding: { host: '' } }));
    expect(world.eventsOf(addBinding(instance, onto('cmp1')))).toEqual(['PortBound', 'NetworkPlacedOnHost']);
    world.do(addBinding(instance, onto('cmp2')));
    expect(world.eventsOf(updatePort(instance, { binding: { host: 'cmp2' } }))).toEqual([
      'PortBound',
      'NetworkWithdrawnFromHost',
    ]);
    expect(shownOf(world, instance)).toEqual([['cmp2', true]]);
  });

  it('both change, and nothing changes what is so already', () => {
    const { world, instance } = twoNodes();
    world.do(addBinding(instance, onto('cmp2')));
    const profile = { a: 1 };
    expect(world.eventsOf(changeBinding(instance, 'cmp2', { profile }))).toEqual(['PortInactiveBindingSet']);
    expect(world.eventsOf(changeBinding(instance, 'cmp2', { profile }))).toEqual([]);
    expect(world.eventsOf(changeBinding(instance, 'cmp1', { profile }))).toEqual(['PortBound']);
    expect(world.do(bindingsOf(instance)).map((each) => each.profile)).toEqual([profile, profile]);
    expect(world.refusal(changeBinding(instance, 'cmp9', { profile }))).toMatch(/^PortBindingNotFound/);
  });

  it('are refused where the port could not be carried, with the reason', () => {
    const { world, instance, external } = twoNodes();
    expect(world.refusal(addBinding(instance, onto('cmp9')))).toBe(
      `PortBindingError: Binding for port ${instance} on host cmp9 could not be created or updated: no OVS agent has registered it.`,
    );
    const outside = make.port(world, external, { deviceOwner: 'compute:nova', binding: onto('cmp1') });
    expect(world.refusal(addBinding(outside, onto('cmp2')))).toMatch(
      /its bridge_mappings do not name physical network physnet1/,
    );
    open(world);
    expect(world.refusal(addBinding(instance, onto('open')))).toMatch(/^PortSecurityNotEnforced/);
  });

  it('a port that got port security meanwhile is not activated where nobody enforces it', () => {
    const { world, tenant } = twoNodes();
    const instance = make.port(world, tenant, {
      deviceOwner: 'compute:nova',
      portSecurityEnabled: false,
      binding: onto('cmp1'),
    });
    open(world);
    world.do(addBinding(instance, onto('open')));
    world.do(updatePort(instance, { portSecurityEnabled: true }));
    expect(world.refusal(activateBinding(instance, 'open'))).toMatch(/^PortSecurityNotEnforced/);
  });

  it('belong to ports of instances', () => {
    const { world, tenant, interfacePortId } = twoNodes();
    for (const id of [interfacePortId, make.port(world, tenant)])
      expect(world.refusal(addBinding(id, onto('cmp2')))).toBe(
        `BadRequest: Bad port request: Invalid port ${id}. Operation only valid on compute ports.`,
      );
    expect(world.refusal(addBinding(tenant, onto('cmp2')))).toMatch(/^PortNotFound/);
  });

  it('go with their port', () => {
    const { world, instance } = twoNodes();
    world.do(addBinding(instance, onto('cmp2')));
    expect(world.eventsOf(deletePort(instance)).filter((type) => type === 'NetworkWithdrawnFromHost')).toHaveLength(2);
  });
});
