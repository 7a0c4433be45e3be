import type { AddressGroup } from '@plumbline/contracts';
import {
  addAddresses,
  AddressGroupChanges,
  addressGroupNotFound,
  createAddressGroups,
  type Decide,
  deleteAddressGroup,
  NewAddressGroup,
  removeAddresses,
  updateAddressGroup,
} from '@plumbline/domain';
import { present } from '../present.js';
import type { Resource } from '../resource.js';
import { addresses, namedAddresses } from '../security-types.js';
import { isOpenedTo } from './security-groups.js';
import { head, name, tail } from './standard.js';

export const addressGroups: Resource = {
  name: 'address_group',
  collection: 'address_groups',
  segment: 'address-groups',
  kind: 'addressgroup',
  visible: isOpenedTo,
  about: 'Prefixes that security group rules may name together.',
  attributes: [
    ...head,
    name,
    {
      name: 'addresses',
      path: 'addresses',
      type: addresses,
      post: 'allowed',
      default: [],
      about: 'Prefixes, sorted; changed by add_addresses and remove_addresses.',
    },
    ...tail.filter((attribute) => attribute.name !== 'tags'),
  ],
  from: 'plumbline.address_groups o',
  columns: 'o.doc',
  notFound: addressGroupNotFound,
  create: async (wishes) => createAddressGroups(wishes as readonly NewAddressGroup[]),
  update: async (id, wish) => updateAddressGroup(id, wish as AddressGroupChanges),
  delete: deleteAddressGroup,
  actions: {
    add_addresses: async (id, body) => answering(addAddresses(id, namedAddresses(body))),
    remove_addresses: async (id, body) => answering(removeAddresses(id, namedAddresses(body))),
  },
};

/** The group as it is after the decision. Nothing of it is for administrators only. */
const answering =
  (decide: Decide<AddressGroup>): Decide<Record<string, unknown>> =>
  (topology, context) => {
    const { result, ...decision } = decide(topology, context);
    const shown = present(addressGroups, { id: result.id, doc: result }, context.actor, null);
    return { ...decision, result: { address_group: shown } };
  };
