/** Ledger, feeds and sessions over a real PostgreSQL and a real broker, with two processes of the API. */
import 'reflect-metadata';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { INestApplication, INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MicroserviceOptions, Transport } from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { connect } from '@nats-io/transport-node';
import { keyOf, Meta, own, PlumbEvent, subjects } from '@plumbline/contracts';
import { Decide, removeNode } from '@plumbline/domain';
import { PostgresEventStore } from '@plumbline/event-store';
import { startPostgres, TestPostgres } from '@plumbline/event-store/testing';
import { Follower, Ledger, toAppend } from '@plumbline/ledger';
import { AgentModule, AgentService } from '@plumbline/agent-runtime/nest';
import { metricsOf, natsOptions, NatsAccess, NatsWire } from '@plumbline/messaging/nats';
import { FakeNode } from '@plumbline/agent-runtime/testing';
import { createLogger } from '@plumbline/telemetry';
import {
  networkCreated,
  networkPlaced,
  nodeAdmitted,
  nodeRegistered,
  portBound,
  portCreated,
} from '@plumbline/topology/testing';
import { canonical, hostObjects, prepare } from '@plumbline/topology';
import pg from 'pg';
import { keptIdentity } from '@plumbline/agent-runtime';
import { Owners } from '../observations/owners.js';
import { TestNats } from '../testing/start-nats.js';
import { hearNodes, FeedModule } from './feed.module.js';
import { OUTLET } from './tokens.js';

const logger = createLogger({ name: 'test', level: process.env['TEST_LOG'] ?? 'silent' });
const meta = (): Meta => ({ requestId: 'req-1', userId: 'user', projectId: 'project', time: new Date().toISOString() });
const making =
  (...events: PlumbEvent[]): Decide<null> =>
  () => ({ events, reads: [], none: [], result: null });
const networkId = randomUUID();

const bind =
  (host: string): Decide<string> =>
  (topology, context) => {
    const portId = context.newId();
    let vlan = 1;
    while (context.held(`local-vlan/${host}/${vlan}`)) vlan += 1;
    const placed = own(topology.get('placement', networkId)?.hosts ?? {}, host) !== undefined;
    const events: PlumbEvent[] = [
      ...(topology.get('admission', host) ? [] : [nodeAdmitted(host)]),
      portCreated({ portId, networkId }, context.randomInt(1 << 24)),
      portBound(portId, networkId, host),
    ];
    return {
      events: placed ? events : [...events, networkPlaced(networkId, host, vlan)],
      reads: [],
      none: [],
      result: portId,
    };
  };

async function until(what: string, true_: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<number> {
  const from = performance.now();
  while (!(await true_())) {
    if (performance.now() - from > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(2);
  }
  return performance.now() - from;
}

let postgres: TestPostgres;
let nats: TestNats;
let pool: pg.Pool;
let folder: string;
const open: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
  pool = new pg.Pool({ connectionString: postgres.serviceUrl, max: 4 });
  // The server's farewell to connections that are being closed.
  pool.on('error', () => undefined);
  folder = await mkdtemp(join(tmpdir(), 'plumb-feed-'));
  nats = await TestNats.make(false);
});
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});
afterAll(async () => {
  await pool?.end();
  await nats?.kill();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

const access = (): NatsAccess => ({ url: nats.url, login: { kind: 'none' } });

type Api = Readonly<{ app: INestApplication; ledger: Ledger; follower: Follower }>;
async function api(pruneEveryMs?: number): Promise<Api> {
  const fleet = async () => ({ l3Hosts: [] });
  const feed = FeedModule.with({
    databaseUrl: postgres.serviceUrl,
    pool,
    nats: access(),
    fleet,
    dhcpFleet: async () => ({ hosts: [], stays: new Set(), perNetwork: 1 }),
    pruneEveryMs,
    logger,
  });
  const app = await NestFactory.create(feed, new FastifyAdapter(), { logger: false, abortOnError: false });
  const hear = hearNodes(app, access(), logger);
  await app.init();
  hear();
  open.push(app);
  return { app, ledger: app.get(Ledger), follower: app.get(Follower) };
}

type Agent = Readonly<{ app: INestMicroservice; node: FakeNode; health(): Record<string, unknown> }>;
async function agent(host: string, node = new FakeNode(), stateDir = join(folder, host)): Promise<Agent> {
  const config = {
    host,
    nats: access(),
    stateDir,
    availabilityZone: 'nova',
    health: null,
    resyncMs: 60_000,
    logLevel: 'silent',
    settings: {},
  } as const;
  const facts = { tunnelIp: null, bridgeMappings: { physnet1: 'br-ex' }, datapathType: 'netdev' };
  const definition = {
    kind: 'ovs',
    settings: {},
    makeBackend: async () => ({ reconciler: node, binding: node, nodeFacts: () => facts, close: () => undefined }),
  } as const;
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AgentModule.of(definition, config, logger), {
    transport: Transport.NATS,
    options: natsOptions(config.nats, 'agent'),
    logger: false,
  });
  void app.listen().catch(() => undefined);
  open.push(app);
  const service = app.get(AgentService);
  await until('the agent has started', () => service.health()['state'] !== undefined);
  return { app, node, health: () => service.health() };
}

const desired = ({ ledger }: Api, host: string): string =>
  canonical(new Map(hostObjects(ledger.topology, host).map((object) => [keyOf(object), canonical(object)])));
const isTrue = (on: Agent, by: Api, host: string) => () => canonical(on.node.made) === desired(by, host);
/** In time, not at once: an agent whose node was registered otherwise says so in a report of its own, which one process decides on and the other reads. */
const agreeOn =
  (host: string, [one, other]: readonly Api[]) =>
  () =>
    desired(one!, host) === desired(other!, host);
const inSync = (on: Agent) => () => on.health()['state'] === 'in-sync';

describe('with the broker down at first', () => {
  it('the API writes, the agent waits, and all comes together when the broker comes', async () => {
    const one = await api();
    await one.ledger.execute(making(networkCreated({ networkId, segmentationId: 7 })), meta());
    await one.ledger.execute(bind('early'), meta());
    const node = await agent('early');
    expect(node.health()).toMatchObject({ ok: true, state: 'catching-up' });
    await nats.start();
    await until('in sync', inSync(node), 15_000);
    await until('the node is as the log says', isTrue(node, one, 'early'));
    await until(
      'the node is registered by its report',
      () => one.ledger.topology.get('node', 'early')?.bridgeMappings['physnet1'] === 'br-ex',
    );
    const statuses = () =>
      pool.query(`SELECT status FROM plumbline.object_status WHERE host = 'early' AND object_kind = 'port'`);
    await until('the status is reported', async () => (await statuses()).rows[0]?.['status'] === 'ACTIVE');
  });
});

describe('a host of any name', () => {
  const long = `${'x'.repeat(60)}.${'y'.repeat(60)}.${'Z'.repeat(60)}.${'w'.repeat(60)}.example`;
  it('has its feed, its reports and its bindings, and nobody has those of another', async () => {
    const one = await api();
    const hosts = ['cmp3.example.org', '192.0.2.7', '2001:db8::7', 'toString', 'constructor', 'Cmp3.example.org', long];
    const agents = await Promise.all(hosts.map((host, at) => agent(host, new FakeNode(), join(folder, `host-${at}`))));
    for (const [at, host] of hosts.entries()) await until(`${host} is in sync`, inSync(agents[at]!));
    for (const host of hosts) await one.ledger.execute(bind(host), meta());
    for (const [at, host] of hosts.entries()) {
      await until(`${host} is as the log says`, isTrue(agents[at]!, one, host));
      expect([...agents[at]!.node.made.keys()].filter((key) => key.startsWith('port/'))).toHaveLength(1);
      await until(`${host} is registered`, () => one.ledger.topology.get('node', host) !== undefined);
    }
    const rows = async () =>
      (await pool.query('SELECT host FROM plumbline.agents')).rows.map((row) => row.host as string);
    await until('all reports are stored', async () => {
      const stored = await rows();
      return hosts.every((host) => stored.includes(host));
    });
  });
});

describe('what nobody needs any more', () => {
  const feedOf = async (host: string) =>
    (await pool.query('SELECT position FROM plumbline.feed_head WHERE host = $1', [host])).rows.length;
  const rows = async () => (await pool.query('SELECT FROM plumbline.feed')).rowCount;

  it('goes: rows that were read, and the feed of a host that was removed; when it comes back it gets all', async () => {
    const one = await api(200);
    const state = join(folder, 'leaving');
    const node = new FakeNode();
    await one.ledger.execute(bind('leaving'), meta());
    await one.ledger.execute(bind('silent'), meta());
    const silent = await agent('silent');
    const leaving = await agent('leaving', node, state);
    await until('it is in sync', inSync(leaving));
    await until('it is as the log says', isTrue(leaving, one, 'leaving'));
    const registered = (host: string) => one.ledger.topology.get('node', host) !== undefined;
    await until('both are registered', () => registered('silent') && registered('leaving'));
    for (const each of [leaving, silent]) {
      await each.app.close();
      open.splice(open.indexOf(each.app), 1);
    }
    // As an operator who deletes the agent of a silent node: its row, and then its node.
    await pool.query(`DELETE FROM plumbline.agents WHERE host = 'leaving'`);
    await one.ledger.execute(removeNode('leaving'), meta());
    await until('its feed is gone', async () => (await feedOf('leaving')) === 0);
    await until('rows that were read are gone', async () => (await rows()) === 0);
    expect(await feedOf('silent')).toBe(1);
    await one.ledger.execute(bind('leaving'), meta());
    await one.ledger.execute(bind('silent'), meta());
    const back = await agent('leaving', node, state);
    const heard = await agent('silent', silent.node);
    await until('it is in sync again', inSync(back), 15_000);
    await until('it has what came while it was gone', isTrue(back, one, 'leaving'), 15_000);
    await until('the silent one has, too', isTrue(heard, one, 'silent'), 15_000);
    await one.ledger.execute(bind('leaving'), meta());
    await until('and what comes now', isTrue(back, one, 'leaving'));
  });
});

describe('with two processes of the API', () => {
  it('a change of either is on the node in milliseconds', async () => {
    const processes = [await api(), await api()];
    const node = await agent('cmp1');
    await until('in sync', inSync(node));
    const took: number[] = [];
    for (let n = 0; n < 40; n += 1) {
      const { ledger } = processes[n % 2]!;
      const { result } = await ledger.execute(bind('cmp1'), meta());
      took.push(await until('on the node', () => node.node.made.has(`port/${result}`)));
    }
    took.sort((a, b) => a - b);
    expect(took[20]).toBeLessThan(50);
    for (const each of processes) await each.follower.catchUp();
    await until('the node is as the log says', isTrue(node, processes[0]!, 'cmp1'));
    await until('both agree', agreeOn('cmp1', processes));
  });

  it('what a process committed and did not live to publish is mended by the others within a second or so', async () => {
    const other = await api();
    await other.ledger.execute(making(nodeAdmitted('cmp2')), meta());
    const node = await agent('cmp2');
    await until('in sync', inSync(node));
    const store = new PostgresEventStore(postgres.serviceUrl);
    const follower = await Follower.open({ store, logger, publish: () => undefined });
    const dying = new Ledger({ store, follower, logger });
    const { result } = await dying.execute(bind('cmp2'), meta());
    await follower.close();
    await store.close();
    const took = await until('on the node', () => node.node.made.has(`port/${result}`));
    expect(took).toBeLessThan(1_500);
    await until('the node is as the log says', isTrue(node, other, 'cmp2'));
  });

  it('a broker that is killed and comes back costs no change', async () => {
    const processes = [await api(), await api()];
    const node = await agent('cmp3');
    await until('in sync', inSync(node));
    await nats.kill();
    for (let n = 0; n < 10; n += 1) await processes[n % 2]!.ledger.execute(bind('cmp3'), meta());
    await nats.start();
    for (const each of processes) await each.follower.catchUp();
    await until('the node is as the log says', isTrue(node, processes[0]!, 'cmp3'), 15_000);
    await until('in sync again', inSync(node));
  });

  it('placing one network from both at the same time never leaves a hole', async () => {
    const processes = [await api(), await api()];
    const hosts = ['race1', 'race2', 'race3'];
    const nodes = await Promise.all(hosts.map((host) => agent(host)));
    await Promise.all(nodes.map((node) => until('in sync', inSync(node))));
    await Promise.all(
      Array.from({ length: 90 }, (_, n) =>
        n % 9 === 0
          ? processes[n % 2]!.ledger.execute(
              making(nodeRegistered(hosts[n % 3]!, `172.17.${n}.1`, { physnet1: 'br-ex' })),
              meta(),
            )
          : processes[n % 2]!.ledger.execute(bind(hosts[(n >> 1) % 3]!), meta()),
      ),
    );
    for (const each of processes) await each.follower.catchUp();
    for (const [index, host] of hosts.entries())
      await until(`${host} is as the log says`, isTrue(nodes[index]!, processes[0]!, host));
    for (const host of hosts) await until(`both agree on ${host}`, agreeOn(host, processes));
  });

  it('an agent that restarts comes back from its snapshot, in sync and without a change', async () => {
    const one = await api();
    await one.ledger.execute(bind('again'), meta());
    const before = await agent('again');
    await until('registered', () => one.ledger.topology.get('node', 'again') !== undefined);
    await until('as the log says', isTrue(before, one, 'again'));
    await until('in sync', inSync(before));
    await before.app.close();
    open.splice(open.indexOf(before.app), 1);
    before.node.failure = (key) => `touched ${key}`;
    const calls = before.node.calls.length;
    const after = await agent('again', before.node);
    await until('it works', () => after.node.calls.length > calls);
    // Its first look has the control plane's word already, if that came in time. Without it nothing is taken away.
    const first = after.node.calls[calls];
    expect(first).toMatchObject({ touched: 'all', mayRemove: first?.unverified === false });
    await until('in sync', inSync(after));
    expect(after.health()).toMatchObject({ ok: true, quarantined: [] });
  });
});

describe('two machines with one host name', () => {
  const close = async (gone: Agent) => {
    await gone.app.close();
    open.splice(open.indexOf(gone.app), 1);
  };
  const refused = async (host: string) =>
    (await pool.query('SELECT machine FROM plumbline.node_refused WHERE host = $1', [host])).rows;
  const identityIn = (stateDir: string) => keptIdentity(stateDir);
  const folderOf = (name: string) => join(folder, name);

  it('only one makes its node, until the operator says otherwise', async () => {
    const [one, other] = [await api(), await api()];
    await one.ledger.execute(bind('twin'), meta());
    const first = await agent('twin', new FakeNode(), folderOf('twin-a'));
    await until('the first is as the log says', isTrue(first, one, 'twin'));
    const second = await agent('twin', new FakeNode(), folderOf('twin-b'));
    await until('the second is refused', () => second.health()['state'] === 'not-owner');
    await one.ledger.execute(bind('twin'), meta());
    await until('the first follows', isTrue(first, one, 'twin'));
    expect([second.node.calls, second.node.log]).toEqual([[], null]);
    const id = await identityIn(folderOf('twin-b'));
    await until('the operator sees it', async () => (await refused('twin')).some((row) => row.machine === id));
    expect(JSON.parse(await readFile(join(folderOf('twin-b'), 'ovs.owner'), 'utf8'))).toMatchObject({ machine: id });

    // A restart of the one that owns, whichever process hears it, is no other machine.
    await close(first);
    const again = await agent('twin', first.node, folderOf('twin-a'));
    await one.ledger.execute(bind('twin'), meta());
    await until('it follows again', isTrue(again, one, 'twin'));
    expect(second.node.calls).toEqual([]);

    await other.app.get(Owners).release('twin', id);
    await until('the second is as the log says', isTrue(second, one, 'twin'), 15_000);
    await until('the first is refused', () => again.health()['state'] === 'not-owner');
    const calls = again.node.calls.length;
    await one.ledger.execute(bind('twin'), meta());
    await until('the second follows', isTrue(second, one, 'twin'));
    expect(again.node.calls.length).toBe(calls);
  });

  it('a copy of a machine is noticed, and neither changes anything until one is gone and the name released', async () => {
    const one = await api();
    await one.ledger.execute(bind('clone'), meta());
    const first = await agent('clone', new FakeNode(), folderOf('clone-a'));
    await until('the first is as the log says', isTrue(first, one, 'clone'));
    await cp(folderOf('clone-a'), folderOf('clone-b'), { recursive: true });
    const second = await agent('clone', new FakeNode(), folderOf('clone-b'));
    for (const each of [first, second]) await until('both are refused', () => each.health()['state'] === 'not-owner');
    const calls = [first, second].map(({ node }) => node.calls.length);
    await one.ledger.execute(bind('clone'), meta());
    await until('both hear of it', () =>
      [first, second].every((each) => each.health()['position'] === one.ledger.topology.position),
    );
    expect([first, second].map(({ node }) => node.calls.length)).toEqual(calls);
    await close(second);
    await one.app.get(Owners).release('clone', null);
    await until('the first is as the log says again', isTrue(first, one, 'clone'), 15_000);
  });

  it('an agent that does not say its machine is heard only while nobody owns the name', async () => {
    const one = await api();
    await one.ledger.execute(bind('elder'), meta());
    const old = await connect({ servers: nats.url });
    const pattern = subjects.report('elder', 'ovs');
    const report = (sequence: number) => ({
      ...{ log: null, state: 'in-sync', sequence, position: 1, full: true, objects: [], frozen: [] },
      ...{ driftRepaired: 0, startedAt: '2026-01-01T00:00:00.000Z' },
    });
    const heard = async () =>
      (
        await pool.query(
          `SELECT started_at < now() - interval '1 day' AS old FROM plumbline.agents WHERE host = 'elder'`,
        )
      ).rows[0]?.old;
    old.publish(pattern, JSON.stringify({ pattern, data: report(1) }));
    await until('it is heard', async () => (await heard()) === true);
    const node = await agent('elder');
    await until('the new one is as the log says', isTrue(node, one, 'elder'));
    await until('it is heard instead', async () => (await heard()) === false);
    old.publish(pattern, JSON.stringify({ pattern, data: report(2) }));
    await until('the operator sees the old one', async () =>
      (await refused('elder')).some((row) => row.machine === ''),
    );
    expect(await heard()).toBe(false);
    await old.close();
  });
});

it('the API never answers on a subject that a node named', async () => {
  const one = await api();
  const node = await agent('forger');
  await until('in sync', inSync(node));
  const rogue = await connect({ servers: nats.url });
  const heard: string[] = [];
  rogue.subscribe('stolen.>', { callback: (_error, message) => void heard.push(message.subject) });
  const request = { log: null, position: 0, hash: null };
  const forged = JSON.stringify({ pattern: subjects.replay('forger', 'ovs'), id: 'x', data: request });
  let answered = 0;
  rogue.subscribe(subjects.feed('forger'), { callback: () => void (answered += 1) });
  rogue.publish(subjects.replay('forger', 'ovs'), forged, { reply: 'stolen.reply' });
  rogue.publish(subjects.replay('forger', 'ovs'), 'no JSON at all', { reply: 'stolen.reply' });
  rogue.publish(subjects.report('forger', 'ovs'), '{"data":{"id":1}}', { reply: 'stolen.reply' });
  await until('it is answered on the feed, as anyone', () => answered > 0);
  await rogue.flush();
  expect(heard).toEqual([]);
  await rogue.close();
  expect(one.follower.lastError).toBeNull();
});

it('an agent of another release gets its feed, and what it reports beyond what this release knows costs it nothing', async () => {
  const one = await api();
  await one.ledger.execute(bind('later'), meta());
  const newer = await connect({ servers: nats.url });
  const heard: { prev: number | null; entered: unknown[] }[] = [];
  newer.subscribe(subjects.feed('later'), {
    callback: (_error, message) => void heard.push(message.json<{ data: never }>().data),
  });
  const send = (subject: string, data: unknown): void =>
    newer.publish(subject, JSON.stringify({ pattern: subject, data }));
  const request = { log: null, position: 0, hash: null };
  await until('an agent of an unknown kind is answered', () => {
    send('plumb.v1.replay.later.balancer', request);
    return heard.some(({ prev, entered }) => prev === null && entered.length > 0);
  });
  const report = {
    log: one.ledger.log,
    state: 'standing-by',
    sequence: 1,
    position: 1,
    full: true,
    objects: [
      { kind: 'loadbalancer', id: networkId, position: 1, status: 'ACTIVE' },
      { kind: 'port', id: networkId, position: 1, status: 'DEGRADED' },
      { kind: 'port', id: networkId, position: 1, status: 'DOWN' },
    ],
    frozen: [],
    driftRepaired: 0,
    startedAt: new Date().toISOString(),
  };
  send('plumb.v1.report.later.balancer', report);
  send(subjects.report('later', 'ovs'), report);
  const rows = async (sql: string) => (await pool.query(`${sql} WHERE host = 'later'`)).rows;
  await until('the report is stored', async () => (await rows('SELECT kind FROM plumbline.agents')).length > 0);
  expect(await rows('SELECT kind, sync FROM plumbline.agents')).toEqual([{ kind: 'ovs', sync: 'standing-by' }]);
  expect(await rows('SELECT object_kind, status FROM plumbline.object_status')).toEqual([
    { object_kind: 'port', status: 'DOWN' },
  ]);
  await newer.close();
});

it('2,000 failures with long reasons arrive', async () => {
  const one = await api();
  const hosts = 'failing';
  const node = new FakeNode();
  node.extra = Array.from({ length: 2_000 }, () => ({
    ...{ kind: 'port', id: randomUUID(), position: 1, status: 'ERROR', reason: 'the kernel says no '.repeat(60) },
  }));
  await one.ledger.execute(bind(hosts), meta());
  const here = await agent(hosts, node);
  const statuses = async (status: string, like: string) => {
    const { rows } = await pool.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM plumbline.object_status WHERE host = $1 AND status = $2 AND reason LIKE $3',
      [hosts, status, like],
    );
    return rows[0]?.n;
  };
  await until('errors', async () => (await statuses('ERROR', '%... (1140 characters, shortened)')) === 2_000, 60_000);
  expect(here.health()).toMatchObject({ state: 'in-sync' });
  expect(one.app.get<NatsWire>(OUTLET).refused).toBe(0);
});

describe('with a broker that takes 16 kB', () => {
  const LIMIT = 16_384;
  beforeAll(async () => {
    await nats.kill();
    nats = await TestNats.make(true, `max_payload: ${LIMIT}`);
  });

  const host = 'small1';
  const portId = randomUUID();

  it('an object of an older log, larger than any message, reaches the node; what follows does, and an agent that begins anew is in sync', async () => {
    const one = await api();
    const here = await agent(host);
    await until('in sync', inSync(here));
    const spy = await connect({ servers: nats.url });
    const sizes: number[] = [];
    spy.subscribe(subjects.feed(host), { callback: (_error, message) => void sizes.push(message.data.length) });
    await one.ledger.execute(bind(host), meta());
    const events = [portCreated({ portId, networkId }, 77), portBound(portId, networkId, host)];
    const large: PlumbEvent = {
      ...{ type: 'PortAttributesSet', version: 1 },
      data: { portId, set: { tags: [`é${'"'.repeat(150_000)}`] } },
    };
    const log = new PostgresEventStore(postgres.serviceUrl);
    open.push(log);
    const decided = { events: [...events, large], reads: [], none: [] };
    const command = toAppend(prepare(one.ledger.topology, decided, meta()), one.follower.head);
    expect(await log.append(command)).toMatchObject({ ok: true });
    await until('the node has it', () => isTrue(here, one, host)() && here.node.made.has(`port/${portId}`));
    const next = await one.ledger.execute(bind(host), meta());
    await until('the node has the next', () => here.node.made.has(`port/${next.result}`));
    // Its host and agent begin without a snapshot: the whole view, with the large object in it.
    await here.app.close();
    open.splice(open.indexOf(here.app), 1);
    await rm(join(folder, host, 'ovs.snapshot'));
    const again = await agent(host);
    await until('anew', () => inSync(again)() && isTrue(again, one, host)());
    expect(Math.max(...sizes)).toBeLessThanOrEqual(LIMIT);
    expect(sizes.length).toBeGreaterThan(20);
    expect(one.app.get<NatsWire>(OUTLET).refused).toBe(0);
    await spy.close();
  });

  it('what the broker refuses is an error in the log, and counted', async () => {
    const errors: object[] = [];
    const listening = { ...logger, info: () => undefined, error: (what: object) => void errors.push(what) } as never;
    const strict = await TestNats.make(
      true,
      `max_payload: ${LIMIT}
      authorization { users: [{ user: u, password: p, permissions: { publish: { deny: "plumb.v1.beacon.>" } } }] }`,
    );
    const url = strict.url.replace('//', '//u:p@');
    const [large, forbidden] = [1, 2].map(() => new NatsWire({ url, login: { kind: 'none' } }, 'test', listening));
    for (const wire of [large!, forbidden!]) {
      wire.start();
      await until('connected', () => wire.connected);
    }
    expect(large!.maxBodyBytes).toBe(LIMIT - 512);
    large!.send(subjects.feed('x'), { text: 'x'.repeat(LIMIT) });
    await until('refused', () => large!.refused === 1);
    forbidden!.send(subjects.beacon('x'), {});
    await until('refused by the server', () => forbidden!.refused === 1);
    expect(errors).toEqual([
      expect.objectContaining({ subject: 'plumb.v1.feed.x', bytes: LIMIT + 11, maxPayloadBytes: LIMIT, refused: 1 }),
      expect.objectContaining({ subject: 'plumb.v1.beacon.x', refused: 1 }),
    ]);
    const counted = metricsOf(forbidden!).find(({ name }) => name === 'plumbline_nats_publish_refused_total');
    expect(counted?.read()).toBe(1);
    for (const wire of [large!, forbidden!]) await wire.close();
    await strict.kill();
  });
});
