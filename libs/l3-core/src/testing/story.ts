/** Short logs for specs, told in few words: networks, routers and floating IPs on one host, event by event. */
import { ObjectKey, PlumbEvent, PortForwarding, Recorded, subjectOf, versionOf } from '@plumbline/contracts';
import { emptyView, fold, HostView, streamOf, Topology, wholeView } from '@plumbline/topology';

const META = { requestId: 'req-1', userId: 'user', projectId: 'project', time: '2026-01-01T00:00:00Z' };
const LOG = '00000000-0000-4000-8000-000000000001';
const NAMED = { projectId: 'project', name: '', description: '' };
const v1 = { version: 1 } as const;

/** An id whose first characters, the ones that device names are made of, are `head`: `a075f8a5-71`. */
export const idOf = (head: string): string =>
  `${head.padEnd(8, '0').slice(0, 8)}-${(head.split('-')[1] ?? '00').padEnd(4, '0')}-4000-8000-000000000000`;

type Fixed = { subnetId: string; ipAddress: string };

export class Story {
  readonly log: Recorded[] = [];

  constructor(readonly host = 'net1') {}

  add(...events: PlumbEvent[]): this {
    for (const event of events)
      this.log.push({
        position: this.log.length + 1,
        stream: streamOf(event),
        event: event as unknown as Recorded['event'],
        meta: META,
      });
    return this;
  }

  /** A network with one subnet, placed on the host. Subnet id: the network's with `b` in front. */
  network(
    head: string,
    cidr: string,
    more: { gatewayIp?: string | null; external?: boolean; mtuBytes?: number } = {},
  ): this {
    const networkId = idOf(head);
    const external = more.external ?? false;
    return this.add(
      {
        type: 'NetworkCreated',
        ...v1,
        data: {
          networkId,
          ...NAMED,
          adminStateUp: true,
          mtuBytes: more.mtuBytes ?? (external ? 1500 : 1450),
          shared: false,
          external,
          isDefault: false,
          portSecurityEnabled: true,
          networkType: external ? 'flat' : 'vxlan',
          physicalNetwork: external ? 'physnet1' : null,
          segmentationId: external ? null : parseInt(head, 16) % 16777215,
        },
      },
      {
        type: 'NetworkPlacedOnHost',
        ...v1,
        data: { networkId, host: this.host, localVlanId: (this.log.length % 4000) + 1 },
      },
    ).subnet(head, `b${head}`, cidr, more.gatewayIp);
  }

  subnet(network: string, head: string, cidr: string, gatewayIp: string | null = null): this {
    return this.add({
      type: 'SubnetCreated',
      ...v1,
      data: {
        subnetId: idOf(head),
        networkId: idOf(network),
        ...NAMED,
        gatewayIp,
        allocationPools: [],
        dnsNameservers: [],
        hostRoutes: [],
        enableDhcp: true,
        ipVersion: versionOf(cidr),
        cidr,
        ipv6RaMode: null,
        ipv6AddressMode: null,
      },
    });
  }

  router(head: string): this {
    const routerId = idOf(head);
    return this.add(
      { type: 'RouterCreated', ...v1, data: { routerId, ...NAMED, adminStateUp: true } },
      { type: 'RouterScheduled', ...v1, data: { routerId, host: this.host } },
    );
  }

  private routerPort(
    router: string,
    network: string,
    head: string,
    mac: string,
    ips: readonly string[],
    owner: string,
  ): Fixed[] {
    const fixedIps = ips.map((ip) => {
      const [ipAddress = '', subnet = `b${network}`] = ip.split('@');
      return { ipAddress, subnetId: idOf(subnet) };
    });
    this.add({
      type: 'PortCreated',
      ...v1,
      data: {
        portId: idOf(head),
        networkId: idOf(network),
        ...NAMED,
        adminStateUp: true,
        deviceId: idOf(router),
        deviceOwner: owner,
        macAddress: mac,
        portSecurityEnabled: false,
        fixedIps,
      },
    });
    return fixedIps;
  }

  /** `ips`: an address of the network's own subnet, or `address@subnet`. */
  interface(router: string, network: string, port: string, mac: string, ...ips: string[]): this {
    const fixedIps = this.routerPort(router, network, port, mac, ips, 'network:router_interface');
    const data = { routerId: idOf(router), portId: idOf(port), networkId: idOf(network), fixedIps };
    return this.add({ type: 'RouterInterfaceAdded', ...v1, data });
  }

  gateway(router: string, network: string, port: string, mac: string, ...ips: string[]): this {
    const fixedIps = this.routerPort(router, network, port, mac, ips, 'network:router_gateway');
    return this.add({
      type: 'RouterGatewaySet',
      ...v1,
      data: { routerId: idOf(router), portId: idOf(port), networkId: idOf(network), fixedIps, enableSnat: true },
    });
  }

  floatingIp(head: string, network: string, floatingIpAddress: string): this {
    return this.add({
      type: 'FloatingIpCreated',
      ...v1,
      data: {
        floatingIpId: idOf(head),
        ...NAMED,
        floatingNetworkId: idOf(network),
        floatingIpAddress,
        floatingPortId: idOf(`f${head}`),
      },
    });
  }

  associate(head: string, floatingIpAddress: string, fixedIpAddress: string, subnet: string, router: string): this {
    return this.add({
      type: 'FloatingIpAssociated',
      ...v1,
      data: {
        floatingIpId: idOf(head),
        floatingIpAddress,
        portId: idOf(`d${head}`),
        fixedIpAddress,
        subnetId: idOf(subnet),
        routerId: idOf(router),
      },
    });
  }

  disassociate(head: string, floatingIpAddress: string, fixedIpAddress: string, router: string): this {
    return this.add({
      type: 'FloatingIpDisassociated',
      ...v1,
      data: {
        floatingIpId: idOf(head),
        floatingIpAddress,
        portId: idOf(`d${head}`),
        fixedIpAddress,
        routerId: idOf(router),
      },
    });
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
    return change
      ? this.add({ type: 'PortForwardingChanged', ...v1, data: facts })
      : this.add({ type: 'PortForwardingCreated', ...v1, data: { ...NAMED, ...facts } });
  }

  unforward(head: string, router: string, outside: readonly [floatingIp: string, address: string] | null): this {
    return this.add({
      type: 'PortForwardingDeleted',
      ...v1,
      data: {
        portForwardingId: idOf(head),
        routerId: idOf(router),
        floatingIpId: outside && idOf(outside[0]),
        externalIpAddress: outside && outside[1],
      },
    });
  }

  /** The host's view when the first `length` events have happened. */
  view(length = this.log.length): HostView {
    const view = emptyView(this.host);
    fold(view, wholeView(Topology.fold(this.log.slice(0, length)), this.host, LOG, '0'.repeat(64)));
    return view;
  }

  /** The object that event number `position` changed. */
  touched(position: number): ReadonlySet<ObjectKey> {
    const recorded = this.log[position - 1];
    if (!recorded) throw new Error(`the story has no position ${position}`);
    return new Set([subjectOf(recorded.event as unknown as PlumbEvent).key]);
  }
}
