import { describe, expect, it } from '@jest/globals';
import { ANYTHING } from '../security-groups/rule.js';
import { createSecurityGroupRules, deleteSecurityGroupRule } from '../security-groups/security-group-rules.js';
import { ensureDefaultGroup } from '../security-groups/security-groups.js';
import { World } from '../testing/world.js';
import {
  addAddresses,
  createAddressGroups,
  deleteAddressGroup,
  removeAddresses,
  updateAddressGroup,
} from './address-groups.js';

function aGroup(addresses: readonly string[]) {
  const world = new World();
  const [id] = world.do(createAddressGroups([{ projectId: 'p', name: 'a', description: '', addresses }]));
  return { world, id: id as string, addresses: () => world.get('addressgroup', id as string).addresses };
}

describe('address groups', () => {
  it('keep prefixes canonical, each once, in order', () => {
    const { addresses } = aGroup([
      'fd00::5/64',
      '192.0.2.9/32',
      '10.0.0.5/24',
      '9.0.0.0/8',
      '10.0.0.0/24',
      '10.0.0.0/8',
    ]);
    expect(addresses()).toEqual(['9.0.0.0/8', '10.0.0.0/8', '10.0.0.0/24', '192.0.2.9/32', 'fd00::/64']);
  });

  it('take only new addresses and give only those they have', () => {
    const { world, id, addresses } = aGroup(['10.0.0.0/24']);
    expect(world.refusal(addAddresses(id, ['10.0.0.7/24', '10.1.0.0/24']))).toBe(
      `AddressesAlreadyExist: Addresses ['10.0.0.0/24'] already exist in the address group ${id}.`,
    );
    world.do(addAddresses(id, ['10.1.0.0/24']));
    expect(world.refusal(removeAddresses(id, ['10.2.0.0/24', '10.1.0.0/24']))).toBe(
      `AddressesNotFound: Addresses ['10.2.0.0/24'] not found in the address group ${id}.`,
    );
    expect(world.eventsOf(removeAddresses(id, ['10.0.0.0/24']))).toEqual(['AddressGroupAttributesSet']);
    expect(addresses()).toEqual(['10.1.0.0/24']);
    expect(world.eventsOf(updateAddressGroup(id, { name: 'a' }))).toEqual([]);
    expect(world.eventsOf(updateAddressGroup(id, { description: 'd' }))).toEqual(['AddressGroupAttributesSet']);
    expect(
      world.refusal(
        addAddresses(
          id,
          Array.from({ length: 4096 }, (_, n) => `10.9.${n >> 8}.${n & 255}/32`),
        ),
      ),
    ).toMatch(/^InvalidInput/);
  });

  it('stay while a rule names them', () => {
    const { world, id } = aGroup([]);
    const securityGroupId = world.do(ensureDefaultGroup('p'));
    const [ruleId] = world.do(
      createSecurityGroupRules([
        {
          ...{ ...ANYTHING, projectId: 'p', description: '', securityGroupId },
          ...{ direction: 'ingress', ethertype: 'IPv4', remoteAddressGroupId: id },
        },
      ]),
    );
    expect(world.refusal(deleteAddressGroup(id))).toBe(
      `AddressGroupInUse: Address group ${id} is in use on one or more security group rules.`,
    );
    world.do(deleteSecurityGroupRule(ruleId as string));
    expect(world.eventsOf(deleteAddressGroup(id))).toEqual(['AddressGroupDeleted']);
    world.heldClaims();
  });
});
