import { canonicalCidr, memberId, portOfMember, type Port, type SecurityGroupMember } from '@plumbline/contracts';
import type { KindDeclaration } from './kind.js';
import { toPortsHosts } from './security-group.js';

/** A port in a security group. Hosts: those of the ports whose rules name the group as remote. */
export const securitygroupmember: KindDeclaration<'securitygroupmember'> = {
  derived: {
    from: 'port',
    of: (source) => (source.kind === 'port' ? membersOf(source) : []),
    source: portOfMember,
    by: { group: 'securitygroup' },
  },
  relations: {
    group: { to: 'securitygroup', ids: ({ securityGroupId }) => [securityGroupId], fixed: true },
  },
  scope: [['group', { from: 'securitygrouprule', by: 'remote' }, 'securitygroup', ...toPortsHosts]],
  access: {},
};

/** A port without any address is no member: there is nothing that a rule could let in. */
function membersOf({ id, projectId, setAt, fixedIps, allowedAddressPairs, securityGroupIds }: Port) {
  if (securityGroupIds.length === 0) return [];
  const given = [...fixedIps, ...allowedAddressPairs].map(({ ipAddress }) => prefixOf(ipAddress));
  const addresses = [...new Set(given)].sort();
  if (addresses.length === 0) return [];
  return securityGroupIds.map((securityGroupId): SecurityGroupMember => ({
    kind: 'securitygroupmember',
    id: memberId(securityGroupId, id),
    projectId,
    setAt: { membership: setAt['membership'] ?? 0, fixedIps: setAt['fixedIps'] ?? 0 },
    securityGroupId,
    portId: id,
    addresses,
  }));
}

/** A plain IPv4 address has one spelling only. */
function prefixOf(address: string): string {
  if (address.includes('/')) return canonicalCidr(address);
  return address.includes(':') ? canonicalCidr(`${address}/128`) : `${address}/32`;
}
