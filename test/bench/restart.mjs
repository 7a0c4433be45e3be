/** Each agent of the lab restarted with nothing changed: the steps in its log, and the time until it had checked the node. */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureUnit, readRunning } from '@plumbline/lab';

/** Many times what it takes: on a busy machine a figure that says so is better than none. */
const LIMIT_MS = 180_000;
const units = ['l3-agent-net1', 'ovs-agent-net1', 'ovs-agent-cmp1'];

export async function restartBench(lab) {
  const rows = [];
  for (const name of units) rows.push(...(await restart(lab.spec.stateDir, name)));
  return rows;
}

/** `withinMs`: a target for the time, if there is one. */
export async function restart(stateDir, name, withinMs) {
  // A converge that finds nothing to do is logged on level debug only.
  const unit = JSON.parse(readFileSync(path.join(stateDir, 'units', `${name}.json`), 'utf8'));
  const log = path.join(stateDir, 'logs', `${name}.log`);
  let from = statSync(log).size;
  await ensureUnit(stateDir, { ...unit, env: { ...unit.env, PLUMB_LOG_LEVEL: 'debug' } });
  await looked(log, from);

  from = statSync(log).size;
  const killedAt = Date.now();
  process.kill(readRunning(stateDir, name).pid, 'SIGTERM');
  const lines = await looked(log, from);
  const whole = lines.find(isWhole);
  const begun = Date.parse(lines.find(({ msg }) => msg !== 'stopped' && msg !== undefined)?.time ?? whole.time);
  const applied = lines.reduce((sum, line) => sum + (line.applied ?? 0), 0);
  return [
    { name: `${name}: mutating steps`, value: applied, unit: '', target: { atMost: 0 } },
    {
      name: '  SIGTERM until all was looked at, in sync',
      value: Date.parse(whole.time) - killedAt,
      unit: 'ms',
      ...(withinMs && { target: { atMost: withinMs } }),
      detail: `${lines.length} lines of log; ${Date.parse(whole.time) - begun} ms after its first`,
    },
  ];
}

const isWhole = (line) => line.msg === 'converged' && line.touched === 'all' && line.mayRemove === true;

/** The log's lines from `from` on, once they contain a full converge in sync. */
async function looked(log, from) {
  for (const until = Date.now() + LIMIT_MS; Date.now() < until; await delay(10)) {
    const lines = readFileSync(log)
      .subarray(from)
      .toString('utf8')
      .split('\n')
      .flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line)] : []));
    if (lines.some(isWhole)) return lines;
  }
  throw new Error(`${log} tells of no whole look in sync within ${LIMIT_MS / 1000} s`);
}
