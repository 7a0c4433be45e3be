/** Requests as a client would make them, with the API's defaults filled in. */
import { createNetworks, NewNetwork } from '../networks/networks.js';
import { NewPort, createPorts } from '../ports/ports.js';
import { registerNode } from '../nodes/nodes.js';
import { createRouters, NewRouter } from '../routers/routers.js';
import { addRouterInterface } from '../routers/interfaces.js';
import { createSubnets, NewSubnet } from '../subnets/subnets.js';
import { createFloatingIps, NewFloatingIp } from '../floating-ips/floating-ips.js';
import { POLICY, World } from './world.js';

const named = { projectId: 'p', name: '', description: '' };

export const network = (request: Partial<NewNetwork> = {}): NewNetwork => ({
  ...named,
  adminStateUp: true,
  shared: false,
  external: false,
  isDefault: false,
  portSecurityEnabled: true,
  mtuBytes: 0,
  networkType: null,
  physicalNetwork: null,
  segmentationId: null,
  ...request,
});
export const subnet = (networkId: string, cidr: string, request: Partial<NewSubnet> = {}): NewSubnet => ({
  ...named,
  networkId,
  cidr,
  ipVersion: cidr.includes(':') ? 6 : 4,
  dnsNameservers: [],
  hostRoutes: [],
  enableDhcp: true,
  ...request,
});
export const port = (networkId: string, request: Partial<NewPort> = {}): NewPort => ({
  ...named,
  networkId,
  adminStateUp: true,
  deviceId: '',
  deviceOwner: '',
  portSecurityEnabled: true,
  macAddress: null,
  fixedIps: null,
  securityGroupIds: null,
  allowedAddressPairs: [],
  extraDhcpOpts: [],
  dnsName: '',
  binding: { host: '', vnicType: 'normal', profile: {} },
  ...request,
});
export const router = (request: Partial<NewRouter> = {}): NewRouter => ({
  ...named,
  adminStateUp: true,
  gateway: null,
  ...request,
});
export const floatingIp = (floatingNetworkId: string, request: Partial<NewFloatingIp> = {}): NewFloatingIp => ({
  projectId: 'p',
  description: '',
  floatingNetworkId,
  floatingIpAddress: null,
  subnetId: null,
  target: null,
  ...request,
});

export const make = {
  network: (world: World, request: Partial<NewNetwork> = {}) =>
    world.do(createNetworks([network(request)], POLICY))[0] as string,
  subnet: (world: World, networkId: string, cidr: string, request: Partial<NewSubnet> = {}) =>
    world.do(createSubnets([subnet(networkId, cidr, request)]))[0] as string,
  /** Its host enforces security groups. */
  port: (world: World, networkId: string, request: Partial<NewPort> = {}) => {
    if (request.binding?.host && request.portSecurityEnabled !== false) make.node(world, request.binding.host);
    return world.do(createPorts([port(networkId, request)]))[0] as string;
  },
  /** One that enforces security groups, if it is not there. */
  node: (world: World, host: string) => {
    if (!world.topology.get('node', host))
      world.do(registerNode({ host, tunnelIp: null, bridgeMappings: {}, firewall: 'openflow' }));
  },
  router: (world: World, request: Partial<NewRouter> = {}, l3Hosts: readonly string[] = []) =>
    world.do(createRouters([router(request)], { l3Hosts }))[0] as string,
  floatingIp: (world: World, networkId: string, request: Partial<NewFloatingIp> = {}) =>
    world.do(createFloatingIps([floatingIp(networkId, request)]))[0] as string,
};

/** Scenario A: an external network, a tenant network, a router between them on `net1`, an instance on `cmp1`. */
export function scenarioA(world: World) {
  for (const [host, tunnelIp] of [
    ['net1', '10.9.0.1'],
    ['cmp1', '10.9.0.2'],
  ] as const)
    world.do(registerNode({ host, tunnelIp, bridgeMappings: { physnet1: 'br-ex' }, firewall: 'openflow' }));
  const external = make.network(world, { external: true, networkType: 'flat', physicalNetwork: 'physnet1' });
  const outside = make.subnet(world, external, '10.16.160.0/21');
  const tenant = make.network(world);
  const inside = make.subnet(world, tenant, '10.0.0.0/24');
  const fleet = { l3Hosts: ['net1'] };
  const routerId = make.router(world, { gateway: { networkId: external } }, fleet.l3Hosts);
  const interfacePortId = world.do(addRouterInterface(routerId, { subnetId: inside }, fleet)).portId;
  const instance = make.port(world, tenant, {
    deviceOwner: 'compute:nova',
    deviceId: 'qvm1',
    binding: { host: 'cmp1', vnicType: 'normal', profile: {} },
  });
  return { external, outside, tenant, inside, routerId, interfacePortId, instance, fleet };
}
