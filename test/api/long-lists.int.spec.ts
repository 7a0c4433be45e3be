/**
 * A list of 20,000 ports is no reason for anybody else to wait: the process makes it in portions. What is measured is the processor time between two turns of the
 * event loop, compared to that of the whole answer: neither depends on how fast the machine is, or on what else runs there.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess, eventually } from './api-process.js';

const PORTS = 20_000;
/** Of the whole answer's processor time, in one turn of the event loop: a twentieth. In one piece it was a seventh to a half. */
const SHARE = 1 / 10;
/** A turn in which garbage is collected is longer: one of so many answers is without. */
const ANSWERS = 12;
const PATIENCE_MS = 120_000;

/** Loaded by the API before its own code: from one SIGUSR2 to the next it measures its turns, and then writes what it measured. */
const PROBE = `
import { writeFileSync } from 'node:fs';
let watching = null;
const spent = () => { const { user, system } = process.cpuUsage(); return user + system; };
process.on('SIGUSR2', () => {
  if (watching) {
    writeFileSync(process.env.PROBED + process.pid, JSON.stringify(watching));
    return void (watching = null);
  }
  watching = { longest: 0, all: 0 };
  let before = spent();
  const turn = () => {
    if (!watching) return;
    const now = spent();
    watching.longest = Math.max(watching.longest, now - before);
    if (now - before > 100) watching.all += now - before;
    before = now;
    setImmediate(turn);
  };
  setImmediate(turn);
});
`;

let api: ApiProcess;
let folder: string;
/** By what they know of the ports: one reads their documents, the other has them in memory. */
const urls: Record<'reading' | 'knowing', string> = { reading: '', knowing: '' };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'plumb-probe-'));
  const probe = join(folder, 'probe.mjs');
  writeFileSync(probe, PROBE);
  api = await ApiProcess.start({
    PLUMB_LIST_LIMIT: String(PORTS),
    PLUMB_LIST_SECONDS: '60',
    PLUMB_REQUESTS_PER_SECOND: '0',
    NODE_OPTIONS: `--import=${probe}`,
    PROBED: join(folder, 'turns-'),
  });
  const network = await api.make<{ id: string }>('POST', '/v2.0/networks', { network: { name: 'n' } });
  const port = await api.make<{ id: string }>('POST', '/v2.0/ports', { port: { network_id: network.id } });
  await api.database.query(
    `INSERT INTO plumbline.objects (id, kind, project_id, name, version, position, doc, set_at)
     SELECT md5('port' || n)::uuid::text, kind, project_id, 'c' || n, 1, position, doc || jsonb_build_object(
       'id', md5('port' || n)::uuid::text, 'name', 'c' || n), set_at
     FROM plumbline.objects, generate_series(1, ${PORTS - 1}) n WHERE kind = 'port' AND id = $1`,
    [port.id],
  );
  await api.database.query('ANALYZE plumbline.objects');
  urls.reading = api.url;
  urls.knowing = await api.beside();
}, PATIENCE_MS);
afterAll(async () => {
  await api?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Receives an answer and keeps none of it. */
const received = (url: string): Promise<{ status: number; bytes: number }> =>
  new Promise((resolve, reject) => {
    request(url, { agent: false }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.on('end', () => resolve({ status: response.statusCode as number, bytes }));
      response.on('error', reject);
    })
      .on('error', reject)
      .end();
  });

async function watched(pid: number, work: () => Promise<unknown>): Promise<{ longest: number; all: number }> {
  const file = join(folder, `turns-${pid}`);
  rmSync(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  await work();
  process.kill(pid, 'SIGUSR2');
  return eventually(async () => JSON.parse(readFileSync(file, 'utf8')) as { longest: number; all: number });
}

const pids = (): Record<'reading' | 'knowing', number> => ({ reading: api.pid, knowing: api.pidBeside });

describe.each(['reading', 'knowing'] as const)('a process that answers a long list, %s its objects', (which) => {
  it.each(['/v2.0/ports', '/v2.0/ports?page_reverse=true', '/v2.0/ports?fields=id&fields=fixed_ips&fields=name'])(
    'GET %s lets others through',
    async (path) => {
      let least = 1;
      for (let n = 0; n < ANSWERS && least >= SHARE; n += 1) {
        const { longest, all } = await watched(pids()[which], () => received(`${urls[which]}${path}`));
        least = Math.min(least, longest / all);
      }
      expect(least).toBeLessThan(SHARE);
    },
    PATIENCE_MS,
  );
});

it(
  'both have the same list, the same one page by page, and say its length where it is short',
  async () => {
    const ids = async (url: string): Promise<string[]> => {
      const response = await fetch(`${url}/v2.0/ports`);
      expect([response.status, response.headers.get('content-length')]).toEqual([200, null]);
      return ((await response.json()) as { ports: { id: string }[] }).ports.map(({ id }) => id);
    };
    const reading = await ids(urls.reading);
    expect(reading).toHaveLength(PORTS);
    expect(await ids(urls.knowing)).toEqual(reading);
    const [first, ...texts] = await Promise.all(
      [urls.reading, urls.knowing].flatMap((url) =>
        ['/v2.0/ports?limit=300', '/v2.0/ports?limit=300'].map(async (path) => {
          const response = await fetch(`${url}${path}`);
          const text = await response.text();
          expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
          return text.replaceAll(url, '');
        }),
      ),
    );
    for (const text of texts) expect(text).toBe(first);
  },
  PATIENCE_MS,
);
