/**
 * What one host must know. `hostsOf` says for each object on which hosts it matters; a host's view is every object that names it. From that one
 * rule come the feed messages: what an event makes enter or leave a host's view, and which events a host must hear (invariant 3).
 *
 * Scope by kind:
 *   port        the host it is bound to; a router's port: its router's host
 *   router      the host it is scheduled to
 *   floatingip  the host of the router that carries it
 *   portforwarding   likewise
 *   placement, network, subnet   the hosts on which the network is placed
 *   node        itself, and every host that shares a VXLAN network with it (tunnel ends)
 */
import {
  AnyObject,
  CATALOGUE_VERSION,
  FeedMessage,
  isRouterPort,
  keyOf,
  known,
  Node,
  ObjectKey,
  Recorded,
  subjectOf,
} from '@plumbline/contracts';
import { evolve } from './evolve.js';
import { Topology } from './topology.js';

const NOWHERE: ReadonlySet<string> = new Set();

/** Hosts on whose nodes this object matters. */
export function hostsOf(topology: Topology, object: AnyObject | undefined): ReadonlySet<string> {
  if (!object) return NOWHERE;
  switch (object.kind) {
    case 'network':
    case 'placement':
      return placedOn(topology, object.id);
    case 'subnet':
      return placedOn(topology, object.networkId);
    case 'port':
      if (isRouterPort(object)) return one(topology.get('router', object.deviceId)?.host);
      return one(object.binding.host);
    case 'router':
      return one(object.host);
    case 'floatingip':
      return one(object.association && topology.get('router', object.association.routerId)?.host);
    case 'portforwarding':
      return one(topology.get('router', object.routerId)?.host);
    case 'node':
      return neighboursOf(topology, object);
    // What no agent renders: groups and their rules until an agent enforces them, and what only decisions need.
    case 'securitygroup':
    case 'securitygrouprule':
    case 'addressgroup':
    case 'addressscope':
    case 'subnetpool':
    case 'rbacpolicy':
    case 'quota':
      return NOWHERE;
  }
}

const one = (host: string | null | undefined): ReadonlySet<string> => (host ? new Set([host]) : NOWHERE);

function placedOn(topology: Topology, networkId: string): ReadonlySet<string> {
  const placement = topology.get('placement', networkId);
  return placement ? new Set(Object.keys(placement.hosts)) : NOWHERE;
}

function neighboursOf(topology: Topology, node: Node): ReadonlySet<string> {
  const hosts = new Set([node.id]);
  for (const placement of topology.find('placement', `host/${node.id}`))
    if (topology.get('network', placement.id)?.networkType === 'vxlan')
      for (const host of Object.keys(placement.hosts)) hosts.add(host);
  return hosts;
}

/** Objects whose scope may move when `object` changes: found from `object` and indexes that its change does not touch. */
function dependents(topology: Topology, object: AnyObject | undefined): ObjectKey[] {
  if (!object) return [];
  switch (object.kind) {
    case 'placement':
      return [
        `network/${object.id}`,
        ...topology.find('subnet', `network/${object.id}`).map(keyOf),
        ...Object.keys(object.hosts).map((host): ObjectKey => `node/${host}`),
      ];
    case 'router':
      return [
        ...topology.routerPorts(object.id).map(keyOf),
        ...topology.find('floatingip', `router/${object.id}`).map(keyOf),
        ...topology.find('portforwarding', `router/${object.id}`).map(keyOf),
      ];
    default:
      return [];
  }
}

/** One host's message before it has a `prev`, `log` and `hash`: those belong to the log's owner. */
export type Parcel = Readonly<{
  host: string;
  position: number;
  entered: readonly AnyObject[];
  left: readonly Readonly<{ kind: AnyObject['kind']; id: string }>[];
  events: readonly Recorded[];
}>;

/** Folds one command's events in and says what each host must hear of them: at most one parcel a host, at the command's last position. */
export function advance(topology: Topology, events: readonly Recorded[]): Parcel[] {
  const before = new Map<ObjectKey, ReadonlySet<string>>();
  const heard = new Map<ObjectKey, Recorded[]>();
  const remember = (key: ObjectKey) => {
    if (!before.has(key)) before.set(key, hostsOf(topology, topology.byKey(key)));
  };
  for (const recorded of events) {
    const event = known(recorded.event);
    if (event) {
      const { key } = subjectOf(event);
      const object = topology.byKey(key);
      remember(key);
      for (const dependent of dependents(topology, object)) remember(dependent);
      for (const dependent of dependents(topology, evolve(object, recorded))) remember(dependent);
      const list = heard.get(key);
      if (list) list.push(recorded);
      else heard.set(key, [recorded]);
    }
    topology.apply(recorded);
  }
  return parcels(topology, before, heard, events.at(-1)?.position ?? topology.position);
}

function parcels(
  topology: Topology,
  before: ReadonlyMap<ObjectKey, ReadonlySet<string>>,
  heard: ReadonlyMap<ObjectKey, readonly Recorded[]>,
  position: number,
): Parcel[] {
  const byHost = new Map<
    string,
    { entered: AnyObject[]; left: { kind: AnyObject['kind']; id: string }[]; events: Recorded[] }
  >();
  const of = (host: string) => {
    let parcel = byHost.get(host);
    if (!parcel) byHost.set(host, (parcel = { entered: [], left: [], events: [] }));
    return parcel;
  };
  for (const [key, pre] of before) {
    const object = topology.byKey(key);
    const post = hostsOf(topology, object);
    for (const host of pre) {
      if (!post.has(host)) of(host).left.push(nameOf(key));
      else for (const recorded of heard.get(key) ?? []) of(host).events.push(recorded);
    }
    if (object) for (const host of post) if (!pre.has(host)) of(host).entered.push(object);
  }
  return [...byHost].map(([host, parcel]) => ({
    host,
    position,
    entered: parcel.entered,
    left: parcel.left,
    events: parcel.events.sort((a, b) => a.position - b.position),
  }));
}

/** Splits `kind/id`; ids never hold a slash, kinds neither. */
export function nameOf(key: ObjectKey): { kind: AnyObject['kind']; id: string } {
  const slash = key.indexOf('/');
  return { kind: key.slice(0, slash) as AnyObject['kind'], id: key.slice(slash + 1) };
}

/** All objects a host must know, sorted by key. */
export function hostObjects(topology: Topology, host: string): AnyObject[] {
  const keys = new Set<ObjectKey>();
  const add = (object: AnyObject | undefined) => {
    if (object && hostsOf(topology, object).has(host)) keys.add(keyOf(object));
  };
  add(topology.get('node', host));
  for (const port of topology.find('port', `host/${host}`)) add(port);
  for (const router of topology.find('router', `host/${host}`)) {
    add(router);
    for (const dependent of dependents(topology, router)) add(topology.byKey(dependent));
  }
  for (const placement of topology.find('placement', `host/${host}`)) {
    add(placement);
    for (const dependent of dependents(topology, placement)) add(topology.byKey(dependent));
  }
  return [...keys].sort().map((key) => topology.byKey(key) as AnyObject);
}

/** The whole view of a host as a feed message "from nothing": for a new agent, after long absence, after compaction. */
export function wholeView(topology: Topology, host: string, log: string, hash: string): FeedMessage {
  return {
    log,
    host,
    prev: null,
    position: topology.position,
    hash,
    catalogue: CATALOGUE_VERSION,
    part: { index: 1, of: 1 },
    entered: hostObjects(topology, host),
    left: [],
    events: [],
  };
}
