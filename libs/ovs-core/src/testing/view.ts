/**
 * Host views for specs, in the words of a node: networks with their local tags, ports, nodes. Positions count up as objects are added. The objects come from
 * the events that make them; `more` is what a test wants otherwise, also what no log could hold.
 */
import {
  AddressGroup,
  AnyObject,
  ForwardingEntry,
  keyOf,
  memberId,
  Network,
  Node,
  PacketLog,
  ObjectKey,
  Placement,
  placeId,
  PlumbEvent,
  Port,
  Recorded,
  Router,
  RouterEntry,
  RouterPlace,
  SecurityGroup,
  SecurityGroupMember,
  SecurityGroupRule,
} from '@plumbline/contracts';
import { emptyView, evolve, HostView } from '@plumbline/topology';
import {
  id as idOf,
  mac as macOf,
  metaOf,
  networkCreated,
  networkPlaced,
  nodeRegistered,
  portBound,
  portCreated,
  routerCreated,
  routerScheduled,
} from '@plumbline/topology/testing';

/** What these events, all at one position, make of an object. */
function made<O extends AnyObject>(position: number, ...events: PlumbEvent[]): O {
  const recorded = events.map((event) => ({ position, event: event as unknown as Recorded['event'], meta: metaOf(0) }));
  return recorded.reduce<AnyObject | undefined>((object, each) => evolve(object, each), undefined) as O;
}

const plain = (id: string, position: number, facet: string) => ({
  ...{ id, projectId: '', name: '', description: '', tags: [], createdAt: '', updatedAt: '', revision: 0 },
  setAt: { [facet]: position },
});

/** Builds one host's view. Each call is an event: it raises the position and sets the facets it would set. */
export class ViewBuilder {
  readonly view: HostView;

  constructor(host = 'cmp1') {
    this.view = emptyView(host);
    this.view.log = idOf(0xffff);
  }

  node(id: string, more: Partial<Node> = {}): this {
    return this.put<Node>({ ...made<Node>(this.next(), nodeRegistered(id, null)), ...more });
  }

  network(n: number, type: Network['networkType'], more: Partial<Network> = {}): this {
    const segment = {
      networkType: type,
      physicalNetwork: type === 'flat' || type === 'vlan' ? 'physnet1' : null,
      segmentationId: type === 'vlan' || type === 'vxlan' ? n : null,
    };
    return this.put<Network>({
      ...made<Network>(this.next(), networkCreated({ networkId: idOf(n), ...segment })),
      ...more,
    });
  }

  /** The network is on these hosts, with these local tags; on none: it has no placement. */
  placed(n: number, hosts: Readonly<Record<string, number>>): this {
    const events = Object.entries(hosts).map(([host, vlanId]) => networkPlaced(idOf(n), host, vlanId));
    const position = this.next();
    return events.length === 0 ? this : this.put(made<Placement>(position, ...events));
  }

  port(n: number, network: number, more: Partial<Port> = {}): this {
    const of = { portId: idOf(n), networkId: idOf(network), deviceOwner: 'compute:nova' };
    const fixedIps = [{ subnetId: idOf(network), ipAddress: `10.0.0.${n % 256}` }];
    const events = [portCreated({ ...of, fixedIps }, n), portBound(of.portId, of.networkId, this.view.host)];
    return this.put<Port>({ ...made<Port>(this.next(), ...events), ...more });
  }

  router(n: number, host: string = this.view.host): this {
    const routerId = idOf(n);
    return this.put(made<Router>(this.next(), routerCreated({ routerId }), routerScheduled(routerId, host)));
  }

  group(n: number, more: Partial<SecurityGroup> = {}): this {
    const position = this.next();
    return this.put<SecurityGroup>({
      ...{ ...plain(idOf(n), position, 'securitygroup'), kind: 'securitygroup', stateful: true, isDefault: false },
      ...more,
    });
  }

  /** Ingress, IPv4 and everything else matched, unless `more` says otherwise. */
  rule(n: number, group: number, more: Partial<SecurityGroupRule> = {}): this {
    const position = this.next();
    return this.put<SecurityGroupRule>({
      ...{ ...plain(idOf(n), position, 'securitygrouprule'), kind: 'securitygrouprule', securityGroupId: idOf(group) },
      ...{ direction: 'ingress', ethertype: 'IPv4', protocol: null, portRangeMin: null, portRangeMax: null },
      ...{ remoteGroupId: null, remoteAddressGroupId: null, remoteIpPrefix: null },
      ...more,
    });
  }

  /** Port `port` is in group `group`, with these prefixes. */
  member(group: number, port: number, addresses: readonly string[]): this {
    const id = memberId(idOf(group), idOf(port));
    return this.put<SecurityGroupMember>({
      ...{ kind: 'securitygroupmember', id, projectId: '', securityGroupId: idOf(group), portId: idOf(port) },
      ...{ addresses: [...addresses], setAt: { membership: this.next() } },
    });
  }

  /** Port `n` is on `host`, with one address; port security, no pairs. */
  entry(n: number, network: number, host: string, more: Partial<ForwardingEntry> = {}): this {
    return this.put<ForwardingEntry>({
      ...{ kind: 'forwardingentry', id: idOf(n), projectId: '', networkId: idOf(network), host, macAddress: macOf(n) },
      ...{ addresses: [`10.0.0.${n % 256}`], secured: true, pairs: [], setAt: { binding: this.next() } },
      ...more,
    });
  }

  /** Port `n` is router `router`'s. */
  routerEntry(n: number, network: number, router: number, more: Partial<RouterEntry> = {}): this {
    return this.put<RouterEntry>({
      ...{ kind: 'routerentry', id: idOf(n), projectId: '', networkId: idOf(network), routerId: idOf(router) },
      ...{ macAddress: macOf(n), addresses: [`10.0.0.${n % 256}`], setAt: { fixedIps: this.next() } },
      ...more,
    });
  }

  /** Router `router`, which has port `n`, is on `host`. */
  routerPlace(n: number, network: number, router: number, host: string): this {
    const [id, setAt] = [placeId(idOf(router), idOf(n)), { host: this.next() }];
    return this.put<RouterPlace>({ kind: 'routerplace', id, projectId: '', networkId: idOf(network), host, setAt });
  }

  addressGroup(n: number, addresses: readonly string[]): this {
    const common = plain(idOf(n), this.next(), 'addressgroup');
    return this.put<AddressGroup>({ ...common, kind: 'addressgroup', addresses: [...addresses] });
  }

  /** Logs what groups drop, of port `port` or of the ports of group `group`. */
  packetLog(n: number, more: Partial<PacketLog>): this {
    return this.put<PacketLog>({
      ...{
        ...plain(idOf(n), this.next(), 'packetlog'),
        kind: 'packetlog',
        enabled: true,
        event: 'DROP',
        resourceType: 'security_group',
      },
      ...{ securityGroupId: null, portId: null },
      ...more,
    });
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

export { idOf, macOf };
