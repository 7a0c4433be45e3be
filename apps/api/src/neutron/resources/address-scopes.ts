import {
  AddressScopeChanges,
  addressScopeNotFound,
  createAddressScopes,
  deleteAddressScope,
  NewAddressScope,
  updateAddressScope,
} from '@plumbline/domain';
import { ipVersion } from '../types/attribute-types.js';
import type { Resource } from '../resource.js';
import { isOpened, shared, sharedWith } from './shared.js';
import { head, name } from './standard.js';

export const addressScopes: Resource = {
  name: 'address_scope',
  collection: 'address_scopes',
  segment: 'address-scopes',
  kind: 'addressscope',
  visible: (project) => `o.doc @> '{"shared": true}' OR ${isOpened('o.id', project)}`,
  about: 'Addresses that are unique and may be routed to each other.',
  attributes: [
    ...head,
    name,
    {
      name: 'ip_version',
      path: 'ipVersion',
      type: ipVersion,
      post: 'required',
      filter: true,
      sort: true,
      about: '4 or 6.',
    },
    shared('Every project, or the one that asks, may have pools in it.', { put: true }),
  ],
  from: 'plumbline.address_scopes o',
  columns: sharedWith,
  notFound: addressScopeNotFound,
  create: async (wishes) => createAddressScopes(wishes as readonly NewAddressScope[]),
  update: async (id, wish) => updateAddressScope(id, wish as AddressScopeChanges),
  delete: deleteAddressScope,
};
