/**
 * Removing a lab, whole or half made, running or broken: processes, namespaces, the host's link, files.
 *
 * In this order: the supervisor (it stops its units in reverse order), whoever else bears the lab's id or lives in its namespaces, the link, and the
 * state folder last, because it is what the next attempt goes by when this one is broken off.
 */
import { existsSync, readdirSync, readlinkSync, rmdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '@plumbline/exec';
import { allPids, identify, processesWith, signal, waitGone, type ProcessIdentity } from './process-identity.js';
import type { LabSpec } from './spec.js';
import { bootId, type LabState } from './state.js';
import { stopSupervisor } from './supervision.js';
import { readRunning } from './unit.js';

const graceMs = 3_000;
const linkTimeoutMs = 5_000;

/** Removes everything the state speaks of. Repeatable; nothing there is fine. */
export async function clean(spec: LabSpec, state: LabState): Promise<void> {
  // After a reboot nothing of it runs any more, and its numbers may be others'.
  if (state.bootId === bootId()) {
    const inhabitants = inhabitantsOf(spec);
    await stopSupervisor(spec.stateDir);
    await endAll(() => [...processesWith('PLUMB_LAB_ID', state.labId), ...inhabitants]);
    if (state.hostLink !== null) await removeLink(state.hostLink.name);
  }
  removeFiles(spec.stateDir);
}

/** What the lab wrote, by name: PLUMB_STATE may point to a folder that holds other things. lab.json last: it tells that there is something to remove. */
function removeFiles(stateDir: string): void {
  const ours = ['units', 'run', 'logs', 'places', 'supervisor.json', 'lab.json', 'lock'];
  for (const name of ours) rmSync(path.join(stateDir, name), { recursive: true, force: true });
  const left = existsSync(stateDir) ? readdirSync(stateDir) : ['nothing to remove'];
  if (left.length === 0) rmdirSync(stateDir);
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
  // Whoever ignored it, and whoever was being born meanwhile.
  for (let left = find(); left.map((each) => signal(each, 'SIGKILL')).includes(true); left = find()) {
    await waitGone(left, graceMs);
  }
}

async function removeLink(name: string): Promise<void> {
  // The kernel removes it too when its namespace dies, a moment later: absent already is success, in either order.
  await run(['ip', 'link', 'delete', name], { okCodes: [0, 1] });
  for (const until = Date.now() + linkTimeoutMs; Date.now() < until; await delay(10)) {
    if ((await run(['ip', 'link', 'show', name], { okCodes: [0, 1] })).code === 1) return;
  }
  throw new Error(`the link ${name} cannot be removed: try "ip link delete ${name}"`);
}
