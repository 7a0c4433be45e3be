/**
 * What is wanted of the switch, unit by unit, kept from one convergence to the next.
 *
 * Goals: an event costs what it changes, on a node with ten ports and on one with a thousand; after any events the units are what they would be if they had all been
 * rendered at that moment (a property test says so). Design: every unit is computed from few objects and from the interfaces with its port's id; indexes
 * lead from what was touched to those units. What was wanted and is not any more is kept as `leaving` until it was seen to be gone, because removal may be
 * allowed only later. Road not taken: differences by event type. A touched unit is rendered whole.
 */
import { groupOfMember, isRouterPort, Kind, Node, ObjectKey, PacketLog, Port, portOfPlace } from '@plumbline/contracts';
import { Followers, Groups } from '@plumbline/reconcile';
import { HostView, nameOf, objectIn, objectsOf } from '@plumbline/topology';
import type { ObservedBridge, ObservedPort, ObservedSwitch, TagWant } from './driver.js';
import { GroupFlows } from './firewall/group-flows.js';
import { loggedBy, logsOf } from './firewall/logging.js';
import { Numbers } from './firewall/numbers.js';
import type { LocalPort } from './firewall/switching.js';
import type { Flow, Owner } from './flow.js';
import { ForwardingEntries, entryOf } from './forwarding/entries.js';
import type { TunnelPlace } from './forwarding/flows.js';
import { BR_INT, BR_TUN, tunnelName } from './marks.js';
import {
  BASE,
  byUse,
  enforces,
  type Guard,
  isHere,
  NetworkPlace,
  NOTHING,
  OvsNodeConfig,
  PortPlan,
  possibleWith,
  providersOf,
  Refusal,
  renderBase,
  renderFanout,
  renderForeign,
  renderNetwork,
  renderPort,
  renderProvider,
  renderTunnel,
  UnitWant,
} from './render.js';
import { sameData } from './same.js';
import { type Uplinks, uplinksOf } from './uplinks.js';

/** What is wanted of the switch for all units or for some, in one piece: plan.ts compares it with the switch. */
export type Desired = Readonly<{
  bridges: UnitWant['bridges'];
  ports: UnitWant['ports'];
  tags: UnitWant['tags'];
  /** Bridge -> flows. Worked out when they are first asked for. */
  flows: ReadonlyMap<string, readonly Flow[]>;
  portPlans: readonly PortPlan[];
  refused: readonly Refusal[];
}>;

/** The unit that an owner belongs to. */
export const unitOf = (owner: Owner): string => owner || BASE;

const NOWHERE: NetworkPlace = { attachment: undefined, tag: undefined, placedAt: 0, downAt: null };
const FOREIGN = 'foreign';
const RANK = {
  base: 0,
  bridge: 1,
  foreign: 1,
  network: 2,
  node: 3,
  port: 4,
  fanout: 5,
  firewall: 6,
  forwardingentry: 7,
} as const;
const LAST = Math.max(...Object.values(RANK));

/** By rank, then by name. A node has tens of thousands of units: each rank is found once, and not in each comparison. */
function inOrder(units: Iterable<string>): string[] {
  const byRank = Array.from({ length: LAST + 1 }, (): string[] => []);
  for (const unit of units) {
    const slash = unit.indexOf('/');
    byRank[RANK[(slash < 0 ? unit : unit.slice(0, slash)) as keyof typeof RANK]]?.push(unit);
  }
  return byRank.flatMap((each) => each.sort());
}

type Kept = { want: UnitWant; version: number };

export class WantedSwitch {
  private config: OvsNodeConfig | null = null;
  private mayRemove: boolean | null = null;
  private seen: ObservedSwitch = new Map();
  private readonly units = new Map<string, Kept>();
  /** All that is wanted, in one piece; from `update` to `settle` it is asked for often. */
  private whole: Desired | null = null;
  private changes = 0;

  private readonly places = new Map<string, NetworkPlace>();
  /** Network -> what it needs; it gets it unless another network has one of the flows. */
  private readonly claims = new Map<string, UnitWant>();
  /** `bridge key` -> networks that need this flow. */
  private readonly claimants = new Map<string, Set<string>>();
  /** Network -> what its entries need to know, as long as it gets its flows. */
  private readonly tunnelPlaces = new Map<string, TunnelPlace>();
  private entries = new ForwardingEntries();
  private readonly networksByNode = new Followers<string, string>();
  /** Network -> the nodes it has tunnels to, and back. */
  private readonly peersOf = new Map<string, ReadonlySet<string>>();
  private readonly tunnelled = new Map<string, Set<string>>();
  private readonly tunnelsByName = new Map<string, Set<string>>();
  private readonly tunnelNames = new Map<string, string>();
  private readonly portsByNetwork = new Groups<string, string>();
  private readonly portsByRouter = new Groups<string, string>();
  private readonly routersHere = new Set<string>();
  private readonly devices = new Map<string, ObservedPort[]>();
  private readonly numbers = new Numbers();
  private groups = new GroupFlows(this.numbers);
  private readonly logs = new Map<string, PacketLog>();
  /** Network -> its wired ports, where rules are enforced. */
  private readonly locals = new Map<string, Map<string, LocalPort>>();
  private readonly localNetwork = new Map<string, string>();
  /** Networks whose ports changed since their fan-out was rendered. */
  private readonly staleFanouts = new Set<string>();
  /** The operator's own ports that are there, with their tags. */
  private foreign: ReadonlyMap<string, number | null> = new Map();
  /** Provider bridge -> its uplinks, as they were when it was rendered. */
  private readonly uplinks = new Map<string, Uplinks>();
  /** Of ports with a bridge of their own: what is wrong with its rules, null when nothing is. */
  private guards: ReadonlyMap<string, Guard | null> = new Map();
  private guardsChanged = new Set<string>();
  /** Ids whose interfaces others changed while this agent was at work. */
  private changedMeanwhile = new Set<string>();

  /** Bridge -> flows that were wanted and are not any more. */
  readonly leavingFlows = new Map<string, Set<string>>();
  /** `bridge/name` of ports that were wanted and are not any more. */
  readonly leavingPorts = new Set<string>();

  /** Call it before `update`, with all ports that have a bridge of their own. */
  setGuards(guards: ReadonlyMap<string, Guard | null>): void {
    for (const id of new Set([...this.guards.keys(), ...guards.keys()]))
      if (!sameData(this.guards.get(id), guards.get(id))) this.guardsChanged.add(id);
    this.guards = guards;
  }

  /** Ports that are enforced the way that was this node's before. */
  leftOver(): string[] {
    return [...this.units.values()]
      .flatMap(({ want: { portPlan } }) => (portPlan?.left ? [portPlan.port.id] : []))
      .sort();
  }

  /** False when none of these objects can matter to what is wanted: nothing need be looked at. */
  concerns(view: HostView, touched: ReadonlySet<ObjectKey>): boolean {
    if (this.guardsChanged.size > 0) return true;
    for (const key of touched) {
      const { kind, id } = nameOf(key);
      if (CONCERNING.has(kind)) return true;
      if (isOfGroups(kind) && this.config && enforces(this.config)) return true;
      if (kind === 'router' && this.routerMoved(view, id)) return true;
    }
    return false;
  }

  /** Changes whenever what is wanted for a unit does; null when nothing is. */
  versionOf(unit: string): string | null {
    const kept = this.units.get(unit);
    return kept ? `${kept.version}` : null;
  }

  /** What is known to be impossible before the switch is asked. */
  refusals(units: Iterable<string>): (Refusal & { unit: string })[] {
    return [...units].flatMap((unit) => (this.units.get(unit)?.want.refused ?? []).map((each) => ({ unit, ...each })));
  }

  /** Objects that a flow of rules is there for; none of another flow. */
  servedBy(flowKey: string): readonly string[] {
    return this.groups.servedBy(flowKey);
  }

  portPlan(unit: string): PortPlan | null {
    return this.units.get(unit)?.want.portPlan ?? null;
  }

  *tagsOf(units: Iterable<string>): Iterable<TagWant> {
    for (const unit of units) yield* this.units.get(unit)?.want.tags ?? [];
  }

  portUnitsOf(networkId: string): string[] {
    return [...this.portsByNetwork.in(networkId)].map((id) => `port/${id}`);
  }

  all(): Set<string> {
    return new Set(this.units.keys());
  }

  /**
   * Takes in what was touched and what the switch shows to have changed since `settle`. Answers with the units to be looked at; `all` when everything must be.
   * May be called again for the same objects.
   */
  update(
    view: HostView,
    asked: OvsNodeConfig,
    observed: ObservedSwitch,
    touched: ReadonlySet<ObjectKey> | 'all',
    mayRemove: boolean,
  ): ReadonlySet<string> | 'all' {
    this.whole = null;
    const config = possibleWith(view, asked);
    const news = this.takeIn(observed, false);
    const strays = this.mayRemove !== mayRemove ? this.strays(view) : [];
    this.mayRemove = mayRemove;
    if (touched === 'all' || !sameData(this.config, config)) {
      this.config = config;
      this.changedMeanwhile = new Set();
      this.guardsChanged = new Set();
      this.renderAll(view, config, mayRemove);
      return 'all';
    }
    const dirty = new Set<string>();
    const networks = new Set<string>();
    const ports = new Set<string>([...news.ids, ...this.changedMeanwhile, ...this.guardsChanged, ...strays]);
    this.changedMeanwhile = new Set();
    this.guardsChanged = new Set();
    const tunnels = new Set<string>();
    for (const key of touched) {
      const { kind, id } = nameOf(key);
      if (kind === 'port') ports.add(id);
      else if (kind === 'network' || kind === 'placement') networks.add(id);
      else if (kind === 'forwardingentry' || kind === 'routerentry') this.entries.set(id, entryOf(view, id));
      else if (kind === 'routerplace') this.entries.set(portOfPlace(id), entryOf(view, portOfPlace(id)));
      else if (kind === 'router') {
        if (this.routerMoved(view, id)) for (const port of this.portsByRouter.in(id)) ports.add(port);
        this.noteRouter(view, id);
      } else if (kind === 'node') {
        tunnels.add(id);
        for (const network of this.networksByNode.of(id)) networks.add(network);
        if (id === view.host) for (const unit of this.renderOwn(view, config)) dirty.add(unit);
      } else if (isOfGroups(kind) && enforces(config)) for (const port of this.takeInGroup(view, key)) ports.add(port);
    }
    for (const id of networks) {
      dirty.add(`network/${id}`);
      const moved = this.renderNetwork(view, config, id, tunnels, dirty);
      if (moved) for (const port of this.portsByNetwork.in(id)) ports.add(port);
    }
    for (const id of tunnels) this.renderTunnels(view, config, id, dirty);
    this.renderEntries(dirty);
    for (const id of ports) {
      dirty.add(`port/${id}`);
      this.renderPort(view, config, id, mayRemove);
    }
    if (enforces(config)) this.renderFirewall(view, config, dirty);
    for (const name of providersOf(config))
      if (!sameData(this.uplinks.get(name), uplinksOf(name, observed))) {
        this.renderProvider(view, config, name);
        dirty.add(`bridge/${name}`);
      }
    this.keep(dirty);
    return news.all ? 'all' : dirty;
  }

  /** The switch as it is after its convergence: later differences from this are changes by others. */
  settle(observed: ObservedSwitch): void {
    this.whole = null;
    for (const id of this.takeIn(observed, true).ids) this.changedMeanwhile.add(id);
  }

  /** `units`, or all, in their order: what everything needs first. */
  desired(units: Iterable<string> | 'all'): Desired {
    if (units === 'all') return (this.whole ??= this.desired(this.units.keys()));
    const sorted = inOrder(units);
    const wants = sorted.flatMap((unit) => this.units.get(unit)?.want ?? []);
    let flows: Desired['flows'] | null = null;
    return {
      bridges: wants.flatMap((want) => want.bridges),
      ports: wants.flatMap((want) => want.ports),
      tags: wants.flatMap((want) => want.tags),
      get flows() {
        return (flows ??= flowsOf(wants));
      },
      portPlans: wants.flatMap((want) => want.portPlan ?? []),
      refused: wants.flatMap((want) => want.refused),
    };
  }

  /** Everything anew; what is as before stays the same unit. */
  private renderAll(view: HostView, config: OvsNodeConfig, mayRemove: boolean): void {
    const networks = new Set(this.places.keys());
    const ports = new Set(this.devices.keys());
    const routers = new Set(this.routersHere);
    const nodes = new Set(this.tunnelled.keys());
    for (const unit of this.units.keys()) if (unit.startsWith('port/')) ports.add(unit.slice('port/'.length));
    for (const key of view.objects.keys()) {
      const { kind, id } = nameOf(key);
      if (kind === 'placement' || kind === 'network') networks.add(id);
      else if (kind === 'port') ports.add(id);
      else if (kind === 'router') routers.add(id);
    }
    const dirty = new Set<string>(this.renderOwn(view, config));
    for (const unit of this.units.keys())
      if (unit.startsWith('bridge/') && !dirty.has(unit)) this.replace(unit, NOTHING);
    this.groups = new GroupFlows(this.numbers);
    this.logs.clear();
    this.locals.clear();
    this.localNetwork.clear();
    if (enforces(config))
      for (const key of view.objects.keys()) if (isOfGroups(nameOf(key).kind)) this.takeInGroup(view, key);
    for (const id of routers) this.noteRouter(view, id);
    this.entries = new ForwardingEntries();
    for (const kind of ['forwardingentry', 'routerentry'] as const)
      for (const { id } of objectsOf(view, kind)) this.entries.set(id, entryOf(view, id));
    for (const id of networks) this.renderNetwork(view, config, id, nodes, dirty);
    for (const id of nodes) this.renderTunnels(view, config, id, dirty);
    for (const id of ports) this.renderPort(view, config, id, mayRemove);
    const rendered = new Set<string>();
    this.renderEntries(rendered);
    if (enforces(config)) {
      for (const id of networks) this.staleFanouts.add(id);
      this.renderFirewall(view, config, rendered);
    }
    for (const unit of [...this.units.keys()])
      if (/^(?:fanout|firewall|foreign|forwardingentry)\b/.test(unit) && !rendered.has(unit))
        this.replace(unit, NOTHING);
    this.keep(this.units.keys());
  }

  private renderOwn(view: HostView, config: OvsNodeConfig): string[] {
    const providers = providersOf(config);
    this.replace(BASE, renderBase(config, nodeAt(view)));
    for (const name of this.uplinks.keys()) if (!providers.includes(name)) this.uplinks.delete(name);
    for (const name of providers) this.renderProvider(view, config, name);
    return [BASE, ...providers.map((name) => `bridge/${name}`)];
  }

  private renderProvider(view: HostView, config: OvsNodeConfig, name: string): void {
    this.uplinks.set(name, uplinksOf(name, this.seen));
    this.replace(`bridge/${name}`, renderProvider(config, name, nodeAt(view)));
  }

  /** True when its ports must be rendered, too. Adds nodes whose tunnel comes or goes to `tunnels`, and networks that get or lose a flow to `dirty`. */
  private renderNetwork(
    view: HostView,
    config: OvsNodeConfig,
    id: string,
    tunnels: Set<string>,
    dirty: Set<string>,
  ): boolean {
    const { want, place, peers, tunnels: leads } = renderNetwork(view, config, id);
    if (leads) this.tunnelPlaces.set(id, leads);
    else this.tunnelPlaces.delete(id);
    const hosts = place.attachment?.kind === 'tunnel' ? Object.keys(objectIn(view, 'placement', id)?.hosts ?? {}) : [];
    const others = new Set(hosts.filter((host) => host !== view.host));
    this.networksByNode.add(id, others);
    this.networksByNode.keepOnly(id, others);
    this.retunnel(id, new Set(peers.map((node) => node.id)), tunnels);
    this.claim(id, want, dirty);
    const before = this.places.get(id) ?? NOWHERE;
    if (sameData(place, NOWHERE)) this.places.delete(id);
    else this.places.set(id, place);
    const moved = !sameData(before, place);
    if (moved) this.staleFanouts.add(id);
    return moved;
  }

  private retunnel(network: string, peers: ReadonlySet<string>, tunnels: Set<string>): void {
    for (const node of this.peersOf.get(network) ?? [])
      if (!peers.has(node)) {
        drop(this.tunnelled, node, network);
        tunnels.add(node);
      }
    if (peers.size > 0) this.peersOf.set(network, peers);
    else this.peersOf.delete(network);
    for (const node of peers) {
      if (this.tunnelled.get(node)?.has(network)) continue;
      put(this.tunnelled, node, network);
      tunnels.add(node);
    }
  }

  /** Two nodes with one tunnel address would be one tunnel: the first by id has it. */
  private renderTunnels(view: HostView, config: OvsNodeConfig, id: string, dirty: Set<string>): void {
    const node = this.tunnelled.has(id) ? objectIn(view, 'node', id) : undefined;
    const name = node?.tunnelIp ? tunnelName(node.tunnelIp) : undefined;
    const before = this.tunnelNames.get(id);
    const rivals = new Set<string>([id]);
    const note = (of: string | undefined) => {
      for (const other of this.tunnelsByName.get(of ?? '') ?? []) rivals.add(other);
    };
    note(before);
    if (before !== undefined && before !== name) drop(this.tunnelsByName, before, id);
    if (name !== undefined) {
      put(this.tunnelsByName, name, id);
      this.tunnelNames.set(id, name);
    } else this.tunnelNames.delete(id);
    note(name);
    for (const rival of rivals) {
      const its = this.tunnelNames.get(rival);
      const first = its === undefined ? undefined : [...(this.tunnelsByName.get(its) ?? [])].sort()[0];
      const its_node: Node | undefined = first === rival ? objectIn(view, 'node', rival) : undefined;
      this.replace(`node/${rival}`, its_node ? renderTunnel(config, its_node) : NOTHING);
      dirty.add(`node/${rival}`);
    }
  }

  /** Two networks that need the same flow (the same VLAN, VNI or local tag) cannot both have it: the first by id gets its flows, the other gets none. */
  private claim(id: string, want: UnitWant, dirty: Set<string>): void {
    const affected = new Set<string>([id]);
    const around = (of: UnitWant): void => {
      for (const { bridge, flow } of of.flows)
        for (const other of this.claimants.get(`${bridge} ${flow.key}`) ?? []) affected.add(other);
    };
    const before = this.claims.get(id);
    if (before) {
      around(before);
      for (const { bridge, flow } of before.flows) drop(this.claimants, `${bridge} ${flow.key}`, id);
    }
    for (const { bridge, flow } of want.flows) put(this.claimants, `${bridge} ${flow.key}`, id);
    around(want);
    if (want === NOTHING) this.claims.delete(id);
    else this.claims.set(id, want);
    for (const network of affected) {
      const asked = this.claims.get(network) ?? NOTHING;
      const lost = this.lostTo(network, asked);
      this.replace(`network/${network}`, lost ? { ...NOTHING, refused: [lost] } : asked);
      this.entries.setPlace(network, (lost ? null : this.tunnelPlaces.get(network)) ?? null);
      dirty.add(`network/${network}`);
    }
  }

  private renderEntries(dirty: Set<string>): void {
    for (const [id, flows] of this.entries.changed()) {
      this.replace(`forwardingentry/${id}`, { ...NOTHING, flows: flows.map((flow) => ({ bridge: BR_TUN, flow })) });
      dirty.add(`forwardingentry/${id}`);
    }
  }

  private lostTo(network: string, want: UnitWant): Refusal | null {
    let lost: Refusal | null = null;
    for (const { bridge, flow } of want.flows) {
      const claimants = this.claimants.get(`${bridge} ${flow.key}`);
      if (!claimants || claimants.size < 2) continue;
      const [first] = [...claimants].sort();
      if (first !== network)
        lost = {
          key: `network/${network}`,
          reason: `network ${first} already uses the same VLAN or VNI on this node (flow "${flow.key}" of ${bridge}): an administrator must delete one of the two networks`,
        };
    }
    return lost;
  }

  private renderPort(view: HostView, config: OvsNodeConfig, id: string, mayRemove: boolean): void {
    const port = objectIn(view, 'port', id);
    this.portsByNetwork.put(id, port?.networkId);
    this.portsByRouter.put(id, port && isRouterPort(port) ? port.deviceId : undefined);
    if (port && isRouterPort(port)) this.noteRouter(view, port.deviceId);
    const place = this.places.get(port?.networkId ?? '') ?? NOWHERE;
    const { numbers } = this;
    const firewall = enforces(config)
      ? {
          ...{ numbers, isStateful: this.groups.isStateful, hybrid: config.firewall === 'hybrid' },
          guardOf: (portId: string) => this.guards.get(portId),
          logged: (of: Port) => loggedBy(logsOf(this.logs.values(), of)),
        }
      : null;
    const { want, local, portClass } = renderPort(view, id, this.devices.get(id) ?? [], place, mayRemove, firewall);
    this.replace(`port/${id}`, want);
    if (!firewall) return;
    this.groups.setPort(id, portClass);
    this.noteLocal(id, port?.networkId, local);
  }

  private noteLocal(id: string, network: string | undefined, local: LocalPort | null): void {
    const before = this.localNetwork.get(id);
    const now = local ? network : undefined;
    if (before !== undefined && before !== now) {
      const ports = this.locals.get(before);
      ports?.delete(id);
      if (ports?.size === 0) this.locals.delete(before);
      this.staleFanouts.add(before);
    }
    if (local?.kind !== 'guarded') this.numbers.drop(`port/${id}`);
    if (!local || now === undefined) {
      this.localNetwork.delete(id);
      return;
    }
    const ports = this.locals.get(now) ?? new Map<string, LocalPort>();
    if (sameData(ports.get(id), local)) return;
    this.locals.set(now, ports.set(id, local));
    this.localNetwork.set(id, now);
    this.staleFanouts.add(now);
  }

  /** What rules and networks need by now: the units that changed are added to `dirty`. */
  private renderFirewall(view: HostView, config: OvsNodeConfig, dirty: Set<string>): void {
    const here = this.seen.get(BR_INT)?.ports;
    const foreign = new Map(
      (config.foreignPorts ?? []).flatMap((name) => {
        const port = here?.get(name);
        return port && port.ifaceId === null ? [[name, port.tag] as const] : [];
      }),
    );
    if (!sameData([...foreign], [...this.foreign])) for (const id of this.places.keys()) this.staleFanouts.add(id);
    this.foreign = foreign;
    this.replace(FOREIGN, renderForeign(foreign, nodeAt(view)));
    dirty.add(FOREIGN);
    for (const id of this.staleFanouts) {
      const ports = this.locals.get(id)?.values() ?? [];
      this.replace(`fanout/${id}`, renderFanout(id, this.places.get(id) ?? NOWHERE, foreign, ports, this.numbers));
      dirty.add(`fanout/${id}`);
    }
    this.staleFanouts.clear();
    for (const [key, flow] of this.groups.changed()) {
      this.replace(`firewall/${key}`, flow ? { ...NOTHING, flows: [{ bridge: BR_INT, flow }] } : NOTHING);
      dirty.add(`firewall/${key}`);
    }
  }

  /** Tells the rules of a group, rule, member or address group. Answers with the ports that must be rendered, too. */
  private takeInGroup(view: HostView, key: ObjectKey): string[] {
    const { kind, id } = nameOf(key);
    if (kind === 'packetlog') return this.takeInLog(id, objectIn(view, 'packetlog', id));
    if (kind === 'securitygroup')
      return this.groups.setGroup(id, objectIn(view, 'securitygroup', id)) ? this.groups.portsOf(id) : [];
    if (kind === 'securitygrouprule') this.groups.setRule(id, objectIn(view, 'securitygrouprule', id));
    else if (kind === 'addressgroup') this.groups.setAddressGroup(id, objectIn(view, 'addressgroup', id));
    else if (kind === 'securitygroupmember')
      this.groups.setMember(id, groupOfMember(id), objectIn(view, 'securitygroupmember', id));
    return [];
  }

  private takeInLog(id: string, now: PacketLog | undefined): string[] {
    const concerned = [this.logs.get(id), now].flatMap((log) => {
      if (!log) return [];
      return log.portId !== null ? [log.portId] : this.groups.portsOf(log.securityGroupId ?? '');
    });
    if (now) this.logs.set(id, now);
    else this.logs.delete(id);
    return concerned;
  }

  private routerMoved(view: HostView, id: string): boolean {
    return (objectIn(view, 'router', id)?.host === view.host) !== this.routersHere.has(id);
  }

  private noteRouter(view: HostView, id: string): void {
    if (objectIn(view, 'router', id)?.host === view.host) this.routersHere.add(id);
    else this.routersHere.delete(id);
  }

  /** Ids that interfaces of br-int have as iface-id and that are no port of this node. */
  private strays(view: HostView): string[] {
    return [...this.devices.keys()].filter((id) => {
      const port = objectIn(view, 'port', id);
      return !port || !isHere(view, port);
    });
  }

  private replace(unit: string, want: UnitWant): void {
    const kept = this.units.get(unit);
    if (!kept && isNothing(want)) return;
    if (kept && sameAsked(kept.want, want)) {
      // The objects behind it may have changed; what is wanted has not, and stays the same objects in memory.
      kept.want = { ...kept.want, refused: want.refused, portPlan: want.portPlan };
    } else {
      for (const { bridge, flow } of kept?.want.flows ?? []) put(this.leavingFlows, bridge, flow.key);
      for (const { bridge, name } of kept?.want.ports ?? []) this.leavingPorts.add(`${bridge}/${name}`);
      this.changes += 1;
      this.units.set(unit, { want, version: this.changes });
    }
    if (isNothing(want)) this.units.delete(unit);
  }

  /** What is wanted for these units is not leaving, whichever unit it was wanted for before. */
  private keep(units: Iterable<string>): void {
    if (this.leavingFlows.size === 0 && this.leavingPorts.size === 0) return;
    for (const unit of units) {
      const want = this.units.get(unit)?.want;
      for (const { bridge, flow } of want?.flows ?? []) drop(this.leavingFlows, bridge, flow.key);
      for (const { bridge, name } of want?.ports ?? []) this.leavingPorts.delete(`${bridge}/${name}`);
    }
  }

  /**
   * Compares the switch with what it showed before, by identity: a driver returns the same object while nothing of it changed. `own`: the changes are
   * this agent's, so a tag that was set is not reported.
   */
  private takeIn(observed: ObservedSwitch, own: boolean): { all: boolean; ids: Set<string> } {
    const ids = new Set<string>();
    let all = false;
    if (observed === this.seen) return { all, ids };
    const before = this.seen;
    this.seen = observed;
    for (const name of new Set([...before.keys(), ...observed.keys()])) {
      const [was, now] = [before.get(name), observed.get(name)];
      if (was === now) continue;
      all ||= !was || !now || !sameBridge(was, now);
      for (const port of new Set([...(was?.ports.keys() ?? []), ...(now?.ports.keys() ?? [])])) {
        const [old, fresh] = [was?.ports.get(port), now?.ports.get(port)];
        if (old === fresh) continue;
        all ||= [old, fresh].some((each) => each && each.mark !== null && each.ifaceId === null);
        if (name !== BR_INT) continue;
        this.noteDevice(old, fresh);
        if (
          own &&
          old &&
          fresh &&
          old.ifaceId === fresh.ifaceId &&
          old.ofport === fresh.ofport &&
          old.error === fresh.error &&
          old.device === fresh.device
        )
          continue;
        for (const each of [old, fresh]) if (each?.ifaceId) ids.add(each.ifaceId);
      }
    }
    return { all: all && !own, ids };
  }

  private noteDevice(old: ObservedPort | undefined, fresh: ObservedPort | undefined): void {
    if (old?.ifaceId) {
      const rest = (this.devices.get(old.ifaceId) ?? []).filter(({ name }) => name !== old.name);
      if (rest.length > 0) this.devices.set(old.ifaceId, rest);
      else this.devices.delete(old.ifaceId);
    }
    if (fresh?.ifaceId)
      this.devices.set(fresh.ifaceId, [...(this.devices.get(fresh.ifaceId) ?? []), fresh].sort(byUse));
  }
}

const CONCERNING: ReadonlySet<Kind> = new Set([
  ...(['port', 'network', 'placement', 'node', 'forwardingentry', 'routerentry', 'routerplace'] as const),
]);

const nodeAt = (view: HostView): number => objectIn(view, 'node', view.host)?.setAt['node'] ?? 0;

const isOfGroups = (kind: Kind): boolean =>
  kind === 'securitygroup' ||
  kind === 'securitygrouprule' ||
  kind === 'securitygroupmember' ||
  kind === 'addressgroup' ||
  kind === 'packetlog';

const sameBridge = (a: ObservedBridge, b: ObservedBridge): boolean =>
  a.steered === b.steered &&
  a.datapathType === b.datapathType &&
  a.failMode === b.failMode &&
  a.mark === b.mark &&
  a.adopted === b.adopted;

const sameAsked = (a: UnitWant, b: UnitWant): boolean =>
  sameData(a.flows, b.flows) &&
  sameData(a.tags, b.tags) &&
  sameData(a.ports, b.ports) &&
  sameData(a.bridges, b.bridges);

const isNothing = (want: UnitWant): boolean =>
  want.portPlan === null &&
  want.bridges.length + want.ports.length + want.tags.length + want.refused.length + want.flows.length === 0;

function flowsOf(wants: readonly UnitWant[]): Desired['flows'] {
  const flows = new Map<string, Flow[]>();
  for (const want of wants)
    for (const { bridge, flow } of want.flows) {
      const list = flows.get(bridge);
      if (list) list.push(flow);
      else flows.set(bridge, [flow]);
    }
  return flows;
}

function put(groups: Map<string, Set<string>>, key: string, item: string): void {
  const group = groups.get(key);
  if (group) group.add(item);
  else groups.set(key, new Set([item]));
}

function drop(groups: Map<string, Set<string>>, key: string, item: string): void {
  const group = groups.get(key);
  if (group?.delete(item) && group.size === 0) groups.delete(key);
}

/** Everything that is wanted of a switch by a view, rendered from nothing. `mayRemove` false: the view may be old. */
export function render(
  view: HostView,
  config: OvsNodeConfig,
  observed: ObservedSwitch,
  options: Readonly<{ mayRemove: boolean }>,
): Desired {
  const wanted = new WantedSwitch();
  wanted.update(view, config, observed, 'all', options.mayRemove);
  return wanted.desired('all');
}
