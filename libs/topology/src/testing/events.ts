/**
 * Builders: a whole valid event from the few facts a test cares about; the rest is what a client would get by default.
 */
import { EventOf, EventType, FixedIp } from '@plumbline/contracts';
import { mac } from './ids.js';

type Data<T extends EventType> = EventOf<T>['data'];
const named = { projectId: 'project', name: '', description: '' };

export const networkCreated = (
  data: Pick<Data<'NetworkCreated'>, 'networkId'> & Partial<Data<'NetworkCreated'>>,
): EventOf<'NetworkCreated'> => ({
  type: 'NetworkCreated',
  version: 1,
  data: {
    ...named,
    adminStateUp: true,
    mtuBytes: data.networkType === 'flat' || data.networkType === 'vlan' ? 1500 : 1450,
    shared: false,
    external: false,
    isDefault: false,
    portSecurityEnabled: true,
    networkType: 'vxlan',
    physicalNetwork: null,
    segmentationId: data.networkType === 'flat' ? null : 100,
    ...data,
  },
});

export const subnetCreated = (
  data: Pick<Data<'SubnetCreated'>, 'subnetId' | 'networkId' | 'cidr'> & Partial<Data<'SubnetCreated'>>,
): EventOf<'SubnetCreated'> => ({
  type: 'SubnetCreated',
  version: 1,
  data: {
    ...named,
    ipVersion: 4,
    gatewayIp: null,
    allocationPools: [],
    dnsNameservers: [],
    hostRoutes: [],
    enableDhcp: false,
    ipv6RaMode: null,
    ipv6AddressMode: null,
    ...data,
  },
});

/** `number` gives the port its MAC address when none is given. */
export const portCreated = (
  data: Pick<Data<'PortCreated'>, 'portId' | 'networkId'> & Partial<Data<'PortCreated'>>,
  number = 1,
): EventOf<'PortCreated'> => ({
  type: 'PortCreated',
  version: 1,
  data: {
    ...named,
    adminStateUp: true,
    deviceId: '',
    deviceOwner: '',
    macAddress: mac(number),
    portSecurityEnabled: true,
    fixedIps: [],
    ...data,
  },
});

export const portBound = (portId: string, networkId: string, host: string): EventOf<'PortBound'> => ({
  type: 'PortBound',
  version: 1,
  data: { portId, networkId, host, vnicType: 'normal', profile: {} },
});

export const securityGroupCreated = (
  data: Pick<Data<'SecurityGroupCreated'>, 'securityGroupId'> & Partial<Data<'SecurityGroupCreated'>>,
): EventOf<'SecurityGroupCreated'> => ({
  type: 'SecurityGroupCreated',
  version: 1,
  data: { ...named, stateful: true, isDefault: false, ...data },
});

/** By default it lets in all IPv4. */
export const securityGroupRuleCreated = (
  data: Pick<Data<'SecurityGroupRuleCreated'>, 'securityGroupRuleId' | 'securityGroupId'> &
    Partial<Data<'SecurityGroupRuleCreated'>>,
): EventOf<'SecurityGroupRuleCreated'> => ({
  type: 'SecurityGroupRuleCreated',
  version: 1,
  data: {
    ...named,
    direction: 'ingress',
    ethertype: 'IPv4',
    protocol: null,
    portRangeMin: null,
    portRangeMax: null,
    remoteGroupId: null,
    remoteAddressGroupId: null,
    remoteIpPrefix: null,
    ...data,
  },
});

export const routerCreated = (
  data: Pick<Data<'RouterCreated'>, 'routerId'> & Partial<Data<'RouterCreated'>>,
): EventOf<'RouterCreated'> => ({
  type: 'RouterCreated',
  version: 1,
  data: { ...named, adminStateUp: true, ...data },
});

export const routerScheduled = (routerId: string, host: string): EventOf<'RouterScheduled'> => ({
  type: 'RouterScheduled',
  version: 1,
  data: { routerId, host },
});

export const routerGatewaySet = (
  routerId: string,
  portId: string,
  networkId: string,
  fixedIps: FixedIp[],
): EventOf<'RouterGatewaySet'> => ({
  type: 'RouterGatewaySet',
  version: 1,
  data: { routerId, portId, networkId, fixedIps, enableSnat: true },
});

export const routerInterfaceAdded = (
  routerId: string,
  portId: string,
  networkId: string,
  fixedIps: FixedIp[],
): EventOf<'RouterInterfaceAdded'> => ({
  type: 'RouterInterfaceAdded',
  version: 1,
  data: { routerId, portId, networkId, fixedIps },
});

export const networkPlaced = (
  networkId: string,
  host: string,
  localVlanId: number,
): EventOf<'NetworkPlacedOnHost'> => ({
  type: 'NetworkPlacedOnHost',
  version: 1,
  data: { networkId, host, localVlanId },
});

export const nodeRegistered = (
  host: string,
  tunnelIp: string | null,
  bridgeMappings: Record<string, string> = {},
  firewall?: string,
): EventOf<'NodeRegistered'> => ({
  type: 'NodeRegistered',
  version: 1,
  data: { host, tunnelIp, bridgeMappings, ...(firewall !== undefined && { firewall }) },
});

export const nodeAdmitted = (
  host: string,
  roles = ['compute', 'network'],
  physicalNetworks = ['physnet1'],
): EventOf<'NodeAdmitted'> => ({ type: 'NodeAdmitted', version: 1, data: { host, roles, physicalNetworks } });

export const floatingIpCreated = (
  data: Pick<Data<'FloatingIpCreated'>, 'floatingIpId' | 'floatingNetworkId' | 'floatingIpAddress' | 'floatingPortId'>,
): EventOf<'FloatingIpCreated'> => ({ type: 'FloatingIpCreated', version: 1, data: { ...named, ...data } });

export const floatingIpAssociated = (data: Data<'FloatingIpAssociated'>): EventOf<'FloatingIpAssociated'> => ({
  type: 'FloatingIpAssociated',
  version: 1,
  data,
});

export const floatingIpDisassociated = (data: Data<'FloatingIpDisassociated'>): EventOf<'FloatingIpDisassociated'> => ({
  type: 'FloatingIpDisassociated',
  version: 1,
  data,
});

export const portForwardingCreated = (
  data: Omit<Data<'PortForwardingCreated'>, keyof typeof named> & Partial<typeof named>,
): EventOf<'PortForwardingCreated'> => ({ type: 'PortForwardingCreated', version: 1, data: { ...named, ...data } });

export const portForwardingChanged = (data: Data<'PortForwardingChanged'>): EventOf<'PortForwardingChanged'> => ({
  type: 'PortForwardingChanged',
  version: 1,
  data,
});

export const portForwardingDeleted = (data: Data<'PortForwardingDeleted'>): EventOf<'PortForwardingDeleted'> => ({
  type: 'PortForwardingDeleted',
  version: 1,
  data,
});
