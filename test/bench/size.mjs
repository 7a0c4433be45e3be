/**
 * A long log: how the API starts on it, what it holds in memory, and a rebuild with writes going on; then a million deleted streams more, which must cost neither.
 *
 * The API is a process of its own on a PostgreSQL and a nats-server of their own. The log is written by `writeLongLog`, without the append, and what is derived
 * from it by `plumb db rebuild`. Takes some minutes, so it runs only when it is named. BENCH_SIZE (default 1) scales the log.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { TestNats } from '../../apps/api/out-tsc/testing/start-nats.js';
import { startPostgres, writeLongLog } from '../../libs/event-store/dist/testing/index.js';
import { cpuMs, median, projectDir } from './report.mjs';

const SCALE = Number(process.env.BENCH_SIZE ?? 1);
const LIVING = Math.round(96_900 * SCALE);
const DELETED = Math.round(401_600 * SCALE);
const DELETED_MORE = Math.round(1_000_000 * SCALE);
const STARTS = 3;
const SETTLE_MS = 5_000;
const LIMIT_MS = 180_000;
const CHECKPOINT = 'a checkpoint';

const seconds = (from) => (performance.now() - from) / 1000;
const memoryMb = (pid, field) =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

/** An API on this log: its address, how long its start took, and whether it began from a checkpoint. */
async function startApi(postgres, nats) {
  const from = performance.now();
  const child = spawn(process.execPath, [path.join(projectDir, 'apps/api/dist/main.js')], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: postgres.serviceUrl,
      NATS_URL: nats.url,
      PLUMB_LISTEN: '127.0.0.1:0',
      PLUMB_QUOTAS: '*=-1',
      PLUMB_REQUESTS_PER_SECOND: '0',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const url = await new Promise((resolve, reject) => {
    const hear = (chunk) => {
      said += chunk;
      const match = /"listen":"([^"]+)"/.exec(said);
      if (match) resolve(match[1]);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('exit', (code) => reject(new Error(`the API ended with ${code}: ${said}`)));
  });
  const answer = await fetch(`${url}/v2.0/networks?limit=1`);
  if (answer.status !== 200) throw new Error(`the API answers ${answer.status}`);
  await answer.text();
  return {
    url,
    pid: child.pid,
    startS: seconds(from),
    cpuS: cpuMs(child.pid) / 1000,
    from: said.includes('log loaded from a checkpoint') ? CHECKPOINT : 'the rows',
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

async function untilCheckpoint(database, position) {
  for (const until = Date.now() + LIMIT_MS; Date.now() < until; await delay(200)) {
    const { rowCount } = await database.query('SELECT 1 FROM plumbline.checkpoints WHERE position >= $1', [position]);
    if (rowCount > 0) return;
  }
  throw new Error(`no checkpoint was made within ${LIMIT_MS / 1000} s`);
}

/** Median start, wall time and the process' CPU, and the most memory that was held some seconds later, of starts from the same source. */
async function starts(postgres, nats, source) {
  const [took, cpu, held] = [[], [], []];
  for (let start = 0; start < STARTS; start += 1) {
    const api = await startApi(postgres, nats);
    await delay(SETTLE_MS);
    held.push(memoryMb(api.pid, 'VmRSS'));
    took.push(api.startS);
    cpu.push(api.cpuS);
    await api.stop();
    if (api.from !== source) throw new Error(`the API began from ${api.from}, not from ${source}`);
  }
  return { startS: median(took), cpuS: median(cpu), heldMb: Math.max(...held) };
}

/** Starts without and with a checkpoint; the first process makes the checkpoint, which counts in what it holds. */
async function measureStarts(postgres, nats, database) {
  await database.query('DELETE FROM plumbline.checkpoints');
  const { rows } = await database.query('SELECT position FROM plumbline.log_head');
  const first = await startApi(postgres, nats);
  await untilCheckpoint(database, Number(rows[0].position));
  await delay(SETTLE_MS);
  const making = memoryMb(first.pid, 'VmRSS');
  await first.stop();
  const warm = await starts(postgres, nats, CHECKPOINT);
  return { rowsS: first.startS, rowsCpuS: first.cpuS, making, ...warm };
}

const startsOf = ({ startS, cpuS, rowsS, rowsCpuS }) =>
  `${startS.toFixed(1)} s from a checkpoint (CPU ${cpuS.toFixed(1)}), ${rowsS.toFixed(1)} s from the rows (CPU ${rowsCpuS.toFixed(1)})`;

/** A rebuild by the command that operators use, while two clients create networks one after the other. */
async function rebuildBeside(postgres, nats) {
  const api = await startApi(postgres, nats);
  try {
    let done = false;
    let [writes, slowest] = [0, 0];
    const client = async () => {
      while (!done) {
        const from = performance.now();
        const answer = await fetch(`${api.url}/v2.0/networks`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ network: { name: `meanwhile-${(writes += 1)}` } }),
        });
        await answer.text();
        if (answer.status !== 201) throw new Error(`POST networks: ${answer.status}`);
        slowest = Math.max(slowest, performance.now() - from);
      }
    };
    const clients = [client(), client()];
    const from = performance.now();
    await plumb('db', 'rebuild', '--database', postgres.migrationUrl);
    const took = seconds(from);
    done = true;
    await Promise.all(clients);
    return { took, writes, slowest };
  } finally {
    await api.stop();
  }
}

async function plumb(...args) {
  const child = spawn(process.execPath, [path.join(projectDir, 'apps/cli/dist/main.js'), ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`plumb ${args.join(' ')} ended with ${code}`);
}

async function viewMs(postgres, nats, position) {
  const api = await startApi(postgres, nats);
  try {
    const from = performance.now();
    const answer = await fetch(`${api.url}/plumbline/v1/nodes/host-1/view?at=${position}`);
    if (answer.status !== 200) throw new Error(`the view: ${answer.status}`);
    await answer.text();
    return performance.now() - from;
  } finally {
    await api.stop();
  }
}

export async function sizeBench() {
  const postgres = await startPostgres();
  const nats = await TestNats.make();
  const database = new pg.Client({ connectionString: postgres.migrationUrl });
  await database.connect();
  try {
    const events = await writeLongLog(postgres.migrationUrl, { living: LIVING, deleted: DELETED });
    await plumb('db', 'rebuild', '--database', postgres.migrationUrl);
    const rebuilt = await rebuildBeside(postgres, nats);
    await database.query('VACUUM ANALYZE');
    const { rows } = await database.query('SELECT count(*) AS living FROM plumbline.objects');
    const before = await measureStarts(postgres, nats, database);
    const checkpoint = await database.query('SELECT max(position) AS position FROM plumbline.checkpoints');
    const view = await viewMs(postgres, nats, Number(checkpoint.rows[0].position));

    const grown = await writeLongLog(postgres.migrationUrl, {
      living: 0,
      deleted: DELETED_MORE,
      deletedBefore: DELETED,
    });
    // What a rebuild makes of it: of what is gone only the streams stay.
    await database.query(
      `INSERT INTO plumbline.streams SELECT stream, max(stream_version) FROM plumbline.events WHERE position > $1 GROUP BY stream
       ON CONFLICT (stream) DO UPDATE SET version = excluded.version`,
      [grown - 2 * DELETED_MORE],
    );
    await database.query('VACUUM ANALYZE');
    const after = await measureStarts(postgres, nats, database);
    const held = Math.max(before.heldMb, before.making);
    const heldAfter = Math.max(after.heldMb, after.making);
    const objects = `${events} events, ${rows[0].living} objects`;
    const more = `${DELETED_MORE} deleted streams more`;
    return [
      {
        name: `rebuild, ${objects}, with writes going on`,
        value: rebuilt.took,
        unit: 's',
        target: { atMost: 120 },
        detail: `${rebuilt.writes} networks made meanwhile`,
      },
      { name: '  longest write meanwhile', value: rebuilt.slowest / 1000, unit: 's', target: { atMost: 2 } },
      {
        name: `start of the API, ${objects}`,
        value: Math.max(before.startS, before.rowsS),
        unit: 's',
        target: { atMost: 8 },
        detail: startsOf(before),
      },
      {
        name: '  memory',
        value: held,
        unit: 'MB',
        target: { atMost: 900 },
        detail: `${before.making.toFixed(0)} after it made a checkpoint, ${before.heldMb.toFixed(0)} after a start from one`,
      },
      {
        name: `start, ${more}`,
        value: after.startS / before.startS,
        unit: 'times',
        target: { atMost: 1.1 },
        detail: startsOf(after),
      },
      {
        name: '  memory',
        value: heldAfter / held,
        unit: 'times',
        target: { atMost: 1.1 },
        detail: `${heldAfter.toFixed(0)} MB`,
      },
      { name: 'view of a node at the position of a checkpoint', value: view, unit: 'ms' },
    ];
  } finally {
    await database.end();
    await nats.kill();
    await postgres.stop();
  }
}
