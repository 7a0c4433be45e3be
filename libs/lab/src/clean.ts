/**
 * Removing a lab, whole or half made, running or broken: processes, namespaces, the host's link, files.
 *
 * In this order: the supervisor (it stops its units in reverse order), whoever else bears the lab's id or lives in its namespaces, the link, and the
 * state folder last, because it is what the next attempt goes by when this one is broken off.
 */
import { readlinkSync, rmSync } from 'node:fs';
import path from 'node:path';
import { removeClouds } from './clouds.js';
import { removeEmptyFolder } from './files.js';
import { findHostLink, removeHostLink } from './host-link-device.js';
import { allPids, identify, processesWith, signal, waitGone, type ProcessIdentity } from './process-identity.js';
import type { LabSpec } from './spec.js';
import { bootId, readLabState, type LabState } from './state.js';
import { stopSupervisor } from './supervision.js';
import { readRunning } from './unit.js';

const graceMs = 3_000;

/** Removes everything the state speaks of. Repeatable; nothing there is fine. */
export async function clean(spec: LabSpec, state: LabState): Promise<void> {
  // After a reboot nothing of it runs any more, and its numbers may be others'.
  if (state.bootId === bootId()) {
    const inhabitants = inhabitantsOf(spec);
    await stopSupervisor(spec.stateDir);
    await endAll(() => [...processesWith('PLUMB_LAB_ID', state.labId), ...inhabitants]);
    if (state.hostLink !== null) await removeHostLink(state.hostLink.name, state.labId);
  }
  removeFiles(spec.stateDir);
  removeClouds(spec);
}

/**
 * Removes a lab whose state folder was deleted under it, found by the mark on the link this lab wants. Answers false when there is none: no link, or one
 * whose lab is alive and well.
 */
export async function cleanOrphan(spec: LabSpec): Promise<boolean> {
  const owner = (await findHostLink(spec.hostLink))?.owner ?? null;
  if (owner === null || readLabState(owner.stateDir)?.labId === owner.labId) return false;
  await endAll(() => processesWith('PLUMB_LAB_ID', owner.labId));
  await removeHostLink(spec.hostLink, owner.labId);
  // Its supervisor may have written there until the end.
  removeFiles(owner.stateDir);
  return true;
}

/** What the lab wrote, by name: PLUMB_STATE may point to a folder that holds other things. lab.json last: it tells that there is something to remove. The lock stays with its holder. */
export function removeFiles(stateDir: string): void {
  const ours = ['units', 'run', 'logs', 'places', 'supervisor.json', 'lab.json'];
  for (const name of ours) rmSync(path.join(stateDir, name), { recursive: true, force: true });
  removeEmptyFolder(stateDir);
}

/** Processes in the lab's namespaces, by whomever started: each would keep its namespace alive. Asked while the keepers still tell which those are. */
function inhabitantsOf(spec: LabSpec): ProcessIdentity[] {
  const namespaces = new Set<string>();
  for (const name of ['mgmt', 'outside', ...spec.nodes.map((node) => node.host)]) {
    const keeper = readRunning(spec.stateDir, `keeper-${name}`);
    if (keeper === null || identify(keeper.pid)?.startTime !== keeper.startTime) continue;
    const namespace = netnsOf(keeper.pid);
    if (namespace !== null && namespace !== netnsOf('self')) namespaces.add(namespace);
  }
  return allPids()
    .filter((pid) => namespaces.has(netnsOf(pid) ?? ''))
    .map(identify)
    .filter((found) => found !== null);
}

function netnsOf(pid: number | 'self'): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return null;
  }
}

async function endAll(find: () => ProcessIdentity[]): Promise<void> {
  const first = find();
  first.forEach((each) => signal(each, 'SIGTERM'));
  await waitGone(first, graceMs);
  // Processes that ignored SIGTERM, and those that were started meanwhile.
  for (let left = find(); left.map((each) => signal(each, 'SIGKILL')).includes(true); left = find()) {
    await waitGone(left, graceMs);
  }
}
