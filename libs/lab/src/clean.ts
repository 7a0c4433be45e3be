/**
 * Ends a lab, complete or half made, running or broken: processes, namespaces, the host's link; and removes its files, if it is not to be mended.
 *
 * In this order: the supervisor (it stops its units in reverse order), other processes that have the lab's id or live in its namespaces, the link, and the state
 * folder last, because the next attempt needs it when this one is interrupted.
 */
import { readlinkSync, rmSync } from 'node:fs';
import path from 'node:path';
import { removeClouds } from './clouds.js';
import { removeEmptyFolder } from './files.js';
import { findHostLink, removeHostLink } from './host-link-device.js';
import { keeperUnit } from './place.js';
import { allPids, identify, processesWith, signal, waitGone, type ProcessIdentity } from './process-identity.js';
import type { LabSpec } from './spec.js';
import { bootId, readLabState, type LabState } from './state.js';
import { stopSupervisor } from './supervision.js';
import { readRunning } from './unit.js';

const graceMs = 3_000;
/** What says which processes should run and do. */
const RUNTIME_FILES = ['units', 'run', 'supervisor.json'] as const;

/** Removes everything that the state names. Idempotent. */
export async function clean(spec: LabSpec, state: LabState): Promise<void> {
  await end(spec, state);
  removeFiles(spec.stateDir);
  removeClouds(spec);
}

/** Ends all that runs and keeps what a reboot would leave: the database, the nodes' folders, the logs, lab.json. Idempotent. */
export async function endForMending(spec: LabSpec, state: LabState): Promise<void> {
  await end(spec, state);
  for (const name of RUNTIME_FILES) rmSync(path.join(spec.stateDir, name), { recursive: true, force: true });
}

async function end(spec: LabSpec, state: LabState): Promise<void> {
  // After a reboot nothing of it runs any more, and its process numbers may belong to other processes.
  if (state.bootId === bootId()) {
    const inhabitants = inhabitantsOf(keepersOf(spec));
    await stopSupervisor(spec.stateDir);
    await endAll(() => [...processesWith('PLUMB_LAB_ID', state.labId), ...inhabitants]);
    if (state.hostLink !== null) await removeHostLink(state.hostLink.name, state.labId);
  }
}

/**
 * Removes a lab whose state folder somebody deleted; it is found by the mark on the link that this lab wants to make. Answers false when there is none: no
 * link, or one whose lab still has its state folder.
 */
export async function cleanOrphan(spec: LabSpec): Promise<boolean> {
  const owner = (await findHostLink(spec.hostLink))?.owner ?? null;
  if (owner === null || readLabState(owner.stateDir)?.labId === owner.labId) return false;
  // Not all that lives in its namespaces has its id: what a program of another makes has what that program gives it.
  const marked = processesWith('PLUMB_LAB_ID', owner.labId);
  const inhabitants = inhabitantsOf(marked.map(({ pid }) => pid));
  await endAll(() => [...processesWith('PLUMB_LAB_ID', owner.labId), ...inhabitants]);
  await removeHostLink(spec.hostLink, owner.labId);
  // Its supervisor may have written there until it ended.
  removeFiles(owner.stateDir);
  return true;
}

/**
 * Removes the files that the lab wrote, by name: PLUMB_STATE may point to a folder that holds other files. lab.json goes last, because it shows that there is
 * something to remove. The lock stays: its holder removes it.
 */
export function removeFiles(stateDir: string): void {
  const ours = [...RUNTIME_FILES, 'logs', 'places', 'lab.json'];
  for (const name of ours) rmSync(path.join(stateDir, name), { recursive: true, force: true });
  removeEmptyFolder(stateDir);
}

/** The processes that hold the lab's namespaces open, while they run. */
function keepersOf(spec: LabSpec): number[] {
  return ['mgmt', 'outside', ...spec.nodes.map((node) => node.host)].flatMap((name) => {
    const keeper = readRunning(spec.stateDir, keeperUnit(name));
    return keeper !== null && identify(keeper.pid)?.startTime === keeper.startTime ? [keeper.pid] : [];
  });
}

/** Processes in the network namespaces of these, other than our own, whoever started them: each would keep its namespace alive. */
function inhabitantsOf(pids: readonly number[]): ProcessIdentity[] {
  const namespaces = new Set(pids.map(netnsOf));
  for (const not of [null, netnsOf('self')]) namespaces.delete(not);
  return allPids()
    .filter((pid) => namespaces.has(netnsOf(pid)))
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
