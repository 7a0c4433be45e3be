/**
 * What DHCP and metadata cost a lab: the time until it is proven to work, and the memory of everything that runs in it, beside a lab without both. In turns, in one run.
 * Memory is proportional (PSS, proc(5)): a page that several processes map is divided among them.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { defaultNodes, down, labSpec, processesWith, readLabState, silent, up } from '@plumbline/lab';
import { benchDir, median, projectDir } from './report.mjs';

const TURNS = 3;
const SETTLE_MS = 20_000;
const WITHOUT = ['dhcp', 'metadata'];

const specOf = (nodes) => labSpec({ projectDir, name: 'benchup', stateDir: path.join(benchDir, 'lab-up'), nodes });
const kinds = {
  with: specOf(defaultNodes),
  without: specOf(
    defaultNodes.map(({ metadata: _metadata, ...node }) => ({
      ...node,
      agents: node.agents.filter((kind) => !WITHOUT.includes(kind)),
    })),
  ),
};

/** Of a process, in megabytes; 0 of one that has ended. */
function pssMb(pid) {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
const commandOf = (pid) => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
};

async function turn(spec) {
  await down(spec);
  const begin = performance.now();
  try {
    await up(spec, silent);
    const seconds = (performance.now() - begin) / 1000;
    await delay(SETTLE_MS);
    const { labId } = readLabState(spec.stateDir);
    const all = processesWith('PLUMB_LAB_ID', labId).map(({ pid }) => ({ command: commandOf(pid), mb: pssMb(pid) }));
    const sum = (some) => some.reduce((total, { mb }) => total + mb, 0);
    const named = (...names) => sum(all.filter(({ command }) => names.includes(command)));
    return { seconds, mb: sum(all), processes: all.length, dnsmasq: named('dnsmasq'), haproxy: named('haproxy') };
  } finally {
    await down(spec);
  }
}

export async function labBench() {
  const found = { with: [], without: [] };
  for (let n = 0; n < TURNS; n += 1)
    for (const kind of n % 2 === 0 ? ['without', 'with'] : ['with', 'without'])
      found[kind].push(await turn(kinds[kind]));
  const of = (kind, key) => median(found[kind].map((each) => each[key]));
  const pair = (key, digits) => `${of('with', key).toFixed(digits)}, without ${of('without', key).toFixed(digits)}`;
  return [
    {
      name: 'a lab until it is proven to work, with DHCP and metadata compared to without, median of 3',
      value: of('with', 'seconds') / of('without', 'seconds'),
      unit: 'times',
      detail: `${pair('seconds', 1)} s`,
    },
    {
      name: 'memory (PSS) of all that runs in it, beyond that of one without',
      value: of('with', 'mb') - of('without', 'mb'),
      unit: 'MB',
      detail: `${pair('mb', 0)} MB; ${pair('processes', 0)} processes; dnsmasq ${of('with', 'dnsmasq').toFixed(1)}, haproxy ${of('with', 'haproxy').toFixed(1)} MB`,
    },
  ];
}
