import { NOWHERE } from './declaration.js';
import type { KindDeclaration } from './kind.js';

/** Written in its group's stream, since two rules of a group must not mean the same. Hosts: none, until an agent enforces it. */
export const securitygrouprule: KindDeclaration<'securitygrouprule'> = {
  stream: ({ securityGroupId }) => `securitygroup-${securityGroupId}`,
  claims: ({ id, remoteGroupId, remoteAddressGroupId }) =>
    [remoteGroupId, remoteAddressGroupId].flatMap((remote) => (remote ? [`remote/${remote}/${id}`] : [])),
  relations: {
    securitygroup: { to: 'securitygroup', ids: ({ securityGroupId }) => [securityGroupId], fixed: true },
    remote: {
      to: 'securitygroup',
      ids: ({ remoteGroupId }) => (remoteGroupId ? [remoteGroupId] : []),
      fixed: true,
      claimedUnder: (group) => `remote/${group}/`,
    },
    addressgroup: {
      to: 'addressgroup',
      ids: ({ remoteAddressGroupId }) => (remoteAddressGroupId ? [remoteAddressGroupId] : []),
      fixed: true,
      claimedUnder: (group) => `remote/${group}/`,
    },
  },
  terms: () => [],
  scope: NOWHERE,
  access: { seenByOwnerOf: 'securitygroup' },
  table: 'security_group_rules',
};
