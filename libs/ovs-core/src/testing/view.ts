/** Host views for specs, in the words of a node: networks with their local tags, ports, nodes. Positions count up as objects are added. */
import { AnyObject, keyOf, Network, Node, ObjectKey, Placement, Port, Router } from '@plumbline/contracts';
import { emptyView, HostView } from '@plumbline/topology';

const TIME = '2026-01-01T00:00:00Z';
const nth = (n: number): string => n.toString(16).padStart(12, '0');

/** A well-formed id from a number. */
export const idOf = (n: number): string => `00000000-0000-4000-8000-${nth(n)}`;

/** Builds one host's view. Each call is an event: it raises the position and sets the facets it would set. */
export class ViewBuilder {
  readonly view: HostView;

  constructor(host = 'cmp1') {
    this.view = emptyView(host);
    this.view.log = idOf(0xffff);
  }

  node(id: string, more: Partial<Node> = {}): this {
    const position = this.next();
    const facts = { tunnelIp: null, bridgeMappings: {}, removed: false, ...more };
    return this.put<Node>({ kind: 'node', ...common(id, position, ['node']), ...facts });
  }

  network(n: number, type: 'flat' | 'vlan' | 'vxlan', more: Partial<Network> = {}): this {
    const position = this.next();
    return this.put<Network>({
      kind: 'network',
      ...common(idOf(n), position, ['network']),
      adminStateUp: true,
      mtuBytes: type === 'vxlan' ? 1450 : 1500,
      shared: false,
      external: false,
      isDefault: false,
      networkType: type,
      physicalNetwork: type === 'vxlan' ? null : 'physnet1',
      segmentationId: type === 'flat' ? null : n,
      portSecurityEnabled: true,
      dnsDomain: '',
      ...more,
    });
  }

  /** The network is on these hosts, with these local tags. */
  placed(n: number, hosts: Readonly<Record<string, number>>): this {
    const position = this.next();
    const facets = Object.keys(hosts).map((host) => `host:${host}`);
    const tags = Object.fromEntries(Object.entries(hosts).map(([host, localVlanId]) => [host, { localVlanId }]));
    return this.put<Placement>({ kind: 'placement', ...common(idOf(n), position, facets), hosts: tags });
  }

  port(n: number, network: number, more: Partial<Port> = {}): this {
    const position = this.next();
    return this.put<Port>({
      kind: 'port',
      ...common(idOf(n), position, ['port', 'fixedIps', 'binding']),
      networkId: idOf(network),
      macAddress: macOf(n),
      adminStateUp: true,
      deviceId: '',
      deviceOwner: 'compute:nova',
      fixedIps: [{ subnetId: idOf(network), ipAddress: `10.0.0.${n % 256}` }],
      portSecurityEnabled: true,
      securityGroupIds: [],
      allowedAddressPairs: [],
      extraDhcpOpts: [],
      dnsName: '',
      binding: { host: this.view.host, vnicType: 'normal', profile: {} },
      ...more,
    });
  }

  router(n: number, host: string = this.view.host): this {
    const position = this.next();
    const facts = {
      adminStateUp: true,
      gateway: null,
      interfaces: {},
      routes: [],
      host,
      heldOff: false,
      availabilityZoneHints: [],
    };
    return this.put<Router>({ kind: 'router', ...common(idOf(n), position, ['router', 'host']), ...facts });
  }

  remove(key: ObjectKey): this {
    this.next();
    this.view.objects.delete(key);
    return this;
  }

  put<O extends AnyObject>(object: O): this {
    this.view.objects.set(keyOf(object), object);
    return this;
  }

  private next(): number {
    this.view.position += 1;
    return this.view.position;
  }
}

/** The MAC that `port` gives to port n. */
export const macOf = (n: number): string => `fa:16:3e:00:${pair(n >> 8)}:${pair(n & 0xff)}`;
const pair = (byte: number): string => (byte & 0xff).toString(16).padStart(2, '0');

const common = (id: string, position: number, facets: readonly string[]) => ({
  id,
  projectId: 'project',
  name: '',
  description: '',
  tags: [],
  createdAt: TIME,
  updatedAt: TIME,
  revision: 0,
  setAt: Object.fromEntries(facets.map((facet) => [facet, position])),
});
