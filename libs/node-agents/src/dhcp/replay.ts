/** The DHCP agent's part of a replay: networks by dhcp-core, done on the real node, or printed. */
import { applyDhcpOnce, convergeDhcpView, DHCP_PORT_OWNER, DhcpMemory } from '@plumbline/dhcp-core';
import { NodeDhcpDriver } from '@plumbline/dhcp-driver';
import { OvsdbPorts } from '@plumbline/l3-driver';
import { EVERYTHING, NOTHING_DONE, type ReplayPart } from '../node-agent.js';
import { printedPorts } from '../printed-ports.js';
import { printedPrograms, programsOf } from '../programs.js';
import { dhcpTerms } from './terms.js';

export const dhcpReplay: ReplayPart = {
  open({ host }, { access, runner, mirror }) {
    const { owner, processes } = programsOf('dhcp', runner, host);
    const driver = new NodeDhcpDriver(runner, new OvsdbPorts(mirror, DHCP_PORT_OWNER), processes, { owner });
    const terms = dhcpTerms(owner, access);
    return {
      converge: (view) => convergeDhcpView(view, driver, EVERYTHING, new DhcpMemory(), terms),
      close: () => driver.close(),
    };
  },

  openPrinting({ host }, printout) {
    const { print, lab, node, runner } = printout;
    const { owner, processes } = printedPrograms('dhcp', host, { print, lab, runner: node && node.runner });
    const ports = printedPorts(printout, DHCP_PORT_OWNER);
    const driver = new NodeDhcpDriver(runner, ports, processes, { owner, waits: false });
    return {
      async converge(view) {
        const memory = new DhcpMemory();
        memory.update(view, 'all', dhcpTerms(owner, printout));
        await applyDhcpOnce(memory, driver);
        return NOTHING_DONE;
      },
      close: () => driver.close(),
    };
  },
};
