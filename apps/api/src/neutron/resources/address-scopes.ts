import { addressScopeNotFound, createAddressScopes, deleteAddressScope, updateAddressScope } from '@plumbline/domain';
import { ipVersion } from '../types/attribute-types.js';
import { table } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import { isOpened, shared, sharedWith } from './shared.js';
import { head, name } from './standard.js';

const attributes = table([
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
  { ...shared('Every project, or the one that asks, may have pools in it.'), put: true },
]);

export const addressScopes: Resource = declare({
  name: 'address_scope',
  collection: 'address_scopes',
  segment: 'address-scopes',
  kind: 'addressscope',
  visible: (seeing) => `o.doc @> '{"shared": true}' OR ${isOpened('o.id', seeing)}`,
  about: 'Addresses that are unique and may be routed to each other.',
  attributes,
  columns: sharedWith,
  notFound: addressScopeNotFound,
  create: async (inputs) => createAddressScopes(inputs),
  update: async (id, input) => updateAddressScope(id, input),
  delete: deleteAddressScope,
});
