/**
 * Makes a node what a view says, with the very functions the agents run: the switch first, because router ports are plugged into it, then routers, then the
 * switch again for the tags and flows of the ports that routers plugged.
 *
 * `print` instead of the real drivers gives a shell script that does the same work. From nothing, it is what a wiped node would take.
 */
import { PrintingRunner, type Runner, shellCommand, Spawner } from '@plumbline/exec';
import { applyOnce, converge as convergeL3, INTEGRATION_BRIDGE } from '@plumbline/l3-core';
import {
  NodeL3Driver,
  type ObservedSwitch as L3Switch,
  OvsdbPorts,
  PrintingPorts,
  type PortStep,
} from '@plumbline/l3-driver';
import {
  type ObservedPort,
  type ObservedSwitch,
  OvsConverger,
  type OvsDriver,
  type OvsNodeConfig,
} from '@plumbline/ovs-core';
import { PrintingDriver, SwitchDriver } from '@plumbline/ovs-driver';
import { OvsdbClient, OvsdbMirror } from '@plumbline/ovsdb';
import { type Convergence, type HostView, objectIn } from '@plumbline/topology';

export type Rebuilt = Readonly<{ applied: number; failed: readonly Readonly<{ key: string; reason: string }>[] }>;

export type NodeAccess = Readonly<{
  /** `unix:<socket>` of the node's Open vSwitch database. */
  ovsdb: string;
  datapathType: 'system' | 'netdev';
  /** Directory of the bridges' management sockets. */
  runDir: string;
}>;

/** The node's own facts, as it registered them. */
export function configOf(view: HostView, datapathType: NodeAccess['datapathType']): OvsNodeConfig {
  const node = objectIn(view, 'node', view.host);
  if (!node || node.removed)
    throw new Error(
      `the log knows no node "${view.host}" at position ${view.position}: its OVS agent has not registered it yet`,
    );
  return { bridgeMappings: node.bridgeMappings, tunnelIp: node.tunnelIp, datapathType };
}

const EVERYTHING = { touched: 'all', mayRemove: true, unverified: false } as const;

function together(parts: readonly Convergence[]): Rebuilt {
  const failed = new Map(parts.flatMap((part) => part.failed.map(({ key, reason }) => [key, reason] as const)));
  return {
    applied: parts.reduce((sum, part) => sum + part.applied, 0),
    failed: [...failed].map(([key, reason]) => ({ key, reason })),
  };
}

/** Applies the view to this node. Idempotent: a node that is right already is not touched. */
export async function rebuild(view: HostView, access: NodeAccess): Promise<Rebuilt> {
  const config = configOf(view, access.datapathType);
  const runner = new Spawner();
  const client = await OvsdbClient.connect(access.ovsdb);
  try {
    const mirror = await OvsdbMirror.open(client);
    const switchDriver = new SwitchDriver(mirror, runner, { runDir: access.runDir, watch: false });
    const l3Driver = new NodeL3Driver(runner, new OvsdbPorts(mirror), { announceAfterMs: [0] });
    const ovs = new OvsConverger(switchDriver, () => config);
    const base = await ovs.converge(view, EVERYTHING);
    const routers = await convergeL3(view, l3Driver, EVERYTHING);
    const wired = await ovs.converge(view, EVERYTHING);
    l3Driver.close();
    switchDriver.close();
    // What failed before the routers had plugged their ports may be well now.
    return together([{ ...base, failed: [] }, routers, wired]);
  } finally {
    client.close();
    runner.close();
  }
}

export type PrintOptions = Readonly<{
  print: (command: string) => void;
  /** Null: as if nothing of ours were on the node. */
  access: NodeAccess | null;
  datapathType: NodeAccess['datapathType'];
  runDir: string;
}>;

/** Prints what `rebuild` would run, in order; resolves with the number of commands. Changes nothing. */
export async function printRebuild(view: HostView, options: PrintOptions): Promise<number> {
  const config = configOf(view, options.datapathType);
  let printed = 0;
  const print = (command: string): void => {
    printed += 1;
    options.print(command);
  };
  const reader = options.access ? await openReader(options.access) : null;
  try {
    if (!reader && Object.keys(config.bridgeMappings).length > 0) options.print(shellCommand(operatorsBridges(config)));
    const first = new PrintingDriver({
      reader: reader?.switch ?? standing(withOperatorsBridges(config), new Map()),
      print,
      runDir: options.runDir,
    });
    await new OvsConverger(first, () => config).converge(view, EVERYTHING);

    const plugged: ObservedPort[] = [];
    const ports = new PrintingPorts(
      (argv) => print(shellCommand(argv)),
      async () => l3SwitchOf(await first.observe(), reader ? await reader.ports.observe() : null),
    );
    const recording = {
      observe: () => ports.observe(),
      apply: async (steps: readonly PortStep[]) => {
        for (const step of steps) if (step.op === 'add-port') plugged.push(pluggedPort(step, plugged.length));
        await ports.apply(steps);
      },
      wired: () => ports.wired(),
    };
    const runner = new PrintingRunner({ ...(reader ? { reader: reader.runner } : {}), print });
    await applyOnce(view, new NodeL3Driver(runner, recording));

    const after = await first.observe();
    const flows = await first.flows([...after.keys()], { fresh: false });
    const second = new PrintingDriver({
      reader: standing(withPorts(after, plugged), flows),
      print,
      runDir: options.runDir,
    });
    await new OvsConverger(second, () => config).converge(view, EVERYTHING);
    return printed;
  } finally {
    reader?.close();
  }
}

async function openReader(access: NodeAccess) {
  const runner: Runner & { close(): void } = new Spawner();
  const client = await OvsdbClient.connect(access.ovsdb);
  const mirror = await OvsdbMirror.open(client);
  const driver = new SwitchDriver(mirror, runner, { runDir: access.runDir, watch: false });
  return {
    runner,
    switch: driver,
    ports: new OvsdbPorts(mirror),
    close: () => {
      driver.close();
      client.close();
      runner.close();
    },
  };
}

/** What the L3 side sees once the printed bridges are taken to be there. */
function l3SwitchOf(printed: ObservedSwitch, real: L3Switch | null): L3Switch {
  const bridge = printed.get(INTEGRATION_BRIDGE);
  if (real?.bridge) return real;
  return { bridge: bridge !== undefined, userspace: bridge?.datapathType === 'netdev', ports: new Map() };
}

function pluggedPort(step: Extract<PortStep, { op: 'add-port' }>, index: number): ObservedPort {
  return {
    name: step.outside,
    bridge: INTEGRATION_BRIDGE,
    tag: null,
    mark: step.port.position,
    tagMark: null,
    ifaceId: step.port.portId,
    type: '',
    options: {},
    ofport: 10_000 + index,
    error: null,
  };
}

function withPorts(observed: ObservedSwitch, plugged: readonly ObservedPort[]): ObservedSwitch {
  const bridge = observed.get(INTEGRATION_BRIDGE);
  if (!bridge) return observed;
  const ports = new Map(bridge.ports);
  for (const port of plugged) ports.set(port.name, port);
  return new Map([...observed, [INTEGRATION_BRIDGE, { ...bridge, ports }]]);
}

/** The bridges of the mappings are the operator's, who put the uplinks in: a node without anything of ours has them, and where not they are made as he would. */
const operatorsBridges = ({ bridgeMappings, datapathType }: OvsNodeConfig): string[] => [
  'ovs-vsctl',
  '--timeout=10',
  ...Object.values(bridgeMappings).flatMap((name) => [
    ...['--', '--may-exist', 'add-br', name],
    ...['--', 'set', 'Bridge', name, `datapath_type=${datapathType}`],
  ]),
];

const withOperatorsBridges = ({ bridgeMappings, datapathType }: OvsNodeConfig): ObservedSwitch =>
  new Map(
    Object.values(bridgeMappings).map((name) => [
      name,
      { name, datapathType, failMode: null, mark: null, adopted: false, ports: new Map() },
    ]),
  );

/** A switch that stands still: what has been printed so far. */
function standing(observed: ObservedSwitch, flows: Awaited<ReturnType<OvsDriver['flows']>>): OvsDriver {
  return {
    observe: async () => observed,
    flows: async (bridges) => new Map([...flows].filter(([name]) => bridges.includes(name))),
    apply: async () => {
      throw new Error('a switch that is only looked at was asked to change');
    },
  };
}
