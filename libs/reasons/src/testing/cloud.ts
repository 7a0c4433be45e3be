/** A small cloud as its log has it, for specs: an instance with a floating IP on cmp1, its router and its DHCP server on net1. */
import { DEVICE_OWNER, type PlumbEvent } from '@plumbline/contracts';
import * as events from '@plumbline/topology/testing';
import { idOf, World } from '@plumbline/topology/testing';

export const EXTERNAL = idOf('e0');
export const TENANT = idOf('a0');
export const ROUTER = idOf('c0');
export const GATEWAY_PORT = idOf('e1');
export const INTERFACE = idOf('a1');
export const GUEST = idOf('d0');
export const GROUP = idOf('f0');
export const FLOATING = idOf('f1');
export const SERVER = idOf('a2');
export const mac = (last: number): string => `fa:16:3e:00:00:0${last}`;

/** A floating IP of an instance on cmp1, by a router on net1, and what a case adds. */
export function cloud(...more: readonly PlumbEvent[]): World {
  const world = new World();
  const inSubnet = (subnet: string, ipAddress: string) => [{ subnetId: idOf(subnet), ipAddress }];
  const all: PlumbEvent[] = [
    ...['net1', 'cmp1'].flatMap((host, at) => {
      const { data, ...event } = events.nodeRegistered(host, `172.31.0.${at + 1}`, { physnet1: 'br-ex' }, 'openflow');
      return [{ ...event, data: { ...data, bfd: true } }, events.nodeAdmitted(host)];
    }),
    events.networkCreated({
      ...{
        networkId: EXTERNAL,
        external: true,
        networkType: 'flat',
        physicalNetwork: 'physnet1',
        segmentationId: null,
      },
    }),
    events.subnetCreated({
      subnetId: idOf('be0'),
      networkId: EXTERNAL,
      cidr: '10.255.0.0/24',
      gatewayIp: '10.255.0.1',
    }),
    events.networkCreated({ networkId: TENANT }),
    events.subnetCreated({
      ...{ subnetId: idOf('ba0'), networkId: TENANT, cidr: '10.0.0.0/24', gatewayIp: '10.0.0.1', enableDhcp: true },
    }),
    events.networkPlaced(EXTERNAL, 'net1', 2),
    events.networkPlaced(TENANT, 'net1', 3),
    events.networkPlaced(TENANT, 'cmp1', 4),
    events.routerCreated({ routerId: ROUTER }),
    events.routerScheduled(ROUTER, 'net1'),
    events.portCreated({
      ...{ portId: GATEWAY_PORT, networkId: EXTERNAL, deviceId: ROUTER, deviceOwner: DEVICE_OWNER.routerGateway },
      ...{ macAddress: mac(1), fixedIps: inSubnet('be0', '10.255.0.10') },
    }),
    events.routerGatewaySet(ROUTER, GATEWAY_PORT, EXTERNAL, inSubnet('be0', '10.255.0.10')),
    events.portCreated({
      ...{ portId: INTERFACE, networkId: TENANT, deviceId: ROUTER, deviceOwner: DEVICE_OWNER.routerInterface },
      ...{ macAddress: mac(2), fixedIps: inSubnet('ba0', '10.0.0.1') },
    }),
    events.routerInterfaceAdded(ROUTER, INTERFACE, TENANT, inSubnet('ba0', '10.0.0.1')),
    events.portCreated({
      ...{ portId: SERVER, networkId: TENANT, deviceOwner: DEVICE_OWNER.dhcp, servesDhcp: true, macAddress: mac(3) },
      fixedIps: inSubnet('ba0', '10.0.0.2'),
    } as Parameters<typeof events.portCreated>[0]),
    events.portBound(SERVER, TENANT, 'net1'),
    events.securityGroupCreated({ securityGroupId: GROUP }),
    events.securityGroupRuleCreated({ securityGroupRuleId: idOf('f2'), securityGroupId: GROUP }),
    events.portCreated({
      ...{ portId: GUEST, networkId: TENANT, deviceId: 'vm', deviceOwner: 'compute:nova', macAddress: mac(4) },
      ...{ fixedIps: inSubnet('ba0', '10.0.0.5'), securityGroupIds: [GROUP] },
    }),
    events.portBound(GUEST, TENANT, 'cmp1'),
    events.floatingIpCreated({
      ...{
        floatingIpId: FLOATING,
        floatingNetworkId: EXTERNAL,
        floatingIpAddress: '10.255.0.20',
        floatingPortId: idOf('f3'),
      },
    }),
    events.floatingIpAssociated({
      ...{ floatingIpId: FLOATING, floatingIpAddress: '10.255.0.20', portId: GUEST, fixedIpAddress: '10.0.0.5' },
      ...{ subnetId: idOf('ba0'), routerId: ROUTER },
    }),
    ...more,
  ];
  for (const event of all) world.append(event);
  return world;
}
