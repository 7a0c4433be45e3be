/** What a node serves, by its view: kept as objects come, change and go, so that a change costs a look at its network alone. */
import { dhcpServiceOf, type ObjectKey, type ObjectStatus, type Port, type Subnet } from '@plumbline/contracts';
import { processOwner } from '@plumbline/processes';
import { Groups, Memory, type Run } from '@plumbline/reconcile';
import { nameOf, objectIn, type Convergence, type ConvergeOptions, type HostView } from '@plumbline/topology';
import { convergeDhcp } from './converge.js';
import type { DhcpDriver } from './driver.js';
import { dnsmasqName } from './marks.js';
import { addressOwner, linkOwner, netnsOwner, portOwner } from './plan.js';
import { renderDhcp } from './render.js';
import { by, type DhcpTerms, type ServedNetwork } from './served.js';
import type { DhcpState } from './state.js';

/** What an agent remembers from one converge to the next. */
export class DhcpMemory {
  readonly engine = new Memory();
  private readonly ports = new Groups<string, string>();
  private readonly subnets = new Groups<string, string>();
  /** Ports of this node's servers. */
  private readonly servers = new Groups<string, string>();
  private readonly states = new Map<string, DhcpState>();
  private readonly heldBack = new Set<string>();
  /** Network -> its subnets with DHCP in which the server has no address. */
  private readonly lacking = new Map<string, readonly Subnet[]>();
  /** Port -> position at which it was last said that it is served. */
  private readonly told = new Map<string, number>();
  private known = false;

  get wanted(): ReadonlyMap<string, DhcpState> {
    return this.states;
  }
  get held(): ReadonlySet<string> {
    return this.heldBack;
  }

  /** Those that have a server here. */
  get networks(): Iterable<string> {
    return this.servers.groups();
  }

  /** Takes in what changed, and renders what depends on it. Returns the networks to look at. */
  update(view: HostView, touched: ConvergeOptions['touched'], terms: DhcpTerms): ReadonlySet<string> | 'all' {
    const all = touched === 'all' || !this.known;
    this.known = true;
    const changed = new Set<string>();
    if (all) {
      for (const groups of [this.ports, this.subnets, this.servers]) groups.clear();
      for (const id of [...this.states.keys(), ...this.heldBack, ...this.lacking.keys()]) changed.add(id);
      for (const id of this.told.keys()) if (!view.objects.has(`port/${id}`)) this.told.delete(id);
    }
    for (const key of all ? view.objects.keys() : touched) this.note(view, key, changed);
    for (const id of changed) this.render(view, id, terms);
    return touched === 'all' ? 'all' : changed;
  }

  private note(view: HostView, key: ObjectKey, changed: Set<string>): void {
    const { kind, id } = nameOf(key);
    const mark = (...networks: (string | undefined)[]): void => {
      for (const network of networks) if (network !== undefined) changed.add(network);
    };
    if (kind === 'network') mark(id);
    else if (kind === 'subnet') {
      const now = objectIn(view, 'subnet', id)?.networkId;
      mark(this.subnets.of(id), now);
      this.subnets.put(id, now);
    } else if (kind === 'port') {
      const port = objectIn(view, 'port', id);
      const isServer = port?.servesDhcp === true && port.binding.host === view.host;
      mark(this.ports.of(id), this.servers.of(id), port?.networkId);
      this.ports.put(id, port?.networkId);
      if (!port) this.told.delete(id);
      this.servers.put(id, isServer ? port.networkId : undefined);
    }
  }

  private render(view: HostView, id: string, terms: DhcpTerms): void {
    this.states.delete(id);
    this.heldBack.delete(id);
    this.lacking.delete(id);
    const served = this.network(view, id);
    const lacking = served ? withoutServer(served) : [];
    if (lacking.length > 0) this.lacking.set(id, lacking);
    const frozen = served && [served.network, served.server, ...served.subnets, ...served.ports];
    if (view.frozen.has(`network/${id}`) || frozen?.some((each) => view.frozen.has(`${each.kind}/${each.id}`))) {
      this.heldBack.add(id);
      return;
    }
    const state = served && renderDhcp(served, terms);
    if (state) this.states.set(id, state);
  }

  private network(view: HostView, id: string): ServedNetwork | null {
    const network = objectIn(view, 'network', id);
    const [serverId] = [...this.servers.in(id)].sort();
    const server = serverId === undefined ? undefined : objectIn(view, 'port', serverId);
    if (!network || !server) return null;
    return {
      network,
      server,
      subnets: [...this.subnets.in(id)].flatMap((each) => objectIn(view, 'subnet', each) ?? []),
      ports: [...this.ports.in(id)]
        .filter((each) => each !== serverId)
        .flatMap((each): Port[] => {
          const port = objectIn(view, 'port', each);
          return port ? [port] : [];
        }),
    };
  }

  /**
   * Ports of these networks that are as they should be, behind a converge of them: all that there is of a port is in the files, and dnsmasq was told so. What asks
   * behind a signal is answered from the new files, because dnsmasq looks for signals before it looks for packets. Said of ports that were touched and of those that
   * it was not said of yet: a change of one port says nothing of the others. A lease or a route that failed concerns nobody else.
   */
  served(view: HostView, networks: Iterable<string>, touched: ConvergeOptions['touched'], run: Run): ObjectStatus[] {
    const statuses: ObjectStatus[] = [];
    for (const id of networks) {
      const ports = this.ports.in(id);
      if (this.servers.in(id).size === 0) for (const port of ports) this.told.delete(port);
      else if (!this.heldBack.has(id) && !failed(id, run))
        for (const port of ports) {
          const before = touched !== 'all' && touched.has(`port/${port}`) ? undefined : this.told.get(port);
          if (before !== undefined && touched !== 'all') continue;
          const position = before ?? view.position;
          this.told.set(port, position);
          statuses.push({ kind: 'port', id: port, position, status: 'ACTIVE' });
        }
    }
    return statuses.sort(by(({ id }) => id));
  }

  /** Subnets with DHCP in which the server has no address: nothing was free. */
  unserved(): { key: string; reason: string }[] {
    return [...this.lacking.values()]
      .flat()
      .map(({ id, cidr }) => ({
        key: `subnet/${id}`,
        reason: `no address of ${cidr} is free for DHCP: nobody gets one there until its owner frees one or enlarges its allocation pools`,
      }))
      .sort(by(({ key }) => key));
  }
}

const withoutServer = ({ server, subnets }: ServedNetwork): Subnet[] =>
  subnets.filter(
    (subnet) =>
      dhcpServiceOf(subnet) !== null &&
      !server.fixedIps.some(({ subnetId }) => subnetId === subnet.id) &&
      (subnet.serviceTypes.length === 0 || subnet.serviceTypes.includes('network:dhcp')),
  );

/** Whether something failed that each guest of the network needs. */
const failed = (id: string, run: Run): boolean =>
  [netnsOwner(id), linkOwner(id), portOwner(id), processOwner(dnsmasqName(id))].some((owner) => run.why(owner)) ||
  [...run.failures.keys()].some((owner) => owner.startsWith(addressOwner(id, '')));

/** Contract: Convergence. Rejects only when the node cannot be observed at all. A port is ACTIVE when this node serves it; nothing else is said of ports. */
export async function convergeDhcpView(
  view: HostView,
  driver: DhcpDriver,
  { touched, mayRemove }: Pick<ConvergeOptions, 'touched' | 'mayRemove'>,
  memory: DhcpMemory,
  terms: DhcpTerms,
): Promise<Convergence> {
  const networks = memory.update(view, touched, terms);
  const { wanted, held } = memory;
  const run = await convergeDhcp({ wanted, held }, driver, { touched: networks, mayRemove }, memory.engine);
  const failed = new Map<string, Set<string>>();
  for (const { unit, reason } of run.failures.values()) {
    const key = wanted.has(unit) ? `network/${unit}` : `node/${view.host}`;
    failed.set(key, (failed.get(key) ?? new Set()).add(reason));
  }
  return {
    applied: run.applied,
    drift: run.drift,
    statuses: memory.served(view, networks === 'all' ? memory.networks : networks, touched, run),
    failed: [...failed].map(([key, reasons]) => ({ key, reason: [...reasons].join('; ') })),
  };
}
