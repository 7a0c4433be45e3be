import type { KindDeclaration } from './kind.js';
import { toPortsHosts } from './security-group.js';

/** Written in its group's stream, since two rules of a group must not mean the same. Hosts: its group's. */
export const securitygrouprule: KindDeclaration<'securitygrouprule'> = {
  stream: ({ securityGroupId }) => `securitygroup-${securityGroupId}`,
  claims: ({ id, securityGroupId, remoteGroupId, remoteAddressGroupId }) =>
    [remoteGroupId, remoteAddressGroupId].flatMap((remote) =>
      remote ? [`remote/${remote}/${securityGroupId}/${id}`] : [],
    ),
  relations: {
    securitygroup: { to: 'securitygroup', ids: ({ securityGroupId }) => [securityGroupId], fixed: true },
    remote: {
      to: 'securitygroup',
      ids: ({ remoteGroupId }) => (remoteGroupId ? [remoteGroupId] : []),
      fixed: true,
      claimedUnder: (group) => `remote/${group}/`,
      gather: 'securitygroup',
    },
    addressgroup: {
      to: 'addressgroup',
      ids: ({ remoteAddressGroupId }) => (remoteAddressGroupId ? [remoteAddressGroupId] : []),
      fixed: true,
      claimedUnder: (group) => `remote/${group}/`,
      gather: 'securitygroup',
    },
  },
  terms: () => [],
  scope: [['securitygroup', ...toPortsHosts]],
  access: { seenByOwnerOf: 'securitygroup' },
  table: 'security_group_rules',
};
