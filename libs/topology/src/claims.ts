/**
 * Claims: what an object holds that nobody else may. A claim is a text key; the event log's transaction takes it or the command loses. They follow from
 * the object alone, so they can be rebuilt from the log. Prefixes are asked too: "no port of this network" is "no claim under `port/<network>/`".
 *
 *   segment/vxlan/<vni>  segment/vlan/<physical network>/<vlan>  segment/flat/<physical network>
 *   subnet/<network>/<subnet>
 *   port/<network>/<project>/<port>   mac/<network>/<mac>   address/<network>/<ip>   allocation/<subnet>/<ip>
 *   member/<security group>/<port>   remote/<security or address group>/<rule>
 *   default-group/<project>   default-network/   default-pool/<4 or 6>/      one of a kind
 *   pool/<subnet pool>/<bits of the subnet's prefix>/    scope-pool/<address scope>/<subnet pool>
 *   scope/<address scope>/<4 or 6>/<bits of a pool's prefix>/      a prefix that holds another is its text's beginning
 *   gateway-forwarding/<router>/<forwarding>   forwarded/<floating ip>/<forwarding>   forwarded-to/<port>/<fixed ip>/<forwarding>
 *   policy/<object>/<action>/<target project>/
 *   bound/<network>/<host>/<port>            the network is needed on that host
 *   association/<port>/<external network>/<fixed ip>/   carried/<router>/<subnet>/<floating ip>
 *   local-vlan/<host>/<vlan>   tunnel-ip/<ip>
 */
import { AnyObject, Network, prefixBits, SubnetPool } from '@plumbline/contracts';

/** Text of a client's choice as one part of a claim: it holds no slash. */
export const claimPart = (text: string): string => (/^[\w-]*$/.test(text) ? text : encodeURIComponent(text));

export function claimsOf(object: AnyObject | undefined): readonly string[] {
  if (!object) return [];
  switch (object.kind) {
    case 'network':
      return [segmentClaim(object), ...(object.isDefault ? ['default-network/'] : [])];
    case 'subnet':
      return [
        `subnet/${object.networkId}/${object.id}`,
        ...(object.subnetPoolId ? [`pool/${object.subnetPoolId}/${prefixBits(object.cidr)}/`] : []),
      ];
    case 'port':
      return [
        `port/${object.networkId}/${claimPart(object.projectId)}/${object.id}`,
        ...object.securityGroupIds.map((group) => `member/${group}/${object.id}`),
        `mac/${object.networkId}/${object.macAddress}`,
        ...object.fixedIps.flatMap((ip) => [
          `address/${object.networkId}/${ip.ipAddress}`,
          `allocation/${ip.subnetId}/${ip.ipAddress}`,
        ]),
        ...(object.binding.host ? [`bound/${object.networkId}/${object.binding.host}/${object.id}`] : []),
      ];
    case 'router': {
      if (!object.host) return [];
      const legs = Object.entries(object.interfaces).map(([portId, leg]) => ({ portId, networkId: leg.networkId }));
      if (object.gateway) legs.push(object.gateway);
      return legs.map((leg) => `bound/${leg.networkId}/${object.host}/${leg.portId}`);
    }
    case 'floatingip': {
      const held = object.association;
      if (!held) return [];
      return [
        `association/${held.portId}/${object.floatingNetworkId}/${held.fixedIpAddress}/`,
        `carried/${held.routerId}/${held.subnetId}/${object.id}`,
      ];
    }
    case 'portforwarding':
      return [
        object.floatingIpId === null
          ? `gateway-forwarding/${object.routerId}/${object.id}`
          : `forwarded/${object.floatingIpId}/${object.id}`,
        `forwarded-to/${object.internalPortId}/${object.internalIpAddress}/${object.id}`,
        `carried/${object.routerId}/${object.internalSubnetId}/${object.id}`,
      ];
    case 'securitygroup':
      return object.isDefault ? [`default-group/${claimPart(object.projectId)}`] : [];
    case 'securitygrouprule':
      return [object.remoteGroupId, object.remoteAddressGroupId].flatMap((remote) =>
        remote ? [`remote/${remote}/${object.id}`] : [],
      );
    case 'subnetpool':
      return [
        ...(object.isDefault ? [`default-pool/${object.ipVersion}/`] : []),
        ...(object.addressScopeId
          ? [`scope-pool/${object.addressScopeId}/${object.id}`, ...scopedPrefixes(object)]
          : []),
      ];
    case 'rbacpolicy':
      return [`policy/${object.objectId}/${object.action}/${claimPart(object.targetProject)}/`];
    case 'addressgroup':
    case 'addressscope':
    case 'quota':
      return [];
    case 'placement':
      return Object.entries(object.hosts).map(([host, { localVlanId }]) => `local-vlan/${host}/${localVlanId}`);
    case 'node':
      return object.tunnelIp ? [`tunnel-ip/${object.tunnelIp}`] : [];
  }
}

function segmentClaim({ networkType, physicalNetwork, segmentationId }: Network): string {
  if (networkType === 'vxlan') return `segment/vxlan/${segmentationId}`;
  if (networkType === 'vlan') return `segment/vlan/${physicalNetwork}/${segmentationId}`;
  return `segment/flat/${physicalNetwork}`;
}

const scopedPrefixes = ({ addressScopeId, ipVersion, prefixes }: SubnetPool): string[] =>
  prefixes.map((cidr) => `scope/${addressScopeId}/${ipVersion}/${prefixBits(cidr)}/`);
