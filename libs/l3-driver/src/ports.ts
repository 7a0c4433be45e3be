/**
 * An agent's ports of Open vSwitch: the outer ends of its links, on the integration bridge. The OVS agent owns the bridge, the tag and the flows; it
 * finds these ports by `iface-id`, like an instance's. All ports of a converge are one OVSDB transaction. `owner` says whose ports they are: the L3 agent's, or
 * those of another agent that makes its links in the same way.
 */
import {
  DEAD_VLAN,
  INTEGRATION_BRIDGE,
  L3Step,
  ObservedPort,
  OWNER,
  OWNER_KEY,
  POSITION_KEY,
} from '@plumbline/l3-core';
import { addPort, Operation, OvsdbMirror, OvsdbNotApplied, removePort, setKeys } from '@plumbline/ovsdb';

export type PortStep = Extract<L3Step, { op: 'add-port' | 'remove-port' }>;
export type ObservedSwitch = Readonly<{
  /** False while the integration bridge is missing. */
  bridge: boolean;
  userspace: boolean;
  ports: ReadonlyMap<string, ObservedPort>;
}>;

export interface SwitchPorts {
  /** Rejects when the switch cannot be asked. */
  observe(): Promise<ObservedSwitch>;
  /** One transaction. Success if it is done already. */
  apply(steps: readonly PortStep[]): Promise<void>;
  /** Those of these ports that the OVS agent has wired. */
  wiredNow(outsides: ReadonlySet<string>): ReadonlySet<string>;
  /** The same; waits for the others for `timeoutMs` at the most. */
  wired(outsides: ReadonlySet<string>, timeoutMs: number): Promise<ReadonlySet<string>>;
}

/** `external_ids` of the interface behind a port. `iface-status` is what libvirt and the reference write there too. */
export const externalIds = (
  step: Extract<PortStep, { op: 'add-port' }>,
  owner: string = OWNER,
): Readonly<Record<string, string>> => ({
  'iface-id': step.port.portId,
  'iface-status': 'active',
  'attached-mac': step.port.mac,
  [OWNER_KEY]: owner,
  [POSITION_KEY]: String(step.port.position),
});

/** A port as found, from the columns of its interface. */
export const observedPort = (
  name: string,
  ids: Readonly<Record<string, string>>,
  owner: string = OWNER,
): ObservedPort => ({
  name,
  portId: ids['iface-id'] ?? '',
  mac: ids['attached-mac'] ?? '',
  position: Number(ids[POSITION_KEY] ?? 0),
  ours: ids[OWNER_KEY] === owner,
});

/** How long ovs-vswitchd may take to release ports. One that does not run holds none. */
const RELEASE_TIMEOUT_MS = 2_000;

/**
 * Over OVSDB. Observing costs nothing: the mirror is in memory. Additions do not wait for ovs-vswitchd: the device exists, and it will open it. Removals do wait:
 * if a port is removed and added again before ovs-vswitchd sees it, it is the same port to it, and keeps the old device.
 */
export class OvsdbPorts implements SwitchPorts {
  /** As it was when it was last asked for; null when something changed since. */
  private seen: ObservedSwitch | null = null;

  constructor(
    private readonly mirror: OvsdbMirror,
    private readonly owner: string = OWNER,
  ) {
    mirror.onChange(() => (this.seen = null));
  }

  async observe(): Promise<ObservedSwitch> {
    const { mirror } = this;
    if (!mirror.inSync) throw new Error(`Open vSwitch's database at ${mirror.client.remote} cannot be reached`);
    return (this.seen ??= this.read());
  }

  private read(): ObservedSwitch {
    const { mirror } = this;
    const bridge = mirror.bridge(INTEGRATION_BRIDGE);
    if (!bridge) return { bridge: false, userspace: false, ports: new Map() };
    const ports = mirror
      .portsOf(bridge)
      .map((port) => observedPort(port.name, mirror.interface(port.name)?.external_ids ?? {}, this.owner));
    return {
      bridge: true,
      userspace: bridge.datapath_type === 'netdev',
      ports: new Map(ports.map((port) => [port.name, port])),
    };
  }

  async apply(steps: readonly PortStep[]): Promise<void> {
    const operations = steps.flatMap((step) => this.operationsOf(step));
    if (operations.length === 0) return;
    if (!steps.some((step) => step.op === 'remove-port')) {
      await this.mirror.commit(operations, { wait: false });
      return;
    }
    await this.mirror.commit(operations, { timeoutMs: RELEASE_TIMEOUT_MS }).catch((error: unknown) => {
      if (!(error instanceof OvsdbNotApplied)) throw error;
    });
  }

  wiredNow(outsides: ReadonlySet<string>): ReadonlySet<string> {
    return new Set([...outsides].filter((name) => (this.mirror.port(name)?.tag ?? DEAD_VLAN) !== DEAD_VLAN));
  }

  async wired(outsides: ReadonlySet<string>, timeoutMs: number): Promise<ReadonlySet<string>> {
    const areAll = (): boolean => this.wiredNow(outsides).size === outsides.size;
    await this.mirror.until(areAll, { timeoutMs }).catch(() => undefined);
    return this.wiredNow(outsides);
  }

  private operationsOf(step: PortStep): readonly Operation[] {
    const port = this.mirror.port(step.outside);
    const bridge = port && this.mirror.bridgeOf(port);
    if (step.op === 'remove-port') return port && bridge ? removePort(bridge.name, port.uuid) : [];
    const ids = externalIds(step, this.owner);
    if (port && bridge?.name === INTEGRATION_BRIDGE) return setKeys('Interface', step.outside, 'external_ids', ids);
    const add = addPort({
      bridge: INTEGRATION_BRIDGE,
      name: step.outside,
      port: { tag: DEAD_VLAN },
      interface: { external_ids: ids },
    });
    return port && bridge ? [...removePort(bridge.name, port.uuid), ...add] : add;
  }
}

/** Prints one ovs-vsctl command for each call. `observed`: the switch as it is, or none for a node that was wiped. */
export class PrintingPorts implements SwitchPorts {
  constructor(
    private readonly print: (argv: readonly string[]) => unknown,
    private readonly observed: () => Promise<ObservedSwitch> = () =>
      Promise.resolve({ bridge: true, userspace: true, ports: new Map() }),
    private readonly owner: string = OWNER,
  ) {}

  observe(): Promise<ObservedSwitch> {
    return this.observed();
  }

  async apply(steps: readonly PortStep[]): Promise<void> {
    if (steps.length === 0) return;
    const wait = steps.some((step) => step.op === 'remove-port') ? [] : ['--no-wait'];
    this.print(['ovs-vsctl', ...wait, ...steps.flatMap((step) => vsctl(step, this.owner))]);
  }

  /** Nobody wires what is only printed. */
  wiredNow(): ReadonlySet<string> {
    return new Set();
  }

  async wired(): Promise<ReadonlySet<string>> {
    return new Set();
  }
}

function vsctl(step: PortStep, owner: string): string[] {
  if (step.op === 'remove-port') return ['--', '--if-exists', 'del-port', INTEGRATION_BRIDGE, step.outside];
  const ids = Object.entries(externalIds(step, owner)).map(([key, value]) => `external_ids:${key}="${value}"`);
  const add = ['--', '--may-exist', 'add-port', INTEGRATION_BRIDGE, step.outside, `tag=${DEAD_VLAN}`];
  return [...add, '--', 'set', 'Interface', step.outside, ...ids];
}
