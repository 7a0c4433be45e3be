/**
 * The allocator under load: 32 clients on two API processes of one database share a pool of 29 addresses. Whatever happens to clients and processes, no two ports
 * have the same address, a full pool is reported as full, freed addresses can be used again, and the log's claims are those of the objects.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AnyObject } from '@plumbline/contracts';
import { claimsOf } from '@plumbline/topology';
import { ApiProcess, eventually } from './api-process.js';

const CLIENTS = 32;
const ROOM = 29;
const LEAST = 12;

type Port = { id: string; fixed_ips: { ip_address: string; subnet_id: string }[] };
type Answer = Readonly<{ status: number; body: unknown }>;

let api: ApiProcess;
let beside: string;
let networkId: string;
let subnetId: string;

beforeAll(async () => {
  api = await ApiProcess.start({ PLUMB_REQUESTS_PER_SECOND: '0', PLUMB_QUOTAS: '*=-1' });
  beside = await api.beside();
  networkId = (await api.make<{ id: string }>('POST', '/v2.0/networks', { network: {} })).id;
  const subnet = { network_id: networkId, ip_version: 4, cidr: '10.0.0.0/27' };
  subnetId = (await api.make<{ id: string }>('POST', '/v2.0/subnets', { subnet })).id;
});
afterAll(() => api?.stop());

async function call(
  origin: string,
  method: string,
  path: string,
  body?: object,
  signal?: AbortSignal,
): Promise<Answer> {
  const response = await fetch(`${origin}${path}`, {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    ...(signal && { signal }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text) };
}
const create = (origin: string, signal?: AbortSignal) =>
  call(origin, 'POST', '/v2.0/ports', { port: { network_id: networkId } }, signal);
const remove = (origin: string, id: string, signal?: AbortSignal) =>
  call(origin, 'DELETE', `/v2.0/ports/${id}`, undefined, signal);
const portOf = ({ body }: Answer) => (body as { port: Port }).port;
const addressOf = ({ fixed_ips }: Port) => fixed_ips[0]?.ip_address as string;

const EXHAUSTED = () => ({
  NeutronError: {
    type: 'IpAddressGenerationFailure',
    message: `No more IP addresses available on network ${networkId}.`,
    detail: '',
  },
});

/** Every claim in the log belongs to an object, every object has its claims, and no address exists twice. */
async function nothingLeaked(): Promise<void> {
  const { rows } = await api.database.query<{ doc: AnyObject }>('SELECT doc FROM plumbline.objects');
  const follow = rows.flatMap(({ doc }) => claimsOf(doc));
  expect(new Set(follow).size).toBe(follow.length);
  const held = await api.database.query<{ key: string }>('SELECT key FROM plumbline.claims');
  expect(held.rows.map(({ key }) => key).sort()).toEqual(follow.sort());
}

const listed = async (origin: string): Promise<Port[]> =>
  ((await call(origin, 'GET', `/v2.0/ports?network_id=${networkId}`)).body as { ports: Port[] }).ports;
async function removeAll(origin: string): Promise<void> {
  const answers = await Promise.all((await listed(origin)).map(({ id }) => remove(origin, id)));
  for (const { status } of answers) expect(status).toBe(204);
}

async function fill(origins: readonly string[], room = ROOM): Promise<Port[]> {
  const answers = await Promise.all(
    Array.from({ length: room + 3 }, (_, n) => create(origins[n % origins.length] as string)),
  );
  const made = answers.filter(({ status }) => status === 201).map(portOf);
  for (const answer of answers) if (answer.status !== 201) expect(answer).toEqual({ status: 409, body: EXHAUSTED() });
  expect(new Set(made.map(addressOf)).size).toBe(room);
  return made;
}

describe('the allocator', () => {
  it('gives no address twice to 32 clients of two processes, while the pool itself changes', async () => {
    const origins = [api.url, beside];
    const owner = new Map<string, number>();
    let [made, refused, going] = [0, 0, CLIENTS];
    const client = async (n: number): Promise<void> => {
      const mine: Port[] = [];
      for (let round = 0; round < 12; round += 1) {
        const origin = origins[(n + round) % origins.length] as string;
        const answer = await create(origin);
        if (answer.status === 201) {
          const port = portOf(answer);
          expect(owner.get(addressOf(port))).toBeUndefined();
          owner.set(addressOf(port), n);
          mine.push(port);
          made += 1;
        } else {
          expect(answer).toEqual({ status: 409, body: EXHAUSTED() });
          refused += 1;
        }
        const leaves = mine.length > 1 || (answer.status !== 201 && mine.length > 0) ? mine.shift() : undefined;
        if (!leaves) continue;
        owner.delete(addressOf(leaves));
        expect((await remove(origin, leaves.id)).status).toBe(204);
      }
      for (const port of mine) {
        owner.delete(addressOf(port));
        expect((await remove(origins[n % 2] as string, port.id)).status).toBe(204);
      }
      going -= 1;
    };
    const changer = async (): Promise<void> => {
      for (let round = 0; going > 0; round += 1) {
        const end = round % 2 === 0 ? 2 + LEAST - 1 : 30;
        const subnet = { allocation_pools: [{ start: '10.0.0.2', end: `10.0.0.${end}` }] };
        expect((await call(beside, 'PUT', `/v2.0/subnets/${subnetId}`, { subnet })).status).toBe(200);
      }
    };
    await Promise.all([...Array.from({ length: CLIENTS }, (_, n) => client(n)), changer()]);
    expect(made).toBeGreaterThan(LEAST);
    expect(refused).toBeGreaterThan(0);
    expect(await listed(api.url)).toEqual([]);
    await nothingLeaked();
    await api.make('PUT', `/v2.0/subnets/${subnetId}`, {
      subnet: { allocation_pools: [{ start: '10.0.0.2', end: '10.0.0.30' }] },
    });
  });

  it('says when there is nothing left, and gives what comes back', async () => {
    const ports = await fill([api.url, beside]);
    const gone = ports.slice(0, 3);
    for (const { id } of gone) expect((await remove(beside, id)).status).toBe(204);
    const again = await Promise.all([1, 2, 3, 4].map((n) => create(n % 2 ? api.url : beside)));
    expect(again.map(({ status }) => status).sort()).toEqual([201, 201, 201, 409]);
    const back = again.filter(({ status }) => status === 201).map((answer) => addressOf(portOf(answer)));
    expect(back.sort()).toEqual(gone.map(addressOf).sort());
    await nothingLeaked();
    await removeAll(api.url);
  });

  it('loses nothing to clients that hang up', async () => {
    const origins = [api.url, beside];
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_, n) => {
        for (let round = 0; round < 6; round += 1) {
          const hangUp = new AbortController();
          const origin = origins[n % 2] as string;
          const request = create(origin, hangUp.signal).then(
            async (answer) => {
              if (answer.status === 201) await remove(origin, portOf(answer).id, hangUp.signal);
            },
            () => undefined,
          );
          setTimeout(() => hangUp.abort(), (n * 7 + round * 13) % 40);
          await request.catch(() => undefined);
        }
      }),
    );
    await settled();
    await nothingLeaked();
    await removeAll(beside);
    await fill(origins);
    await removeAll(api.url);
    await nothingLeaked();
  });

  it('loses nothing when a process is killed in the middle', async () => {
    const confirmed = new Map<string, string>();
    let killed = false;
    const victims = Array.from({ length: CLIENTS }, async (_, n) => {
      const origin = n % 4 === 0 ? beside : api.url;
      for (let round = 0; round < 20; round += 1) {
        const answer = await create(origin).catch(() => null);
        if (answer === null) return;
        if (answer.status !== 201) continue;
        const { id } = portOf(answer);
        confirmed.set(id, addressOf(portOf(answer)));
        if (!killed && confirmed.size > LEAST) {
          killed = true;
          process.kill(api.pid, 'SIGKILL');
        }
        if (round % 3 === 2) continue;
        const sent = remove(origin, id).catch(() => null);
        confirmed.delete(id);
        if ((await sent) === null) return;
      }
    });
    await Promise.all(victims);
    expect(killed).toBe(true);
    const restarted = await api.beside();
    await settled();
    await nothingLeaked();
    const there = new Map((await listed(restarted)).map((port) => [port.id, addressOf(port)]));
    for (const [id, address] of confirmed) expect([id, there.get(id)]).toEqual([id, address]);
    await removeAll(restarted);
    await fill([restarted, beside]);
    await removeAll(beside);
    await nothingLeaked();
  });
});

/** Waits until nothing more is stored: the requests of clients that hung up have ended. */
async function settled(): Promise<void> {
  let before = -1;
  let calm = 0;
  await eventually(async () => {
    const head = await api.head();
    calm = head === before ? calm + 1 : 0;
    before = head;
    return calm >= 6 ? true : undefined;
  });
}
