/** The entries of the networks of this node, and which of them must be rendered again. An entry that changes costs itself; one whose pairs change, its network. */
import { type ForwardingEntry, placeId, prefixBits, versionOf } from '@plumbline/contracts';
import { Followers, Groups } from '@plumbline/reconcile';
import { type HostView, objectIn } from '@plumbline/topology';
import type { Flow } from '../flow.js';
import { sameData } from '../same.js';
import { entryFlows, type TunnelPlace } from './flows.js';

/** What the view says of where a port is, by its binding or, of a router's port, by its router. */
export function entryOf(view: HostView, portId: string): ForwardingEntry | undefined {
  const bound = objectIn(view, 'forwardingentry', portId);
  if (bound) return bound;
  const routers = objectIn(view, 'routerentry', portId);
  const place = routers && objectIn(view, 'routerplace', placeId(routers.routerId, portId));
  if (!place) return undefined;
  const { id, projectId, networkId, macAddress, addresses } = routers;
  return {
    ...{ kind: 'forwardingentry', id, projectId, networkId, macAddress, addresses },
    // What is in a router's namespace is ours.
    ...{ host: place.host, secured: true, pairs: [], setAt: { ...routers.setAt, ...place.setAt } },
  };
}

type NetworkEntries = {
  readonly entries: Map<string, ForwardingEntry>;
  readonly byHost: Groups<string, string>;
  /** Ports, by what their pairs allow them: `mac/<mac>`, and `<IP version>/<bits of the prefix>`. */
  readonly allowed: Followers<string, string>;
  /** Null: no tunnels here. */
  place: TunnelPlace | null;
  stale: Set<string> | 'all';
};

export class ForwardingEntries {
  private readonly networks = new Map<string, NetworkEntries>();
  private readonly networkOf = new Map<string, string>();
  /** Entries that are no more. */
  private readonly gone = new Set<string>();

  set(id: string, entry: ForwardingEntry | undefined): void {
    const was = this.networkOf.get(id);
    if (was !== undefined && was !== entry?.networkId) this.put(was, id, undefined);
    if (entry) this.put(entry.networkId, id, entry);
    if (entry) this.gone.delete(id);
    else this.gone.add(id);
  }

  /** What `network` has on this node; null: nothing that leads to other hosts. */
  setPlace(network: string, place: TunnelPlace | null): void {
    const of = this.networks.get(network) ?? (place ? this.made(network) : undefined);
    if (!of) return;
    const before = of.place;
    of.place = place;
    if (!before || !place || !sameData({ ...before, tunnels: null }, { ...place, tunnels: null })) of.stale = 'all';
    else
      for (const host of new Set([...before.tunnels.keys(), ...place.tunnels.keys()]))
        if (!sameData(before.tunnels.get(host), place.tunnels.get(host)))
          for (const id of of.byHost.in(host)) note(of, id);
    this.tidy(network, of);
  }

  /** The flows of each entry that may have others since the last call. */
  *changed(): Iterable<readonly [string, readonly Flow[]]> {
    for (const id of this.gone) yield [id, []];
    this.gone.clear();
    for (const of of this.networks.values()) {
      const { stale, place, entries } = of;
      of.stale = new Set();
      for (const id of stale === 'all' ? entries.keys() : stale) {
        const entry = entries.get(id);
        if (entry) yield [id, place ? entryFlows(entry, place, sharedWith(of, id)) : []];
      }
    }
  }

  private put(network: string, id: string, entry: ForwardingEntry | undefined): void {
    const of = this.networks.get(network) ?? this.made(network);
    const before = of.entries.get(id);
    of.byHost.put(id, entry?.host);
    if (entry) {
      of.entries.set(id, entry);
      this.networkOf.set(id, network);
    } else {
      of.entries.delete(id);
      this.networkOf.delete(id);
    }
    note(of, id);
    if (!sameData(before?.pairs ?? [], entry?.pairs ?? [])) {
      const allowed = new Set(entry ? allowedBy(entry) : []);
      of.allowed.add(id, allowed);
      of.allowed.keepOnly(id, allowed);
      of.stale = 'all';
    }
    this.tidy(network, of);
  }

  private made(network: string): NetworkEntries {
    const of: NetworkEntries = {
      entries: new Map(),
      byHost: new Groups(),
      allowed: new Followers(),
      place: null,
      stale: new Set(),
    };
    this.networks.set(network, of);
    return of;
  }

  private tidy(network: string, { entries, place }: NetworkEntries): void {
    if (entries.size === 0 && !place) this.networks.delete(network);
  }
}

function note(of: NetworkEntries, id: string): void {
  if (of.stale !== 'all') of.stale.add(id);
}

const allowedBy = ({ pairs }: ForwardingEntry): string[] =>
  pairs.flatMap(({ macAddress, ipAddress }) => [
    `mac/${macAddress}`,
    `${versionOf(ipAddress)}/${prefixBits(prefixOf(ipAddress))}`,
  ]);

/** What other ports than this one are allowed. A prefix has an address when its bits begin the address's. */
function sharedWith({ allowed }: NetworkEntries, id: string) {
  const byOther = (what: string): boolean => {
    for (const holder of allowed.of(what)) if (holder !== id) return true;
    return false;
  };
  return {
    mac: (mac: string) => byOther(`mac/${mac}`),
    address: (address: string): boolean => {
      const [version, bits] = [versionOf(address), prefixBits(prefixOf(address))];
      for (let length = 0; length <= bits.length; length += 1)
        if (byOther(`${version}/${bits.slice(0, length)}`)) return true;
      return false;
    },
  };
}

const prefixOf = (address: string): string =>
  address.includes('/') ? address : `${address}/${address.includes(':') ? 128 : 32}`;
