/**
 * A node of the lab on this machine. `plumb replay` fetches a view and applies it, and in the lab one process cannot do both: the API answers on the host's
 * loopback, and the node's switch and namespaces are visible only inside the node. So this process fetches the view and runs the same command inside the node
 * with it.
 */
import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { FeedMessage } from '@plumbline/contracts';
import { argvAt, labEnvironment, nodeOf, placeFolder, runAttached, runningPlace } from '@plumbline/lab';
import { labHere } from '../lab-here.js';

export interface LabNode {
  readonly labId: string;
  /** Who answers its guests for metadata (PLUMB_METADATA of its agents). */
  readonly metadata: string | undefined;
  /** Where its agents' snapshots are, seen from here. */
  readonly stateDir: string;
  /** Runs `plumb replay --node <host> --view <this message> <options>` inside the node, with this terminal. Answers its exit code. */
  replayInside(message: FeedMessage, options: readonly string[]): Promise<number>;
}

/**
 * The node of this name, if a lab of this name runs and has it, and this process is not inside it. Null otherwise: then this machine itself is the node. Also
 * null without root, because only root can look into a lab. PLUMB_STATE names another state folder.
 */
export async function labNode(host: string, labName: string): Promise<LabNode | null> {
  const lab = await labHere(labName);
  if (lab === null) return null;
  const { spec, state } = lab;
  if (nodeOf(spec, host) === undefined) return null;
  const place = runningPlace(spec, host);
  if (readlinkSync(`/proc/${place.keeperPid}/ns/net`) === readlinkSync('/proc/self/ns/net')) return null;
  return {
    labId: state.labId,
    metadata: nodeOf(spec, host)?.metadata,
    stateDir: path.join(placeFolder(spec, host), 'agents'),
    async replayInside(message, options) {
      const folder = mkdtempSync(path.join(placeFolder(spec, host), 'replay-'));
      try {
        writeFileSync(path.join(folder, 'view.json'), JSON.stringify(message), { mode: 0o600 });
        const view = `${place.paths.var}/${path.basename(folder)}/view.json`;
        const command = [place.paths.node, `${place.paths.project}/apps/cli/dist/main.js`, 'replay', '--node', host];
        return await runAttached(
          argvAt(spec, state, host, [...command, '--view', view, ...options]),
          labEnvironment(state.labId),
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}
