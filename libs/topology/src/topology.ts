/**
 * Topology: every object of a log at one position, with the indexes that questions need. `apply` folds one event in; it changes the topology in place
 * (the fold is pure at its boundary: same log, same topology) and costs no more than the object it changes.
 */
import {
  AnyObject,
  isRouterPort,
  keyOf,
  Kind,
  KINDS,
  known,
  ObjectKey,
  objectOfStream,
  Recorded,
  subjectOf,
} from '@plumbline/contracts';
import { evolve } from './evolve.js';

type OfKind<K extends Kind> = Extract<AnyObject, { kind: K }>;

/** What an object can be found by among its kind, beside its key: `<relation>/<value>`. */
function indexTerms(object: AnyObject): readonly string[] {
  const terms = relationsOf(object);
  return object.projectId === '' ? terms : [`project/${object.projectId}`, ...terms];
}

function relationsOf(object: AnyObject): readonly string[] {
  switch (object.kind) {
    case 'network':
      return [
        ...(object.external ? ['external'] : []),
        ...(object.isDefault ? ['default'] : []),
        ...(object.shared ? ['shared'] : []),
      ];
    case 'subnet':
      return [`network/${object.networkId}`, ...(object.subnetPoolId ? [`subnetpool/${object.subnetPoolId}`] : [])];
    case 'port':
      return [
        `network/${object.networkId}`,
        `mac/${object.networkId}/${object.macAddress}`,
        ...(object.deviceId ? [`device/${object.deviceId}`] : []),
        ...(object.binding.host ? [`host/${object.binding.host}`] : []),
        ...object.fixedIps.map((ip) => `address/${object.networkId}/${ip.ipAddress}`),
        ...(isRouterPort(object) ? [`legs/${object.networkId}`] : []),
        ...object.securityGroupIds.map((id) => `securitygroup/${id}`),
      ];
    case 'router':
      return object.host ? [`host/${object.host}`] : [];
    case 'floatingip':
      return [
        `address/${object.floatingNetworkId}/${object.floatingIpAddress}`,
        ...(object.association
          ? [`router/${object.association.routerId}`, `associated/${object.association.portId}`]
          : []),
      ];
    case 'portforwarding':
      return [
        `router/${object.routerId}`,
        `port/${object.internalPortId}`,
        object.floatingIpId === null ? `gateway/${object.routerId}` : `floatingip/${object.floatingIpId}`,
      ];
    case 'securitygroup':
      return object.isDefault ? [`default/${object.projectId}`] : [];
    case 'securitygrouprule':
      return [
        `securitygroup/${object.securityGroupId}`,
        ...(object.remoteGroupId ? [`remote/${object.remoteGroupId}`] : []),
        ...(object.remoteAddressGroupId ? [`addressgroup/${object.remoteAddressGroupId}`] : []),
      ];
    case 'subnetpool':
      return [
        ...(object.addressScopeId ? [`scope/${object.addressScopeId}`] : []),
        ...(object.isDefault ? [`default/${object.ipVersion}`] : []),
      ];
    case 'rbacpolicy':
      return [`object/${object.objectId}`];
    case 'placement':
      return Object.keys(object.hosts).map((host) => `host/${host}`);
    case 'addressgroup':
    case 'addressscope':
    case 'quota':
    case 'node':
      return [];
  }
}

/** Why an object is frozen: an event this catalogue does not know. Nothing is added to or removed from what it stands for (invariant 6). */
export type Frozen = Readonly<{ position: number; type: string; version: number }>;
export type Change = Readonly<{ key: ObjectKey; before: AnyObject | undefined; after: AnyObject | undefined }>;

export class Topology {
  /** Position of the last event folded in. */
  position = 0;
  readonly frozen = new Map<ObjectKey, Frozen>();
  private readonly objects = new Map<ObjectKey, AnyObject>();
  private readonly index = new Map<string, Set<ObjectKey>>();
  private readonly kinds = new Map<Kind, Set<ObjectKey>>();
  private readonly streams = new Map<string, number>();

  static of(objects: Iterable<AnyObject>, position: number, streams: Iterable<readonly [string, number]>): Topology {
    const topology = new Topology();
    for (const object of objects) topology.put(keyOf(object), object);
    for (const [stream, version] of streams) topology.streams.set(stream, version);
    topology.position = position;
    return topology;
  }

  static fold(log: Iterable<Recorded>): Topology {
    const topology = new Topology();
    for (const recorded of log) topology.apply(recorded);
    return topology;
  }

  get<K extends Kind>(kind: K, id: string): OfKind<K> | undefined {
    return this.objects.get(`${kind}/${id}`) as OfKind<K> | undefined;
  }

  byKey(key: ObjectKey): AnyObject | undefined {
    return this.objects.get(key);
  }

  all<K extends Kind>(kind: K): OfKind<K>[] {
    return [...(this.kinds.get(kind) ?? [])].map((key) => this.objects.get(key) as OfKind<K>);
  }

  keys(): IterableIterator<ObjectKey> {
    return this.objects.keys();
  }

  /** Objects of one kind found by an index term, in the order they came. */
  find<K extends Kind>(kind: K, term: string): OfKind<K>[] {
    const found: OfKind<K>[] = [];
    for (const key of this.index.get(`${kind} ${term}`) ?? []) found.push(this.objects.get(key) as OfKind<K>);
    return found;
  }

  /** Number of objects that `find` would give; costs the same whatever it is. */
  count(kind: Kind, term: string): number {
    return this.index.get(`${kind} ${term}`)?.size ?? 0;
  }

  /** True when an index term has at least one object. */
  has(term: string): boolean {
    return KINDS.some((kind) => this.index.has(`${kind} ${term}`));
  }

  /** Version of a stream: the number of its events so far. */
  versionOf(stream: string): number {
    return this.streams.get(stream) ?? 0;
  }

  routerPorts(routerId: string): OfKind<'port'>[] {
    return this.find('port', `device/${routerId}`).filter(isRouterPort);
  }

  /** Folds the next event. Throws when its position is not the next one: a reader of a log misses nothing and learns nothing twice. */
  apply(recorded: Recorded): Change | null {
    if (recorded.position !== this.position + 1)
      throw new Error(
        `position ${recorded.position} cannot follow ${this.position}: the log has no holes, so the reader lost something`,
      );
    const change = this.preview(recorded);
    if (change) this.put(change.key, change.after);
    else {
      const key = objectOfStream(recorded.stream);
      if (key)
        this.frozen.set(key, {
          position: recorded.position,
          type: recorded.event.type,
          version: recorded.event.version,
        });
    }
    this.streams.set(recorded.stream, this.versionOf(recorded.stream) + 1);
    this.position = recorded.position;
    return change;
  }

  /** What `apply` would change; null for an event of unknown type. */
  preview(recorded: Recorded): Change | null {
    const event = known(recorded.event);
    if (!event) return null;
    const { key } = subjectOf(event);
    const before = this.objects.get(key);
    return { key, before, after: evolve(before, recorded) };
  }

  /** Sets (or with undefined, removes) one object and its index terms. */
  put(key: ObjectKey, after: AnyObject | undefined): void {
    const before = this.objects.get(key);
    if (before) for (const term of indexTerms(before)) this.drop(`${before.kind} ${term}`, key);
    if (after) {
      this.objects.set(key, after);
      this.addTo(this.kinds, after.kind, key);
      for (const term of indexTerms(after)) this.addTo(this.index, `${after.kind} ${term}`, key);
    } else if (before) {
      this.objects.delete(key);
      this.kinds.get(before.kind)?.delete(key);
    }
  }

  /** Takes back the numbering of events that were folded in only to see what they would do; their objects must have been put back before. */
  rewind(position: number, streams: readonly string[]): void {
    for (const stream of streams) {
      const version = this.versionOf(stream) - 1;
      if (version > 0) this.streams.set(stream, version);
      else this.streams.delete(stream);
    }
    this.position = position;
  }

  private addTo<T>(map: Map<T, Set<ObjectKey>>, term: T, key: ObjectKey): void {
    const set = map.get(term);
    if (set) set.add(key);
    else map.set(term, new Set([key]));
  }

  private drop(term: string, key: ObjectKey): void {
    const set = this.index.get(term);
    set?.delete(key);
    if (set?.size === 0) this.index.delete(term);
  }
}
