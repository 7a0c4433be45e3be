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
import type { Resource } from '../resource.js';
import { addresses, namedAddresses } from '../types/security-types.js';
import { isOpened } from './shared.js';
import { head, name, tail } from './standard.js';

export const addressGroups: Resource = {
  name: 'address_group',
  collection: 'address_groups',
  segment: 'address-groups',
  kind: 'addressgroup',
  visible: (project) => isOpened('o.id', project),
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
  notFound: addressGroupNotFound,
  create: async (wishes) => createAddressGroups(wishes as readonly NewAddressGroup[]),
  update: async (id, wish) => updateAddressGroup(id, wish as AddressGroupChanges),
  delete: deleteAddressGroup,
  actions: {
    add_addresses: async (id, body) => answering(addAddresses(id, namedAddresses(body))),
    remove_addresses: async (id, body) => answering(removeAddresses(id, namedAddresses(body))),
  },
};

/** Answered with the group as it is then. */
const answering =
  (decide: Decide<void>): Decide<null> =>
  (topology, context) => ({ ...decide(topology, context), result: null });
