/** What a client would ask for, with the API's defaults filled in. */
import { createNetworks, NewNetwork } from '../networks/networks.js';
import type { BindingPolicy } from '../ports/binding.js';
import { NewPort, createPorts } from '../ports/ports.js';
import { registerNode } from '../nodes/nodes.js';
import { createRouters, NewRouter } from '../routers/routers.js';
import { addRouterInterface } from '../routers/interfaces.js';
import { createSubnets, NewSubnet } from '../subnets/subnets.js';
import { createFloatingIps, NewFloatingIp } from '../floating-ips/floating-ips.js';
import { POLICY, World } from './world.js';

/** Bindings as an operator has them who does without enforcement. */
export const UNENFORCED: BindingPolicy = { enforcing: null };

const named = { projectId: 'p', name: '', description: '' };

export const network = (wish: Partial<NewNetwork> = {}): NewNetwork => ({
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
  ...wish,
});
export const subnet = (networkId: string, cidr: string, wish: Partial<NewSubnet> = {}): NewSubnet => ({
  ...named,
  networkId,
  cidr,
  ipVersion: cidr.includes(':') ? 6 : 4,
  dnsNameservers: [],
  hostRoutes: [],
  enableDhcp: true,
  ...wish,
});
export const port = (networkId: string, wish: Partial<NewPort> = {}): NewPort => ({
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
  ...wish,
});
export const router = (wish: Partial<NewRouter> = {}): NewRouter => ({
  ...named,
  adminStateUp: true,
  gateway: null,
  ...wish,
});
export const floatingIp = (floatingNetworkId: string, wish: Partial<NewFloatingIp> = {}): NewFloatingIp => ({
  projectId: 'p',
  description: '',
  floatingNetworkId,
  floatingIpAddress: null,
  subnetId: null,
  target: null,
  ...wish,
});

export const make = {
  network: (world: World, wish: Partial<NewNetwork> = {}) =>
    world.do(createNetworks([network(wish)], POLICY))[0] as string,
  subnet: (world: World, networkId: string, cidr: string, wish: Partial<NewSubnet> = {}) =>
    world.do(createSubnets([subnet(networkId, cidr, wish)]))[0] as string,
  port: (world: World, networkId: string, wish: Partial<NewPort> = {}) =>
    world.do(createPorts([port(networkId, wish)], UNENFORCED))[0] as string,
  router: (world: World, wish: Partial<NewRouter> = {}, l3Hosts: readonly string[] = []) =>
    world.do(createRouters([router(wish)], { l3Hosts }))[0] as string,
  floatingIp: (world: World, networkId: string, wish: Partial<NewFloatingIp> = {}) =>
    world.do(createFloatingIps([floatingIp(networkId, wish)]))[0] as string,
};

/** Scenario A: an external network, a tenant network, a router between them on `net1`, an instance on `cmp1`. */
export function scenarioA(world: World) {
  for (const [host, tunnelIp] of [
    ['net1', '10.9.0.1'],
    ['cmp1', '10.9.0.2'],
  ] as const)
    world.do(registerNode({ host, tunnelIp, bridgeMappings: { physnet1: 'br-ex' } }));
  const external = make.network(world, { external: true, networkType: 'flat', physicalNetwork: 'physnet1' });
  const outside = make.subnet(world, external, '10.16.160.0/21');
  const tenant = make.network(world);
  const inside = make.subnet(world, tenant, '10.0.0.0/24');
  const fleet = { l3Hosts: ['net1'] };
  const routerId = make.router(world, { gateway: { networkId: external } }, fleet.l3Hosts);
  const leg = world.do(addRouterInterface(routerId, { subnetId: inside }, fleet)).portId;
  const instance = make.port(world, tenant, {
    deviceOwner: 'compute:nova',
    deviceId: 'qvm1',
    binding: { host: 'cmp1', vnicType: 'normal', profile: {} },
  });
  return { external, outside, tenant, inside, routerId, leg, instance, fleet };
}
