/**
 * `npm run bench [-- name[:part,part]...]`: the figures the project promises, measured on this machine.
 *
 * Plain Node on top of what is built. Each benchmark returns rows `{ name, value, unit, target?, detail? }`; a ratio is measured beside its comparison in the same
 * run, because machines are shared and a figure alone says little. Prints a table, writes `.plumb/bench/<time>.json` and `.plumb/bench/latest.json`.
 * `--check` makes a missed target the exit code.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { benchDir, loadNow, printTable, verdict } from './report.mjs';

/** In the order they run; those that share the lab are next to each other. */
const BENCHES = {
  rebuild: async (_lab, parts) => (await import('./rebuild.mjs')).rebuildBench(parts),
  events: async () => (await import('./events.mjs')).eventsBench(),
  memory: async (lab) => (await import('./memory.mjs')).memoryBench(await lab()),
  connect: async (lab) => (await import('./connect.mjs')).connectBench(await lab()),
  restart: async (lab) => (await import('./restart.mjs')).restartBench(await lab()),
  routers: async (lab, parts) => (await import('./routers.mjs')).routersBench(lab, parts),
  placement: async () => (await import('./placement.mjs')).placementBench(),
  entries: async () => (await import('./entries.mjs')).entriesBench(),
  ports: async () => (await import('./ports.mjs')).portsBench(),
  firewall: async () => (await import('./firewall.mjs')).firewallBench(),
  dhcp: async () => (await import('./dhcp.mjs')).dhcpBench(),
  lab: async () => (await import('./lab.mjs')).labBench(),
  readers: async () => (await import('./readers.mjs')).readersBench(),
  reasons: async (lab) => (await import('./reasons.mjs')).reasonsBench(await lab()),
  rates: async (lab) => (await import('./rates.mjs')).ratesBench(await lab()),
  size: async () => (await import('./size.mjs')).sizeBench(),
};
/** Run only when they are named. */
const LONG = new Set(['routers', 'lab', 'size']);
/** Those that take parts, `name:part,part`; each says which it has. */
const PARTED = new Set(['rebuild', 'routers']);

const args = process.argv.slice(2);
const check = args.includes('--check');
/** Name -> the parts to run; none: all of it. */
const wanted = new Map(
  args
    .filter((arg) => !arg.startsWith('--'))
    .map((arg) => {
      const [name, parts = ''] = arg.split(':');
      return [name, parts.split(',').filter(Boolean)];
    }),
);
const unknown = [
  ...[...wanted].flatMap(([name, parts]) =>
    !(name in BENCHES) || (parts.length > 0 && !PARTED.has(name)) ? name : [],
  ),
  ...args.filter((arg) => /^--(?!check$)/.test(arg)),
];
if (unknown.length > 0 || process.getuid?.() !== 0) {
  console.error(
    unknown.length > 0
      ? `no benchmark "${unknown.join(' ')}"; there are: ${Object.keys(BENCHES).join(', ')}; the only option is --check`
      : 'the benchmarks make network namespaces: run them as root',
  );
  process.exit(2);
}

let labUp;
const lab = () => (labUp ??= import('./bench-lab.mjs').then(({ startLab }) => startLab()));
const controller = new AbortController();
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => controller.abort());

mkdirSync(benchDir, { recursive: true });
const startedAt = new Date();
const results = [];
try {
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (wanted.size > 0 ? !wanted.has(name) : LONG.has(name)) continue;
    if (controller.signal.aborted) break;
    console.error(`${name} ...`);
    const before = loadNow();
    try {
      const rows = await bench(lab, wanted.get(name) ?? []);
      results.push({ bench: name, load: { before, after: loadNow() }, rows });
      printTable(results.at(-1));
    } catch (error) {
      results.push({ bench: name, load: { before, after: loadNow() }, rows: [], error: String(error?.stack ?? error) });
      console.error(`${name} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
} finally {
  if (labUp)
    await labUp.then(
      ({ stop }) => stop(),
      () => import('./bench-lab.mjs').then(({ removeLab }) => removeLab()),
    );
}

const report = {
  startedAt: startedAt.toISOString(),
  seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
  machine: { cpus: os.cpus().length, model: os.cpus()[0]?.model, kernel: os.release(), node: process.version },
  results,
};
const file = path.join(benchDir, `${startedAt.toISOString().replace(/[:.]/g, '-')}.json`);
for (const each of [file, path.join(benchDir, 'latest.json')]) {
  if (existsSync(each)) rmSync(each);
  writeFileSync(each, `${JSON.stringify(report, null, 2)}\n`);
}
const missed = results.flatMap(({ rows }) => rows.filter((row) => verdict(row) === 'missed'));
const failed = results.filter(({ error }) => error !== undefined);
console.log(
  `${results.length} benchmarks, ${missed.length} targets missed, ${failed.length} failed; ${path.relative(process.cwd(), file)}`,
);
process.exitCode = failed.length > 0 || (check && missed.length > 0) ? 1 : 0;
