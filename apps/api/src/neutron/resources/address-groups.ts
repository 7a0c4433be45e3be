import {
  addAddresses,
  addressGroupNotFound,
  createAddressGroups,
  type Decide,
  deleteAddressGroup,
  removeAddresses,
  updateAddressGroup,
} from '@plumbline/domain';
import { table } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import { addresses, namedAddresses } from '../types/security-types.js';
import { text } from '../types/attribute-types.js';
import { isOpened } from './shared.js';
import { changesWithParts, description, head, name, partsChange } from './standard.js';

const attributes = table([
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
  { ...description, type: text(1024) },
  ...changesWithParts('addressgroup'),
]);

export const addressGroups: Resource = declare({
  name: 'address_group',
  collection: 'address_groups',
  segment: 'address-groups',
  kind: 'addressgroup',
  visible: (seeing) => isOpened('o.id', seeing),
  about: 'Prefixes that security group rules may name together.',
  attributes,
  columns: partsChange('addressgroup'),
  notFound: addressGroupNotFound,
  create: async (inputs) => createAddressGroups(inputs),
  update: async (id, input) => updateAddressGroup(id, input),
  delete: deleteAddressGroup,
  actions: {
    add_addresses: async (id, body) => answering(addAddresses(id, namedAddresses(body))),
    remove_addresses: async (id, body) => answering(removeAddresses(id, namedAddresses(body, true))),
  },
});

/** The answer is the group after the change. */
const answering =
  (decide: Decide<void>): Decide<null> =>
  (topology, context) => ({ ...decide(topology, context), result: null });
