/**
 * Claims: what an object holds that nobody else may. A claim is a text key; the event log's transaction takes it or the command loses. They follow from
 * the object alone, so they can be rebuilt from the log. Prefixes are asked too: "no port of this network" is "no claim under `port/<network>/`".
 *
 *   segment/vxlan/<vni>  segment/vlan/<physical network>/<vlan>  segment/flat/<physical network>
 *   subnet/<network>/<subnet>
 *   port/<network>/<port>   mac/<network>/<mac>   address/<network>/<ip>   allocation/<subnet>/<ip>
 *   bound/<network>/<host>/<port>            the network is needed on that host
 *   association/<port>/<external network>/<fixed ip>/   carried/<router>/<subnet>/<floating ip>
 *   local-vlan/<host>/<vlan>   tunnel-ip/<ip>
 */
import { AnyObject } from '@plumbline/contracts';

export function claimsOf(object: AnyObject | undefined): readonly string[] {
  if (!object) return [];
  switch (object.kind) {
    case 'network':
      if (object.networkType === 'vxlan') return [`segment/vxlan/${object.segmentationId}`];
      if (object.networkType === 'vlan') return [`segment/vlan/${object.physicalNetwork}/${object.segmentationId}`];
      return [`segment/flat/${object.physicalNetwork}`];
    case 'subnet':
      return [`subnet/${object.networkId}/${object.id}`];
    case 'port':
      return [
        `port/${object.networkId}/${object.id}`,
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
    case 'placement':
      return Object.entries(object.hosts).map(([host, { localVlanId }]) => `local-vlan/${host}/${localVlanId}`);
    case 'node':
      return object.tunnelIp ? [`tunnel-ip/${object.tunnelIp}`] : [];
  }
}
