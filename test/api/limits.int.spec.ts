/** What one client may use: bytes of a body and of headers, items of a bulk create, and time. A slow or silent client is disconnected. */
import { connect, Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RESOURCES } from '../../apps/api/src/neutron/catalogue.js';
import { segmentOf } from '../../apps/api/src/neutron/resource.js';
import { ApiProcess, eventually } from './api-process.js';

const SECONDS = 1;
/** Added to the second that a request may take: one second until the API notices, and what a busy machine needs. */
const SOON_MS = 10_000;

let api: ApiProcess;
beforeAll(async () => {
  api = await ApiProcess.start({
    PLUMB_REQUEST_SECONDS: String(SECONDS),
    PLUMB_QUOTAS: '*=-1',
    PLUMB_REQUESTS_PER_SECOND: '0',
  });
});
afterAll(() => api?.stop());

type Refusal = { NeutronError: { type: string; message: string; detail: string } };

/** Sends raw bytes; resolves with what came back until the server closed the connection, and how long that took. */
async function raw(first: string, drip: string | null): Promise<{ said: string; tookMs: number }> {
  const { hostname, port } = new URL(api.url);
  const socket: Socket = connect({ host: hostname, port: Number(port) });
  const startedAt = performance.now();
  let said = '';
  socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
  socket.on('error', () => undefined);
  socket.write(first);
  const timer = drip === null ? undefined : setInterval(() => socket.write(drip), 100);
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  clearInterval(timer);
  return { said, tookMs: performance.now() - startedAt };
}

const bodyOf = (said: string): Refusal => JSON.parse(said.slice(said.indexOf('\r\n\r\n') + 4)) as Refusal;
const POST = 'POST /v2.0/networks HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n';

describe('a slow client', () => {
  it.each([
    ['whose body never comes', `${POST}content-length: 100\r\n\r\n{`, null],
    ['whose body drips', `${POST}content-length: 100000\r\n\r\n{`, ' '],
    ['whose chunks drip', `${POST}transfer-encoding: chunked\r\n\r\n`, '1\r\n \r\n'],
    ['whose headers drip', 'GET /v2.0/networks HTTP/1.1\r\nhost: 127.0.0.1\r\n', 'x-a: b\r\n'],
    ['whose headers never end', 'GET /v2.0/networks HTTP/1.1\r\nhost: 127.0.0.1\r\n', null],
  ])('%s gets an answer that says so, and is disconnected', async (_what, first, drip) => {
    const { said, tookMs } = await raw(first, drip);
    expect(said).toMatch(/^HTTP\/1.1 408 /);
    expect(bodyOf(said)).toMatchObject({ NeutronError: { type: 'HTTPRequestTimeout' } });
    expect(tookMs).toBeGreaterThan(SECONDS * 1000 - 50);
    expect(tookMs).toBeLessThan(SOON_MS);
  });

  it('of many kinds at once holds up nobody else, and nothing stays open', async () => {
    const slow = Array.from({ length: 100 }, (_, n) =>
      raw(n % 2 === 0 ? `${POST}content-length: 9\r\n\r\n` : 'GET / HT', null),
    );
    for (let n = 0; n < 10; n += 1) expect((await api.call('GET', '/v2.0/networks')).status).toBe(200);
    for (const { tookMs } of await Promise.all(slow)) expect(tookMs).toBeLessThan(SOON_MS);
    await eventually(async () => ((await openSockets()) <= 3 ? true : undefined));
  });

  /** Established connections to the API, from this side. */
  async function openSockets(): Promise<number> {
    const { readFile } = await import('node:fs/promises');
    const hex = Number(new URL(api.url).port).toString(16).toUpperCase().padStart(4, '0');
    const table = await readFile('/proc/net/tcp', 'utf8');
    return table.split('\n').filter((line) => new RegExp(`^\\s*\\d+: [0-9A-F]{8}:${hex} [0-9A-F:]+ 01 `).test(line))
      .length;
  }
});

describe('what is no request', () => {
  it.each([
    ['nonsense', 'HELLO\r\n\r\n', 400, 'HTTPBadRequest'],
    [
      'a header of 20,000 bytes',
      `GET /v2.0/networks HTTP/1.1\r\nhost: a\r\nx-long: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'HTTPRequestHeaderFieldsTooLarge',
    ],
    [
      'a query of 20,000 bytes',
      `GET /v2.0/networks?name=${'x'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`,
      431,
      'HTTPRequestHeaderFieldsTooLarge',
    ],
    ['two lengths', `${POST}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, 400, 'HTTPBadRequest'],
    ['a length and chunks', `${POST}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}`, 400, 'HTTPBadRequest'],
  ])('%s is refused in the form of every refusal', async (_what, bytes, status, type) => {
    const { said } = await raw(bytes, null);
    expect(said).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(bodyOf(said)).toMatchObject({ NeutronError: { type } });
  });

  it.each(['/v2.0/%zz', '/v2.0/networks/%c0%ae', '/%', '/v2.0/networks/%ff'])(
    '%s has a path of nothing',
    async (path) => {
      expect(await api.call('GET', path)).toMatchObject({ status: 404, body: { NeutronError: {} } });
    },
  );
});

describe('what is too much', () => {
  const bulk = RESOURCES.filter(({ create, partOf }) => create && !partOf);
  it.each(bulk.map((resource) => [resource.collection, resource] as const))(
    '201 %s in one body, and a body over 1 MiB',
    async (collection, resource) => {
      const head = await api.head();
      const path = `/v2.0/${segmentOf(resource)}`;
      const many = await api.call('POST', path, { [collection]: Array.from({ length: 201 }, () => ({})) });
      expect(many).toMatchObject({
        status: 400,
        body: { NeutronError: { message: `More than 200 ${collection} in one request` } },
      });
      const large = await api.call('POST', path, `{"${resource.name}": {"name": "${'x'.repeat(2 ** 20)}"}}`);
      expect(large).toMatchObject({ status: 413, body: { NeutronError: { type: 'HTTPRequestEntityTooLarge' } } });
      expect(await api.head()).toBe(head);
    },
  );

  it('the same sort key a thousand times is one sort key', async () => {
    const made = await api.make<{ id: string }[]>('POST', '/v2.0/networks', {
      networks: [{}, {}, {}].map((_each, n) => ({ name: `s${n}` })),
    });
    const query = `${'sort_key=name&'.repeat(1000)}name=s0&name=s1&name=s2&fields=name&marker=${made[0]?.id}`;
    const startedAt = performance.now();
    const { body } = await api.call('GET', `/v2.0/networks?${query}`);
    expect(body).toEqual({ networks: [{ name: 's1' }, { name: 's2' }] });
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  it('1,001 values of a filter', async () => {
    const query = Array.from({ length: 1001 }, (_, n) => `id=${n}`).join('&');
    expect(await api.call('GET', `/v2.0/networks?${query}`)).toMatchObject({ status: 400 });
  });
});

it('a list that fits one answer is complete; a longer one comes in pages, each with a link to the next', async () => {
  for (let n = 0; n < 6; n += 1)
    await api.make('POST', '/v2.0/networks', { networks: Array.from({ length: 200 }, () => ({ name: 'many' })) });
  const { body } = await api.call('GET', '/v2.0/networks?name=many&fields=id');
  expect(body).not.toHaveProperty('networks_links');
  const all = (body as { networks: { id: string }[] }).networks;
  expect(all).toHaveLength(1200);
  const narrow = await api.beside({ PLUMB_LIST_LIMIT: '500' });
  const pages: string[][] = [];
  for (let url: string | undefined = `${narrow}/v2.0/networks?name=many&fields=id`; url;) {
    const page = (await (await fetch(url)).json()) as {
      networks: { id: string }[];
      networks_links?: { rel: string; href: string }[];
    };
    pages.push(page.networks.map(({ id }) => id));
    url = page.networks_links?.find(({ rel }) => rel === 'next')?.href;
  }
  expect(pages.map(({ length }) => length)).toEqual([500, 500, 200]);
  expect(pages.flat()).toEqual(all.map(({ id }) => id));
  const asked = await fetch(`${narrow}/v2.0/networks?name=many&limit=1000`);
  expect(((await asked.json()) as { networks: unknown[] }).networks).toHaveLength(500);
});
