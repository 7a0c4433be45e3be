/** The L3 agent's part of a replay: routers by l3-core, with the real node or on paper. */
import { shellCommand } from '@plumbline/exec';
import { applyOnce, converge } from '@plumbline/l3-core';
import { NodeL3Driver, type ObservedSwitch, OvsdbPorts, PrintingPorts, type SwitchPorts } from '@plumbline/l3-driver';
import { EVERYTHING, type Paper, NOTHING_DONE, type ReplayPart } from '../node-agent.js';

export const l3Replay: ReplayPart = {
  open(_view, { runner, mirror }) {
    const driver = new NodeL3Driver(runner, new OvsdbPorts(mirror), { announceAfterMs: [0] });
    return { converge: (view) => converge(view, driver, EVERYTHING), close: () => driver.close() };
  },

  openPrinting(_view, paper) {
    return {
      async converge(view) {
        await applyOnce(view, new NodeL3Driver(paper.runner, portsOnPaper(paper)));
        return NOTHING_DONE;
      },
      close: () => undefined,
    };
  },
};

/** Prints, and tells the agent of the switch which ports it will find. */
function portsOnPaper(paper: Paper): SwitchPorts {
  const real = paper.node && new OvsdbPorts(paper.node.mirror);
  const printing = new PrintingPorts(
    (argv) => paper.print(shellCommand(argv)),
    async () => withPrintedBridge(paper, real && (await real.observe())),
  );
  return {
    observe: () => printing.observe(),
    apply: async (steps) => {
      for (const step of steps)
        if (step.op === 'add-port')
          paper.plugged.push({ name: step.outside, portId: step.port.portId, position: step.port.position });
      await printing.apply(steps);
    },
    wired: () => printing.wired(),
  };
}

/** A bridge that has been printed is taken to be there. */
function withPrintedBridge({ integrationBridge }: Paper, real: ObservedSwitch | null): ObservedSwitch {
  if (real?.bridge) return real;
  const userspace = integrationBridge?.datapathType === 'netdev';
  return { bridge: integrationBridge !== null, userspace, ports: new Map() };
}
