/** Processes recognised by a variable in the environment that they inherited: no other process has it. */
import { readdirSync, readFileSync } from 'node:fs';

const GRACE_MS = 5000;
const STEP_MS = 50;

/** Running processes, other than this one, whose environment holds NAME=value. Other users' processes cannot be read and are not ours. */
export function processesWith(name, value) {
  const found = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`${name}=${value}`)) continue;
      found.push({ pid, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() });
    } catch {
      // gone meanwhile, or not ours to read
    }
  }
  return found;
}

/** Ends the processes: SIGTERM first, SIGKILL after five seconds. */
export async function stopAll(pids) {
  const alive = () => pids.filter((pid) => send(pid, 0));
  pids.forEach((pid) => send(pid, 'SIGTERM'));
  for (let waited = 0; waited < GRACE_MS && alive().length > 0; waited += STEP_MS) {
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  alive().forEach((pid) => send(pid, 'SIGKILL'));
}

function send(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
