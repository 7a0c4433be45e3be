/** What was asked for: whether the objects of the log say what packets need. */
import { DEVICE_OWNER, firewallOf, type Port, type Router } from '@plumbline/contracts';
import { streamOfObject } from '@plumbline/topology';
import { byAdministrator, byOwner, check, fault, type Made, type Objects, WELL } from '../check.js';
import { gatewayPortOf, isExternal } from '../scene.js';
import { letsIn } from '../security.js';
import { nameOf } from './names.js';

const isCovered = (objects: Objects, port: Port): boolean =>
  objects
    .find('port', `network/${port.networkId}`)
    .some(
      ({ id, allowedAddressPairs }) =>
        id !== port.id &&
        allowedAddressPairs.some(({ ipAddress }) => port.fixedIps.some((fixed) => fixed.ipAddress === ipAddress)),
    );
const isUnguarded = (objects: Objects, port: Port): boolean =>
  objects
    .find('port', `network/${port.networkId}`)
    .some(
      ({ id, portSecurityEnabled, binding, deviceOwner }) =>
        id !== port.id && !portSecurityEnabled && binding.host !== '' && !deviceOwner.startsWith('network:'),
    );

export const intentChecks = [
  check({
    id: 'floating-ip-associated',
    of: 'floatingip',
    when: ['floating-ip', 'port'],
    needs: ['log'],
    finds: 'The floating IP leads to no port.',
    mends: 'openstack floating ip set --port PORT ADDRESS',
    whose: 'project',
    judge: (floatingIp, { objects }) => {
      const forwarded = objects.find('portforwarding', `floatingip/${floatingIp.id}`).length > 0;
      if (floatingIp.association || forwarded) return WELL;
      return fault(
        `floating IP ${floatingIp.floatingIpAddress} leads to no port`,
        byOwner(`openstack floating ip set --port PORT ${floatingIp.floatingIpAddress}`),
        { stream: streamOfObject(floatingIp), types: ['FloatingIpDisassociated', 'FloatingIpCreated'] },
      );
    },
  }),
  check({
    id: 'port-up',
    of: 'port',
    needs: ['log'],
    finds: "The port is administratively down: the instance's node cuts it off.",
    mends: 'openstack port set --enable PORT',
    whose: 'project',
    judge: (port) =>
      port.adminStateUp
        ? WELL
        : fault(
            `port ${nameOf(port)} is administratively down`,
            byOwner(`openstack port set --enable ${port.id}`),
            setDown(port),
          ),
  }),
  check({
    id: 'network-up',
    of: 'network',
    needs: ['log'],
    finds: 'The network is administratively down: all its ports are cut off.',
    mends: 'openstack network set --enable NETWORK',
    whose: 'project',
    judge: (network) =>
      network.adminStateUp
        ? WELL
        : fault(
            `network ${nameOf(network)} is administratively down`,
            byOwner(`openstack network set --enable ${network.id}`),
            {
              stream: streamOfObject(network),
              types: ['NetworkAttributesSet', 'NetworkCreated'],
              data: { adminStateUp: false },
            },
          ),
  }),
  check({
    id: 'router-up',
    of: 'router',
    needs: ['log'],
    finds: 'The router is administratively down: it is on no node.',
    mends: 'openstack router set --enable ROUTER',
    whose: 'project',
    judge: (router) =>
      router.adminStateUp
        ? WELL
        : fault(
            `router ${nameOf(router)} is administratively down`,
            byOwner(`openstack router set --enable ${router.id}`),
            {
              stream: streamOfObject(router),
              types: ['RouterAttributesSet', 'RouterCreated'],
              data: { adminStateUp: false },
            },
          ),
  }),
  check({
    id: 'router-port-up',
    of: 'router',
    needs: ['log'],
    finds: 'A port of the router is administratively down: nothing passes between the router and its network.',
    mends: 'openstack port set --enable PORT',
    whose: 'project',
    judge: ({ interfaces, gateway, ...router }, { objects }) => {
      const ids = [...Object.keys(interfaces), ...(gateway ? [gateway.portId] : [])];
      if (ids.length === 0) return null;
      const down = ids.flatMap((id) => objects.get('port', id) ?? []).find(({ adminStateUp }) => !adminStateUp);
      if (!down) return WELL;
      const network = objects.get('network', down.networkId);
      return fault(
        `port ${nameOf(down)} of router ${nameOf(router)}, on network ${network ? nameOf(network) : down.networkId}, is administratively down`,
        byOwner(`openstack port set --enable ${down.id}`),
        setDown(down),
      );
    },
  }),
  check({
    id: 'external-network-leads-outside',
    of: 'network',
    needs: ['log'],
    finds: 'The external network is of a type that no physical network carries (vxlan, local).',
    mends: 'Make it anew with --provider-network-type flat or vlan.',
    whose: 'cloud',
    judge: (network, { objects }) => {
      if (!isExternal(objects, network)) return null;
      if (network.physicalNetwork !== null) return WELL;
      return fault(
        `network ${nameOf(network)} is external and of type ${network.networkType}: no physical network carries it`,
        byAdministrator(
          `make it anew: openstack network create --external --provider-network-type flat --provider-physical-network PHYSNET ${nameOf(network)}`,
        ),
        { stream: streamOfObject(network), types: ['NetworkCreated'] },
      );
    },
  }),
  check({
    id: 'virtual-address-allowed',
    of: 'floatingip',
    needs: ['log'],
    finds: 'The floating IP leads to an address that no instance may send from: no allowed_address_pairs name it.',
    mends: 'openstack port set --allowed-address ip-address=ADDRESS PORT',
    whose: 'project',
    judge: ({ association }, { objects }) => {
      const port = association && objects.get('port', association.portId);
      if (!association || !port || port.binding.host !== '' || port.deviceId !== '') return null;
      if (isCovered(objects, port) || isUnguarded(objects, port)) return WELL;
      const address = association.fixedIpAddress;
      return fault(
        `address ${address} of port ${nameOf(port)} is plugged nowhere, and the allowed_address_pairs of no port name it: what an instance sends from it is dropped`,
        byOwner(`openstack port set --allowed-address ip-address=${address} PORT-OF-THE-INSTANCE`),
        { stream: streamOfObject(port), types: ['PortCreated'] },
      );
    },
  }),
  check({
    id: 'port-bound',
    of: 'port',
    needs: ['log'],
    finds: "The instance's port is bound to no node.",
    mends: 'Start the instance, or openstack port set --host NODE PORT',
    whose: 'project',
    judge: (port) => {
      if (port.binding.host !== '') return WELL;
      if (port.deviceId === '') return null;
      return fault(
        `port ${nameOf(port)} of instance ${port.deviceId} is bound to no node`,
        byOwner(`start the instance (openstack server start), or openstack port set --host NODE ${port.id}`),
        { stream: streamOfObject(port), types: ['PortUnbound', 'PortCreated'] },
      );
    },
  }),
] as const;

/** What a guest beyond its own network needs. Last: a network without a way out may be meant so. */
export const wayOutChecks = [
  check({
    id: 'subnet-on-router',
    of: 'port',
    when: ['port'],
    needs: ['log'],
    finds: "Nobody has the gateway address of the port's subnet: its instance reaches its own network only.",
    mends: 'openstack router add subnet ROUTER SUBNET',
    whose: 'project',
    judge: (port, { objects }) => {
      const subnets = port.fixedIps.flatMap(({ subnetId }) => objects.get('subnet', subnetId) ?? []);
      const lacking = subnets.find(
        ({ gatewayIp, networkId, ipVersion }) =>
          ipVersion === 4 &&
          gatewayIp !== null &&
          objects.find('port', `address/${networkId}/${gatewayIp}`).length === 0,
      );
      const network = objects.get('network', port.networkId);
      // The gateway of a provider network is a router of somebody else.
      if (!lacking || network?.physicalNetwork !== null) return subnets.length === 0 ? null : WELL;
      return fault(
        `subnet ${nameOf(lacking)} is on no router: nobody has ${lacking.gatewayIp}, the gateway that its instances are told`,
        byOwner(`openstack router add subnet ROUTER ${lacking.id}`),
        removedInterface(objects, lacking.networkId),
      );
    },
  }),
  check({
    id: 'router-gateway',
    of: 'router',
    when: ['port'],
    needs: ['log'],
    finds: 'The router has no external gateway: nothing outside is reached through it.',
    mends: 'openstack router set --external-gateway NETWORK ROUTER',
    whose: 'project',
    judge: (router) =>
      router.gateway
        ? WELL
        : fault(
            `router ${nameOf(router)} has no external gateway`,
            byOwner(`openstack router set --external-gateway NETWORK ${router.id}`),
            { stream: streamOfObject(router), types: ['RouterGatewayCleared', 'RouterCreated'] },
          ),
  }),
  check({
    id: 'external-subnet-gateway',
    of: 'router',
    needs: ['log'],
    finds: 'The subnet of the external network has no gateway: the router has no default route.',
    mends: 'openstack subnet set --gateway ADDRESS SUBNET',
    whose: 'cloud',
    judge: (router, { objects }) => {
      const subnets = externalSubnetsOf(objects, router).filter(({ ipVersion }) => ipVersion === 4);
      if (!router.gateway || subnets.length === 0) return null;
      const [first] = subnets;
      if (!first || subnets.some(({ gatewayIp }) => gatewayIp !== null)) return WELL;
      return fault(
        `subnet ${nameOf(first)} of the external network has no gateway: router ${nameOf(router)} has no default route`,
        byAdministrator(`openstack subnet set --gateway ADDRESS ${first.id}`),
        {
          stream: streamOfObject(first),
          types: ['SubnetAttributesSet', 'SubnetCreated'],
          data: { subnetId: first.id },
        },
      );
    },
  }),
] as const;

/** Subnets in which the router has its outside addresses. */
export const externalSubnetsOf = (objects: Objects, router: Router) =>
  (router.gateway ? (objects.get('port', router.gateway.portId)?.fixedIps ?? []) : []).flatMap(
    ({ subnetId }) => objects.get('subnet', subnetId) ?? [],
  );

const setDown = (port: Port): Made => ({
  stream: streamOfObject(port),
  types: ['PortAttributesSet', 'PortCreated'],
  data: { adminStateUp: false },
});

/** The interface that a router had on the network. Null where none is known: its router's stream is not named by the network. */
function removedInterface(objects: Objects, networkId: string): Made | undefined {
  const [router] = objects.find('router', `network/${networkId}`);
  return router && { stream: streamOfObject(router), types: ['RouterInterfaceRemoved'], data: { networkId } };
}

export const securityChecks = [
  check({
    id: 'security-group',
    of: 'port',
    when: ['floating-ip', 'port'],
    needs: ['log'],
    finds: 'No rule of its security groups lets in what comes from outside.',
    mends: 'openstack security group rule create --protocol tcp --dst-port PORT GROUP',
    whose: 'project',
    judge: (port, { objects, traffic, scene }) => {
      // Its address is at an instance with another port, whose groups count.
      if (port.binding.host === '') return null;
      const node = objects.get('node', port.binding.host);
      if (!port.portSecurityEnabled || port.fixedIps.length === 0 || (node && firewallOf(node) === 'none')) return WELL;
      // Of one that has both versions IPv4 alone may be meant.
      const ethertype = port.fixedIps.every(({ ipAddress }) => ipAddress.includes(':')) ? 'IPv6' : 'IPv4';
      // Who asks about a port alone may well want it closed to all but its groups.
      if (scene.floatingIps.length === 0 && traffic === null && hasGroupRule(objects, port)) return WELL;
      if (letsIn(objects, port, null, traffic, ethertype)) return WELL;
      const [group] = port.securityGroupIds;
      const what =
        traffic === null ? 'anything' : traffic.protocol === 'icmp' ? 'ICMP' : `${traffic.protocol}/${traffic.port}`;
      const version = ethertype === 'IPv6' ? ' --ethertype IPv6' : '';
      const flags =
        traffic === null || traffic.protocol === 'icmp'
          ? '--protocol tcp --dst-port PORT'
          : `--protocol ${traffic.protocol} --dst-port ${traffic.port}`;
      if (group === undefined)
        return fault(
          `port ${nameOf(port)} is in no security group, so nothing is let in`,
          byOwner(`openstack port set --security-group GROUP ${port.id}`),
          { stream: streamOfObject(port), types: ['PortAttributesSet', 'PortCreated'] },
        );
      return fault(
        `no rule of the security groups of port ${nameOf(port)} lets in ${what} from outside${ethertype === 'IPv6' ? ' by IPv6' : ''}`,
        byOwner(
          traffic?.protocol === 'icmp'
            ? `openstack security group rule create --protocol ${ethertype === 'IPv6' ? 'ipv6-icmp' : 'icmp'}${version} ${group}`
            : `openstack security group rule create ${flags}${version} ${group}`,
        ),
        { stream: `securitygroup-${group}`, types: ['SecurityGroupRuleDeleted', 'SecurityGroupCreated'] },
      );
    },
  }),
] as const;

const hasGroupRule = (objects: Objects, port: Port): boolean =>
  port.securityGroupIds.some((id) =>
    objects
      .find('securitygrouprule', `securitygroup/${id}`)
      .some(({ direction, remoteGroupId }) => direction === 'ingress' && remoteGroupId !== null),
  );

/** The address of the router on the port's subnet, and its MAC; null: no router has the subnet's gateway address. */
export function nearRouterOf(
  objects: Objects,
  port: Port,
): Readonly<{ router: Router; interface: Port; ip: string; cidr: string }> | null {
  for (const { subnetId, ipAddress } of port.fixedIps) {
    const subnet = ipAddress.includes(':') ? undefined : objects.get('subnet', subnetId);
    const found = subnet && gatewayPortOf(objects, subnet);
    const router = found && objects.get('router', found.deviceId);
    if (found?.deviceOwner === DEVICE_OWNER.routerInterface && router && subnet.gatewayIp !== null)
      return { router, interface: found, ip: subnet.gatewayIp, cidr: subnet.cidr };
  }
  return null;
}
