import { prefixBits, type SubnetPool } from '@plumbline/contracts';
import { NOWHERE } from './declaration.js';
import type { KindDeclaration } from './kind.js';

/** Hosts: none; only decisions read it. */
export const subnetpool: KindDeclaration<'subnetpool'> = {
  stream: 'own',
  claims: (object) => [
    ...(object.isDefault ? [`default-pool/${object.ipVersion}/`] : []),
    ...(object.addressScopeId ? [`scope-pool/${object.addressScopeId}/${object.id}`, ...scopedPrefixes(object)] : []),
  ],
  relations: {
    scope: { to: 'addressscope', ids: ({ addressScopeId }) => (addressScopeId ? [addressScopeId] : []) },
  },
  terms: ({ isDefault, ipVersion }) => (isDefault ? [`default/${ipVersion}`] : []),
  scope: NOWHERE,
  access: { everybody: ({ shared }) => shared, byPolicy: true },
  table: 'subnet_pools',
};

const scopedPrefixes = ({ addressScopeId, ipVersion, prefixes }: SubnetPool): string[] =>
  prefixes.map((cidr) => `scope/${addressScopeId}/${ipVersion}/${prefixBits(cidr)}/`);
