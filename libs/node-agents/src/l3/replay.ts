/** The L3 agent's part of a replay: routers by l3-core, done on the real node, or printed (programs that are supervised are no commands: not printed). */
import { shellCommand } from '@plumbline/exec';
import { applyOnce, converge } from '@plumbline/l3-core';
import { NodeL3Driver, type ObservedSwitch, OvsdbPorts, PrintingPorts, type SwitchPorts } from '@plumbline/l3-driver';
import { EVERYTHING, type Printout, NOTHING_DONE, type ReplayPart } from '../node-agent.js';
import { programsOf } from './programs.js';

export const l3Replay: ReplayPart = {
  open({ host }, { runner, mirror }) {
    const programs = programsOf(runner, host);
    const driver = new NodeL3Driver(runner, new OvsdbPorts(mirror), { announceAfterMs: [0], programs });
    return { converge: (view) => converge(view, driver, EVERYTHING), close: () => driver.close() };
  },

  openPrinting(_view, printout) {
    return {
      async converge(view) {
        await applyOnce(view, new NodeL3Driver(printout.runner, printedPorts(printout)));
        return NOTHING_DONE;
      },
      close: () => undefined,
    };
  },
};

/** Prints the commands for ports, and records the ports for the OVS agent, which prints its part afterwards. */
function printedPorts(printout: Printout): SwitchPorts {
  const real = printout.node && new OvsdbPorts(printout.node.mirror);
  const printing = new PrintingPorts(
    (argv) => printout.print(shellCommand(argv)),
    async () => withPrintedBridge(printout, real && (await real.observe())),
  );
  return {
    observe: () => printing.observe(),
    apply: async (steps) => {
      for (const step of steps)
        if (step.op === 'add-port')
          printout.plugged.push({ name: step.outside, portId: step.port.portId, position: step.port.position });
      await printing.apply(steps);
    },
    wired: () => printing.wired(),
  };
}

/** A bridge whose commands have been printed counts as present. */
function withPrintedBridge({ integrationBridge }: Printout, real: ObservedSwitch | null): ObservedSwitch {
  if (real?.bridge) return real;
  const userspace = integrationBridge?.datapathType === 'netdev';
  return { bridge: integrationBridge !== null, userspace, ports: new Map() };
}
