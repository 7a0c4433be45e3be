/** The L3 agent's part of a replay: routers by l3-core, done on the real node, or printed. */
import { applyOnce, converge, L3Memory } from '@plumbline/l3-core';
import { NodeL3Driver, OvsdbPorts } from '@plumbline/l3-driver';
import { EVERYTHING, NOTHING_DONE, type ReplayPart } from '../node-agent.js';
import { printedPorts } from '../printed-ports.js';
import { printedPrograms, programsOf } from '../programs.js';

export const l3Replay: ReplayPart = {
  open({ host }, { runner, mirror, access }) {
    const programs = programsOf('l3', runner, host);
    const driver = new NodeL3Driver(runner, new OvsdbPorts(mirror), { announceAfterMs: [0], programs });
    return {
      converge: (view) => converge(view, driver, EVERYTHING, new L3Memory(), { metadata: access.answersMetadata }),
      close: () => driver.close(),
    };
  },

  openPrinting({ host }, printout) {
    const { print, lab, node } = printout;
    const programs = printedPrograms('l3', host, { print, lab, runner: node && node.runner });
    return {
      async converge(view) {
        const driver = new NodeL3Driver(printout.runner, printedPorts(printout), { programs });
        await applyOnce(view, driver, true, { metadata: printout.answersMetadata });
        return NOTHING_DONE;
      },
      close: () => undefined,
    };
  },
};
