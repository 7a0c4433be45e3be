/** Who may ask on a node, and who it is that asks, by the node's view: kept as objects come, change and go, so that a question costs a look at its network alone. */
import {
  canonicalAddress,
  type InstanceData,
  type InstanceName,
  instanceOf,
  type ObjectKey,
  type Port,
} from '@plumbline/contracts';
import { Followers, Groups, Memory } from '@plumbline/reconcile';
import { nameOf, objectIn, type Convergence, type ConvergeOptions, type HostView } from '@plumbline/topology';
import { askerKey, type Asker, type AskerKey } from './asker.js';
import type { Guest, GuestPort } from './builtin/guest.js';
import { convergeMetadata, type MetadataWishes } from './converge.js';
import type { MetadataDriver } from './driver.js';
import type { ProxyTerms } from './proxy.js';

/** What an agent remembers from one converge to the next. */
export class MetadataMemory {
  readonly engine = new Memory();
  /** Ports of instances by `<network> <address>`. */
  private addresses = new Followers<string, string>();
  /** Ports of instances by the instance's name, as text. */
  private readonly devices = new Groups<string, string>();
  /** Ports of this node's DHCP servers, by network. */
  private readonly servers = new Groups<string, string>();
  /** Ports of all DHCP servers, and subnets, by network. */
  private readonly allServers = new Groups<string, string>();
  private readonly subnets = new Groups<string, string>();
  private readonly routers = new Set<string>();
  private view: HostView | null = null;
  /** What was wanted when all was as wanted at the last look; null: it was not. */
  settled: string | null = null;

  /** Takes in what changed. */
  update(view: HostView, touched: ConvergeOptions['touched']): void {
    const all = touched === 'all' || this.view === null;
    this.view = view;
    if (all) {
      for (const groups of [this.devices, this.servers, this.allServers, this.subnets, this.routers]) groups.clear();
      this.addresses = new Followers();
    }
    for (const key of all ? view.objects.keys() : touched) this.note(view, key);
  }

  private note(view: HostView, key: ObjectKey): void {
    const { kind, id } = nameOf(key);
    if (kind === 'router') {
      const router = objectIn(view, 'router', id);
      if (router?.host === view.host && router.adminStateUp) this.routers.add(id);
      else this.routers.delete(id);
    } else if (kind === 'subnet') {
      this.subnets.put(id, objectIn(view, 'subnet', id)?.networkId);
    } else if (kind === 'port') {
      const port = objectIn(view, 'port', id);
      const isServer = port?.servesDhcp === true && port.binding.host === view.host;
      this.servers.put(id, isServer ? port.networkId : undefined);
      this.allServers.put(id, port?.servesDhcp === true ? port.networkId : undefined);
      const instance = port && !port.servesDhcp ? instanceOf(port) : null;
      this.devices.put(id, instance ? textOf(instance) : undefined);
      const addresses = port && instance ? addressesOf(port).map((address) => `${port.networkId} ${address}`) : [];
      this.addresses.add(id, addresses);
      this.addresses.keepOnly(id, new Set(addresses));
    }
  }

  /** Where guests are to be answered, if they are: in the namespaces of the routers that are here, and of the networks whose DHCP is served here. */
  wishes(answers: boolean): MetadataWishes {
    const { view } = this;
    const held = new Set<AskerKey>();
    if (!view || !answers) return { wanted: [], held };
    const wanted: Asker[] = [
      ...[...this.routers].map((id) => ({ kind: 'router', id }) as const),
      ...[...this.servers.groups()].map((id) => ({ kind: 'network', id }) as const),
    ];
    for (const key of view.frozen.keys()) if (/^(router|network)\//.test(key)) held.add(key as AskerKey);
    return { wanted: wanted.filter((each) => !held.has(askerKey(each))), held };
  }

  /** The port that asks. Null: nobody's, or it cannot be told whose. */
  whoAsks(asker: Asker, source: string): Port | null {
    const { view } = this;
    if (!view) return null;
    const address = canonicalAddress(source.replace(/^::ffff:(?=\d+\.)/i, ''));
    const networks = asker.kind === 'network' ? [asker.id] : routedBy(view, asker.id);
    const found = networks.flatMap((network) => [...this.addresses.of(`${network} ${address}`)]);
    const [id] = found;
    return found.length === 1 && id !== undefined ? (objectIn(view, 'port', id) ?? null) : null;
  }

  /** All instances that this node may be asked by. */
  instances(): InstanceName[] {
    return [...this.devices.groups()].map((each) => {
      const [projectId, deviceId] = JSON.parse(each) as [string, string];
      return { projectId, deviceId };
    });
  }

  /** The instance of a port as this node knows it. `data`: what its owner gave it. */
  guestOf(asking: Port, data: InstanceData | null, dnsDomain: string): Guest {
    const { view } = this;
    const instance = instanceOf(asking);
    const ids = view && instance ? [...this.devices.in(textOf(instance))] : [];
    const ports = ids
      .flatMap((id) => (view && objectIn(view, 'port', id)) ?? [])
      .sort((a, b) => (`${a.createdAt} ${a.id}` < `${b.createdAt} ${b.id}` ? -1 : 1))
      .flatMap((port) => this.guestPortOf(port) ?? []);
    return { asking, ports, data, dnsDomain };
  }

  private guestPortOf(port: Port): GuestPort | null {
    const { view } = this;
    const network = view && objectIn(view, 'network', port.networkId);
    if (!view || !network) return null;
    const all = <K extends 'subnet' | 'port'>(kind: K, ids: ReadonlySet<string>) =>
      [...ids].sort().flatMap((id) => objectIn(view, kind, id) ?? []);
    const servers = all('port', this.allServers.in(port.networkId));
    return {
      port,
      network,
      subnets: all('subnet', this.subnets.in(port.networkId)),
      leased: new Set(servers.flatMap(({ fixedIps }) => fixedIps.map(({ subnetId }) => subnetId))),
    };
  }

  /** The view that the last converge was about; null before the first. */
  get seen(): HostView | null {
    return this.view;
  }
}

const textOf = ({ projectId, deviceId }: InstanceName): string => JSON.stringify([projectId, deviceId]);

const routedBy = (view: HostView, routerId: string): string[] => [
  ...new Set(Object.values(objectIn(view, 'router', routerId)?.interfaces ?? {}).map(({ networkId }) => networkId)),
];

/** Its own, and the link-local one that follows from its MAC (RFC 4291, appendix A). */
const addressesOf = ({ fixedIps, macAddress }: Port): string[] =>
  [...fixedIps.map(({ ipAddress }) => ipAddress), linkLocalOf(macAddress)].map(canonicalAddress);

function linkLocalOf(mac: string): string {
  const bytes = mac.split(':').map((each) => parseInt(each, 16));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes;
  const pair = (high: number, low: number): string => ((high << 8) | low).toString(16);
  return `fe80::${pair(a ^ 2, b)}:${pair(c, 0xff)}:${pair(0xfe, d)}:${pair(e, f)}`;
}

/** What an operator says of a node besides. `answers`: whether guests are answered at all; where they are not, no proxy is. */
export type MetadataTerms = ProxyTerms & Readonly<{ answers: boolean }>;

/** Contract: Convergence. Rejects only when the node cannot be observed at all. It reports no statuses. A port that changes costs no look at the node. */
export async function convergeMetadataView(
  view: HostView,
  driver: MetadataDriver,
  { touched, mayRemove }: Pick<ConvergeOptions, 'touched' | 'mayRemove'>,
  memory: MetadataMemory,
  terms: MetadataTerms,
): Promise<Convergence> {
  memory.update(view, touched);
  const wishes = memory.wishes(terms.answers);
  const text = JSON.stringify([mayRemove, wishes.wanted.map(askerKey).sort(), [...wishes.held].sort()]);
  if (touched !== 'all' && memory.settled === text) return { applied: 0, drift: 0, statuses: [], failed: [] };
  memory.settled = null;
  const run = await convergeMetadata(wishes, driver, terms, mayRemove, memory.engine);
  const reasons = [...new Set([...run.failures.values()].map(({ reason }) => reason))];
  if (reasons.length === 0) memory.settled = text;
  return {
    applied: run.applied,
    drift: run.drift,
    statuses: [],
    failed: reasons.length > 0 ? [{ key: `node/${view.host}`, reason: reasons.join('; ') }] : [],
  };
}
