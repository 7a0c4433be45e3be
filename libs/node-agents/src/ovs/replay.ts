/** The OVS agent's part of a replay: bridges, ports and flows by ovs-core, done on the real switch, or printed. */
import { shellCommand } from '@plumbline/exec';
import {
  BR_INT,
  type ObservedPort,
  type ObservedSwitch,
  NodeConverger,
  type OvsDriver,
  type OvsNodeConfig,
} from '@plumbline/ovs-core';
import { BridgeDriver, PrintingBridges, PrintingDriver, SwitchDriver } from '@plumbline/ovs-driver';
import { type HostView, objectIn } from '@plumbline/topology';
import {
  EVERYTHING,
  type NodeAccess,
  type NodeConnection,
  type PluggedPort,
  NOTHING_DONE,
  type ReplayPart,
} from '../node-agent.js';

/** OpenFlow numbers of ports that are only printed: beyond those that a switch gives. */
const FIRST_PRINTED_OFPORT = 10_000;

export const ovsReplay: ReplayPart = {
  open(view, node) {
    const config = configOf(view, node.access);
    const driver = switchDriver(node);
    const ovs = new NodeConverger(driver, new BridgeDriver(node.runner), () => config);
    return { converge: (wanted) => ovs.converge(wanted, EVERYTHING), close: () => driver.close() };
  },

  openPrinting(view, printout) {
    const config = configOf(view, printout);
    const real = printout.node && switchDriver(printout.node);
    if (!real && Object.keys(config.bridgeMappings).length > 0)
      printout.printForOperator(shellCommand(operatorsBridges(config)));
    const bridges = new PrintingBridges(new BridgeDriver(printout.runner));
    let reader: OvsDriver = real ?? readOnlySwitch(withOperatorsBridges(config), new Map());
    return {
      async converge(wanted) {
        const driver = new PrintingDriver({ reader, print: printout.print, runDir: printout.runDir });
        await new NodeConverger(driver, bridges, () => config).converge(wanted, EVERYTHING);
        const after = await driver.observe();
        printout.integrationBridge = after.get(BR_INT) ?? null;
        // The next converge finds what is printed by now, and the ports that other agents print from here on.
        // Bridges of others are not asked: they need not answer.
        const ours = [...after.values()].filter(({ mark }) => mark !== null).map(({ name }) => name);
        const flows = await driver.flows(ours, { fresh: false });
        reader = readOnlySwitch(() => withPorts(after, printout.plugged), flows);
        return NOTHING_DONE;
      },
      close: () => real?.close(),
    };
  },
};

/** On a node without its agent. */
export const switchDriver = ({ mirror, runner, access }: NodeConnection): SwitchDriver =>
  new SwitchDriver(mirror, runner, { runDir: access.runDir, watch: false });

/** The facts that the node registered. */
export function configOf(
  view: HostView,
  { datapathType, firewall, foreignPorts }: Pick<NodeAccess, 'datapathType' | 'firewall' | 'foreignPorts'>,
): OvsNodeConfig {
  const node = objectIn(view, 'node', view.host);
  if (!node || node.removed)
    throw new Error(
      `the log knows no node "${view.host}" at position ${view.position}: its OVS agent has not registered it yet`,
    );
  return { bridgeMappings: node.bridgeMappings, tunnelIp: node.tunnelIp, datapathType, firewall, foreignPorts };
}

const observedPort = ({ name, portId, position }: PluggedPort, index: number): ObservedPort => ({
  ...{ name, bridge: BR_INT, tag: null, mark: position, tagMark: null, ifaceId: portId },
  ...{ type: '', options: {}, ofport: FIRST_PRINTED_OFPORT + index, error: null },
});

function withPorts(observed: ObservedSwitch, plugged: readonly PluggedPort[]): ObservedSwitch {
  const bridge = observed.get(BR_INT);
  if (!bridge) return observed;
  const ports = new Map(bridge.ports);
  for (const port of plugged.map(observedPort)) ports.set(port.name, port);
  return new Map([...observed, [BR_INT, { ...bridge, ports }]]);
}

/**
 * The operator makes the bridges of the mappings and puts the uplinks in. A wiped node still has them; for one that has not, these are the operator's commands.
 */
const operatorsBridges = ({ bridgeMappings, datapathType }: OvsNodeConfig): string[] => [
  'ovs-vsctl',
  '--timeout=10',
  ...Object.values(bridgeMappings).flatMap((name) => [
    ...['--', '--may-exist', 'add-br', name],
    ...['--', 'set', 'Bridge', name, `datapath_type=${datapathType}`],
  ]),
];

const withOperatorsBridges =
  ({ bridgeMappings, datapathType }: OvsNodeConfig) =>
  (): ObservedSwitch =>
    new Map(
      Object.values(bridgeMappings).map((name) => [
        name,
        { name, datapathType, failMode: null, mark: null, adopted: false, ports: new Map() },
      ]),
    );

/** A switch in memory, read only: what has been printed so far. */
function readOnlySwitch(observed: () => ObservedSwitch, flows: Awaited<ReturnType<OvsDriver['flows']>>): OvsDriver {
  return {
    observe: async () => observed(),
    flows: async (bridges) => new Map([...flows].filter(([name]) => bridges.includes(name))),
    apply: async () => {
      throw new Error('cannot change the switch: a printed replay only reads it');
    },
  };
}
