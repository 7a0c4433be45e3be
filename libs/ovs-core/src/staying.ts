/**
 * A router's port that is removed stays wired until the L3 agent has taken its device off the switch, or a bounded time has passed.
 *
 * Goal: the last words of such a port are heard. The L3 agent withdraws an IPv6 interface by a router advertisement with lifetime 0, and both agents learn of the
 * removal by the same message; without this the switch is faster, and guests keep the route for minutes. With the port stays what its packets need: its network,
 * the network's place here, the tunnels to other nodes; and on those nodes the tunnel to the port's, though the log says that it has nothing of the network any more.
 *
 * Design: a view of its own for the converger behind it, to which objects are added that the log's view lost. Nothing else knows of it. What stays ends at once
 * when the log needs its place: when its local VLAN or its segment is another network's, when the port comes back, or when its router is on another node: a router
 * that moves withdraws nothing. A restart of the agent ends it, too.
 *
 * Road not taken: the API keeps the network on the host until the L3 agent has reported. It would be one more command for each interface that is removed, and none
 * comes from a node that died. Nor does the OVS agent send the withdrawal itself: what was advertised is known to radvd alone.
 */
import {
  type AnyObject,
  isRouterPort,
  keyOf,
  type Network,
  type Node,
  type ObjectKey,
  own,
  type Placement,
  type Port,
} from '@plumbline/contracts';
import type { Clock as Timers } from '@plumbline/reconcile';
import {
  catchUp,
  type Convergence,
  type ConvergeOptions,
  emptyView,
  type HostView,
  nameOf,
  objectIn,
} from '@plumbline/topology';
import type { ObservedSwitch, OvsDriver } from './driver.js';
import { BR_INT } from './marks.js';

/** The L3 agent needs a tenth of it where it is at work. A port that was removed is closed after this time in any case. */
export const STAYS_MS = 5_000;

type Options = Omit<ConvergeOptions, 'unverified'>;
type Plugged = (portId: string) => boolean;
type Converging = Readonly<{ converge(view: HostView, options: Options): Promise<Convergence> }>;

/** A port that was removed, with what its packets need, as all that was when it was removed. */
type StayingPort = Readonly<{
  until: number;
  port: Port;
  network: Network;
  placement: Placement;
  others: readonly AnyObject[];
}>;
/** A node that has nothing of the network any more, and on which a router's port of it was removed. */
type StayingPeer = Readonly<{ until: number; node: Node; placement: Placement }>;

export class StayingConverger {
  /** The view that the converger behind gets: the log's, and what stays. */
  private view: HostView | null = null;
  private readonly ports = new Map<string, StayingPort>();
  /** By `<network>/<host>`. */
  private readonly peers = new Map<string, StayingPeer>();
  private added: ReadonlyMap<ObjectKey, AnyObject> = new Map();
  private cancel: () => void = () => undefined;

  constructor(
    private readonly behind: Converging,
    private readonly driver: Pick<OvsDriver, 'observe'>,
    private readonly clock: Timers & Readonly<{ nowMs(): number }>,
    /** Has these objects looked at, by a `converge` that the caller calls later. */
    private readonly look: (keys: ReadonlySet<ObjectKey>) => void,
  ) {}

  /** As the converger behind. Of what stays no status is told: the API has it no more. */
  async converge(view: HostView, options: Options): Promise<Convergence> {
    const touched = this.follow(view, options, await this.driver.observe());
    const result = await this.behind.converge(this.view ?? view, { ...options, touched });
    this.lookWhenItEnds();
    const statuses = result.statuses.filter(({ kind, id }) => kind !== 'port' || !this.ports.has(id));
    return { ...result, statuses };
  }

  private lookWhenItEnds(): void {
    this.cancel();
    this.cancel = () => undefined;
    const ends = [...this.ports.values(), ...this.peers.values()].map(({ until }) => until);
    if (ends.length === 0) return;
    const keys = new Set(this.added.keys());
    this.cancel = this.clock.after(Math.max(0, Math.min(...ends) - this.clock.nowMs()), () => this.look(keys));
  }

  private follow(view: HostView, { touched, mayRemove }: Options, observed: ObservedSwitch): Options['touched'] {
    const interfaces = observed.get(BR_INT)?.ports;
    const isPlugged: Plugged = (id) => [...(interfaces?.values() ?? [])].some(({ ifaceId }) => ifaceId === id);
    const before = this.view;
    const mine = (this.view ??= emptyView(view.host));
    if (before && mayRemove)
      for (const key of touched === 'all' ? before.objects.keys() : touched)
        this.noteRemoved(before, view, key, isPlugged);
    this.end(view, isPlugged);
    const added = this.whatStays(view);
    const changed: Options['touched'] =
      touched === 'all' ? 'all' : new Set([...touched, ...this.added.keys(), ...added.keys()]);
    catchUp(mine, view, before ? changed : 'all');
    for (const [key, object] of added) mine.objects.set(key, object);
    this.added = added;
    return changed;
  }

  private noteRemoved(before: HostView, view: HostView, key: ObjectKey, isPlugged: Plugged): void {
    const gone = view.objects.has(key) ? undefined : before.objects.get(key);
    if (gone?.kind === 'port') this.notePort(before, view, gone, isPlugged);
    // Only its network can tell whether it had a port on that node.
    else if (gone?.kind === 'routerplace' && gone.host !== view.host)
      this.notePeer(before, view, gone.networkId, gone.host);
  }

  private notePort(before: HostView, view: HostView, port: Port, isPlugged: Plugged): void {
    const router = isRouterPort(port) ? objectIn(before, 'router', port.deviceId) : undefined;
    const network = objectIn(before, 'network', port.networkId);
    const placement = objectIn(before, 'placement', port.networkId);
    if (router?.host !== view.host || !network || !placement) return;
    if (this.ports.has(port.id) || !isPlugged(port.id) || movedAway(view, router.id)) return;
    const nodes = Object.keys(placement.hosts).flatMap((host) => objectIn(before, 'node', host) ?? []);
    const until = this.clock.nowMs() + STAYS_MS;
    this.ports.set(port.id, { until, port, network, placement, others: [router, ...nodes] });
  }

  private notePeer(before: HostView, view: HostView, networkId: string, host: string): void {
    const placement = objectIn(before, 'placement', networkId);
    const node = objectIn(before, 'node', host);
    if (!placement || !node || !own(placement.hosts, host)) return;
    this.peers.set(`${networkId}/${host}`, { until: this.clock.nowMs() + STAYS_MS, node, placement });
    this.endPeers(view);
  }

  private end(view: HostView, isPlugged: Plugged): void {
    const now = this.clock.nowMs();
    for (const [id, staying] of this.ports)
      if (
        now >= staying.until ||
        !isPlugged(id) ||
        view.objects.has(`port/${id}`) ||
        movedAway(view, staying.port.deviceId) ||
        isTaken(view, staying)
      )
        this.ports.delete(id);
    this.endPeers(view);
  }

  private endPeers(view: HostView): void {
    for (const [key, { until, node, placement }] of this.peers) {
      const now = objectIn(view, 'placement', placement.id);
      const isBack = now && own(now.hosts, node.id);
      if (this.clock.nowMs() >= until || !now || isBack || objectIn(view, 'node', node.id)?.removed)
        this.peers.delete(key);
    }
  }

  /** Objects that the view does not have, or of which it has less. */
  private whatStays(view: HostView): Map<ObjectKey, AnyObject> {
    const added = new Map<ObjectKey, AnyObject>();
    for (const { port, network, placement, others } of this.ports.values())
      for (const object of [port, network, placement, ...others])
        if (!view.objects.has(keyOf(object))) added.set(keyOf(object), object);
    for (const { node, placement } of this.peers.values()) {
      const key = keyOf(placement);
      const now = (added.get(key) ?? objectIn(view, 'placement', placement.id)) as Placement;
      const there = placement.hosts[node.id];
      if (there) added.set(key, { ...now, hosts: { ...now.hosts, [node.id]: there } });
      if (!view.objects.has(keyOf(node))) added.set(keyOf(node), node);
    }
    return added;
  }
}

/** It was not removed: its router goes on elsewhere, or will. */
const movedAway = (view: HostView, routerId: string): boolean => {
  const router = objectIn(view, 'router', routerId);
  return view.elsewhere.has(`router/${routerId}`) || (router !== undefined && router.host !== view.host);
};

/** Another network has what the network of a staying port had here. */
function isTaken(view: HostView, { network, placement }: StayingPort): boolean {
  if (view.objects.has(keyOf(placement))) return false;
  const localVlanId = own(placement.hosts, view.host)?.localVlanId;
  const { networkType, physicalNetwork, segmentationId } = network;
  for (const key of view.objects.keys()) {
    const { kind, id } = nameOf(key);
    if (id === network.id) continue;
    if (kind === 'placement' && own(objectIn(view, kind, id)?.hosts ?? {}, view.host)?.localVlanId === localVlanId)
      return true;
    const other = kind === 'network' ? objectIn(view, kind, id) : undefined;
    if (
      other?.networkType === networkType &&
      networkType !== 'local' &&
      other.physicalNetwork === physicalNetwork &&
      other.segmentationId === segmentationId
    )
      return true;
  }
  return false;
}
