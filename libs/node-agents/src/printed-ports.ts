/** Ports of the switch that are only printed, and told to the OVS agent, which prints its part afterwards. */
import { shellCommand } from '@plumbline/exec';
import { type ObservedSwitch, OvsdbPorts, PrintingPorts, type SwitchPorts } from '@plumbline/l3-driver';
import type { Printout } from './node-agent.js';

/** `owner`: whose ports, as in OvsdbPorts. */
export function printedPorts(printout: Printout, owner?: string): SwitchPorts {
  const real = printout.node && new OvsdbPorts(printout.node.mirror, owner);
  const printing = new PrintingPorts(
    (argv) => printout.print(shellCommand(argv)),
    async () => withPrintedBridge(printout, real && (await real.observe())),
    owner,
  );
  return {
    observe: () => printing.observe(),
    apply: async (steps) => {
      for (const step of steps)
        if (step.op === 'add-port')
          printout.plugged.push({ name: step.outside, portId: step.port.portId, position: step.port.position });
      await printing.apply(steps);
    },
    wiredNow: () => printing.wiredNow(),
    wired: () => printing.wired(),
  };
}

/** A bridge whose commands have been printed counts as present. */
function withPrintedBridge({ integrationBridge }: Printout, real: ObservedSwitch | null): ObservedSwitch {
  if (real?.bridge) return real;
  const userspace = integrationBridge?.datapathType === 'netdev';
  return { bridge: integrationBridge !== null, userspace, ports: new Map() };
}
