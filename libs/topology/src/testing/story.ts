/** Short logs for specs, told in few words: networks, routers and floating IPs on one host, event by event. */
import {
  DEVICE_OWNER,
  FixedIp,
  ObjectKey,
  PlumbEvent,
  PortForwarding,
  Recorded,
  versionOf,
} from '@plumbline/contracts';
import type { HostView } from '../fold.js';
import * as events from './events.js';
import { World } from './world.js';

/** An id whose first characters, the ones that device names are made of, are `head`: `a075f8a5-71`. */
export const idOf = (head: string): string =>
  `${head.padEnd(8, '0').slice(0, 8)}-${(head.split('-')[1] ?? '00').padEnd(4, '0')}-4000-8000-000000000000`;

/** Of a subnet, when they are not the usual ones. */
export type SubnetFacts = Partial<
  Pick<Parameters<typeof events.subnetCreated>[0], 'dnsNameservers' | 'ipv6RaMode' | 'ipv6AddressMode'>
>;

export class Story {
  private readonly world = new World();

  constructor(readonly host = 'net1') {}

  get log(): readonly Recorded[] {
    return this.world.log;
  }

  add(...added: PlumbEvent[]): this {
    for (const event of added) this.world.append(event);
    return this;
  }

  /** A network with one subnet, placed on the host. Subnet id: the network's with `b` in front. */
  network(
    head: string,
    cidr: string,
    more: { gatewayIp?: string | null; external?: boolean; mtuBytes?: number } & SubnetFacts = {},
  ): this {
    const networkId = idOf(head);
    const { external = false, mtuBytes = external ? 1500 : 1450, gatewayIp = null, ...facts } = more;
    const segment = external
      ? ({ networkType: 'flat', physicalNetwork: 'physnet1', segmentationId: null } as const)
      : ({ networkType: 'vxlan', segmentationId: parseInt(head, 16) % 16777215 } as const);
    return this.add(
      events.networkCreated({ networkId, external, mtuBytes, ...segment }),
      events.networkPlaced(networkId, this.host, (this.log.length % 4000) + 1),
    ).subnet(head, `b${head}`, cidr, gatewayIp, facts);
  }

  subnet(network: string, head: string, cidr: string, gatewayIp: string | null = null, more: SubnetFacts = {}): this {
    const of = { subnetId: idOf(head), networkId: idOf(network), cidr, ipVersion: versionOf(cidr) };
    return this.add(events.subnetCreated({ ...of, gatewayIp, enableDhcp: true, ...more }));
  }

  router(head: string): this {
    const routerId = idOf(head);
    return this.add(events.routerCreated({ routerId }), events.routerScheduled(routerId, this.host));
  }

  private routerPort(
    router: string,
    network: string,
    head: string,
    mac: string,
    ips: readonly string[],
    owner: string,
  ): FixedIp[] {
    const fixedIps = ips.map((ip) => {
      const [ipAddress = '', subnet = `b${network}`] = ip.split('@');
      return { ipAddress, subnetId: idOf(subnet) };
    });
    this.add(
      events.portCreated({
        portId: idOf(head),
        networkId: idOf(network),
        deviceId: idOf(router),
        deviceOwner: owner,
        macAddress: mac,
        portSecurityEnabled: false,
        fixedIps,
      }),
    );
    return fixedIps;
  }

  /** `ips`: an address of the network's own subnet, or `address@subnet`. */
  interface(router: string, network: string, port: string, mac: string, ...ips: string[]): this {
    const fixedIps = this.routerPort(router, network, port, mac, ips, DEVICE_OWNER.routerInterface);
    return this.add(events.routerInterfaceAdded(idOf(router), idOf(port), idOf(network), fixedIps));
  }

  gateway(router: string, network: string, port: string, mac: string, ...ips: string[]): this {
    const fixedIps = this.routerPort(router, network, port, mac, ips, DEVICE_OWNER.routerGateway);
    return this.add(events.routerGatewaySet(idOf(router), idOf(port), idOf(network), fixedIps));
  }

  /** Floating port id: the floating IP's with `f` in front. */
  floatingIp(head: string, network: string, floatingIpAddress: string): this {
    const of = { floatingIpId: idOf(head), floatingPortId: idOf(`f${head}`), floatingNetworkId: idOf(network) };
    return this.add(events.floatingIpCreated({ ...of, floatingIpAddress }));
  }

  /** Port id of the instance: the floating IP's with `d` in front. */
  associate(head: string, floatingIpAddress: string, fixedIpAddress: string, subnet: string, router: string): this {
    const of = { floatingIpId: idOf(head), portId: idOf(`d${head}`), subnetId: idOf(subnet), routerId: idOf(router) };
    return this.add(events.floatingIpAssociated({ ...of, floatingIpAddress, fixedIpAddress }));
  }

  disassociate(head: string, floatingIpAddress: string, fixedIpAddress: string, router: string): this {
    const of = { floatingIpId: idOf(head), portId: idOf(`d${head}`), routerId: idOf(router) };
    return this.add(events.floatingIpDisassociated({ ...of, floatingIpAddress, fixedIpAddress }));
  }

  /**
   * `ports`: outside and inside, `2222>22`, `1000-1010>3000-3010`, or null for a protocol without. `outside`: the floating IP and its address, or null for the
   * router's own. With `change` the forwarding of this id is as this says from here on.
   */
  forward(
    head: string,
    router: string,
    outside: readonly [floatingIp: string, address: string] | null,
    protocol: PortForwarding['protocol'],
    ports: string | null,
    to: string,
    change = false,
  ): this {
    const [externalPorts = null, internalPorts = null] = (ports?.split('>') ?? []).map((text) => {
      const [first = 0, last = first] = text.split('-').map(Number);
      return { first, last };
    });
    const [internalIpAddress = '', port = ''] = to.split('@');
    const facts = {
      portForwardingId: idOf(head),
      routerId: idOf(router),
      floatingIpId: outside && idOf(outside[0]),
      externalIpAddress: outside && outside[1],
      description: '',
      protocol,
      externalPorts,
      internalPorts,
      internalPortId: idOf(port),
      internalIpAddress,
      internalSubnetId: idOf('ba'),
    };
    return this.add(change ? events.portForwardingChanged(facts) : events.portForwardingCreated(facts));
  }

  unforward(head: string, router: string, outside: readonly [floatingIp: string, address: string] | null): this {
    return this.add(
      events.portForwardingDeleted({
        portForwardingId: idOf(head),
        routerId: idOf(router),
        floatingIpId: outside && idOf(outside[0]),
        externalIpAddress: outside && outside[1],
      }),
    );
  }

  /** The host's view when the first `length` events have happened. */
  view(length = this.log.length): HostView {
    return this.world.viewOf(this.host, length);
  }

  /** The object that event number `position` changed. */
  touched(position: number): ReadonlySet<ObjectKey> {
    return this.world.touchedBy(position);
  }
}
