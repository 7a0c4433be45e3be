/**
 * Data of instances with a real PostgreSQL, a real broker with the nodes' own logins, and two processes' worth of the API: who is told what, what goes with the last
 * port, what survives a restart and a backup, and where it must not be found.
 */
import 'reflect-metadata';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  type InstanceAnswer,
  type InstanceAsk,
  type InstanceData,
  type InstanceName,
  MOST_USER_DATA_BYTES,
  type PlumbEvent,
  subjects,
} from '@plumbline/contracts';
import type { Decide } from '@plumbline/domain';
import { Ledger } from '@plumbline/ledger';
import { InstanceJoiner, parseInstances } from '@plumbline/messaging';
import { apiPermissions, natsConfiguration, nodePermissions, type Permissions } from '@plumbline/nats-logins';
import { createLogger } from '@plumbline/telemetry';
import {
  networkCreated,
  networkPlaced,
  nodeAdmitted,
  nodeRegistered,
  portBound,
  portCreated,
  routerCreated,
  routerInterfaceAdded,
  routerScheduled,
} from '@plumbline/topology/testing';
import pg from 'pg';
import { LoggedInCloud } from '../testing/logged-in-cloud.js';
import { TestNats } from '../testing/start-nats.js';

const HOSTS = ['net1', 'net2', 'net3', 'cmp1'] as const;
const PROJECT = 'garden';
/** No message is larger: user data alone is more. */
const MAX_PAYLOAD = 40_000;
const PATIENCE_MS = 20_000;
const SECRET = 'c2VjcmV0IG9mIHRoZSBnYXJkZW4=';
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIgarden ann@garden';

const said: string[] = [];
const logger = createLogger({ name: 'test', level: 'trace', destination: { write: (line) => void said.push(line) } });

let cloud: LoggedInCloud;
let database: pg.Pool;

async function until<T>(what: string, ask: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  const dueAt = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await ask();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > dueAt) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await delay(10);
  }
}

type Api = Readonly<{
  ledger: Ledger;
  close(): Promise<unknown>;
  call(method: string, deviceId: string, body?: unknown): Promise<Readonly<{ status: number; body: never }>>;
  do(...events: PlumbEvent[]): Promise<void>;
}>;

/** One process of the API, in this one: its own memory of the log, connections and subscriptions. */
async function api(natsUrl = cloud.natsUrl): Promise<Api> {
  const { app, url } = await cloud.api(logger, natsUrl);
  const ledger = app.get(Ledger);
  let closed = false;
  const made: Api = {
    ledger,
    close: async () => (closed ? undefined : ((closed = true), app.close())),
    call: async (method, deviceId, body) => {
      const response = await fetch(
        `${url}/v2.0/instance-metadata/${encodeURIComponent(deviceId)}?project_id=${PROJECT}`,
        {
          method,
          ...(body !== undefined && {
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ instance_metadata: body }),
          }),
        },
      );
      const text = await response.text();
      return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as never };
    },
    do: async (...events) => {
      const making: Decide<null> = () => ({ events, reads: [], none: [], result: null });
      await ledger.execute(making, { requestId: 'r', userId: 'u', projectId: 'p', time: new Date().toISOString() });
    },
  };
  cloud.closing(made);
  return made;
}

class Node {
  /** Everything that came to this host on its own subject of instances, as text. */
  readonly heard: string[] = [];
  private readonly answers: InstanceAnswer[] = [];
  private readonly joiner = new InstanceJoiner();
  readonly changed: InstanceName[] = [];

  private constructor(
    readonly host: string,
    readonly connection: NatsConnection,
    readonly refused: readonly string[],
  ) {}

  static async start(host: (typeof HOSTS)[number]): Promise<Node> {
    const { connection, refused } = await cloud.connectAs(host);
    const node = new Node(host, connection, refused);
    node.listen(host);
    await connection.flush();
    return node;
  }

  listen(host: string): void {
    this.connection.subscribe(subjects.instances(host), {
      callback: (error, message) => {
        if (error) return;
        this.heard.push(message.string());
        const parsed = parseInstances((message.json() as { data: unknown }).data);
        if (!parsed) throw new Error(`not a message about instances: ${message.string().slice(0, 200)}`);
        if ('changed' in parsed) this.changed.push(...parsed.changed);
        else if ('slice' in parsed) this.answers.push(...[this.joiner.add(parsed)].filter((each) => each !== null));
        else this.answers.push(parsed);
      },
    });
  }

  send(host: string, body: unknown): void {
    const pattern = subjects.instanceAsk(host);
    this.connection.publish(pattern, JSON.stringify({ pattern, data: body }));
  }

  /** Asks again until every instance is in an answer: the broker and an API that just started may lose a question. */
  async ask(
    log: string,
    instances: InstanceAsk['instances'],
  ): Promise<Readonly<{ set: InstanceData[]; same: string[]; gone: string[]; later: string[] }>> {
    const dueAt = performance.now() + PATIENCE_MS;
    while (performance.now() < dueAt) {
      const ask = randomUUID();
      this.send(this.host, { log, ask, position: 0, instances });
      const again = performance.now() + 3_000;
      while (performance.now() < again) {
        const mine = this.answers.filter((each) => each.ask === ask);
        const names = (list: 'same' | 'gone' | 'later') =>
          mine.flatMap((each) => each[list]).map(({ deviceId }) => deviceId);
        const all = {
          set: mine.flatMap(({ set }) => set),
          same: names('same'),
          gone: names('gone'),
          later: names('later'),
        };
        const count = Object.values(all).reduce((sum, list) => sum + list.length, 0);
        if (count === instances.length && mine.some(({ last }) => last)) return all;
        await delay(5);
      }
    }
    throw new Error(`${this.host} was not answered: ${this.refused.join('; ')}`);
  }
}
const asked = (deviceId: string, revision: string | null = null, projectId = PROJECT) => ({
  projectId,
  deviceId,
  revision,
});

const [INSIDE, OTHER, ROUTER] = [randomUUID(), randomUUID(), randomUUID()];
let number = 1000;
const portOf = (deviceId: string, networkId = INSIDE, projectId = PROJECT) => {
  const portId = randomUUID();
  number += 1;
  return { portId, event: portCreated({ portId, networkId, deviceId, projectId }, number) };
};
const deleted = (portId: string): PlumbEvent => ({
  type: 'PortDeleted',
  version: 1,
  data: { portId, networkId: INSIDE },
});

beforeAll(async () => {
  const nodes = HOSTS.map((host) => [host, nodePermissions(host, host === 'cmp1' ? ['compute'] : ['network'])]);
  cloud = await LoggedInCloud.start(Object.fromEntries(nodes) as Record<string, Permissions>, (configuration) =>
    configuration.replace('max_payload: 1MB', `max_payload: ${MAX_PAYLOAD}`),
  );
  database = new pg.Pool({ connectionString: cloud.postgres.migrationUrl, max: 2 });
  database.on('error', () => undefined);
  const first = await api();
  await first.do(
    ...HOSTS.flatMap((host) => [nodeAdmitted(host), nodeRegistered(host, null)]),
    networkCreated({ networkId: INSIDE, projectId: PROJECT, segmentationId: 11 }),
    networkCreated({ networkId: OTHER, projectId: PROJECT, segmentationId: 12 }),
  );
  const [iface, server] = [randomUUID(), randomUUID()];
  // A router of the network on net1, its DHCP server on net2, one of another network on net3; the instances run on cmp1.
  await first.do(
    routerCreated({ routerId: ROUTER, projectId: PROJECT }),
    portCreated({ portId: iface, networkId: INSIDE, deviceId: ROUTER, deviceOwner: 'network:router_interface' }, 1),
    routerInterfaceAdded(ROUTER, iface, INSIDE, []),
    networkPlaced(INSIDE, 'net1', 1),
    routerScheduled(ROUTER, 'net1'),
  );
  await first.do(
    portCreated({ portId: server, networkId: INSIDE, deviceId: 'd', deviceOwner: 'network:dhcp', servesDhcp: true }, 2),
    networkPlaced(INSIDE, 'net2', 1),
    portBound(server, INSIDE, 'net2'),
  );
  const elsewhere = randomUUID();
  await first.do(
    portCreated(
      { portId: elsewhere, networkId: OTHER, deviceId: 'd', deviceOwner: 'network:dhcp', servesDhcp: true },
      3,
    ),
    networkPlaced(OTHER, 'net3', 1),
    portBound(elsewhere, OTHER, 'net3'),
  );
  await first.close();
});
afterEach(() => cloud.closeAll());
afterAll(async () => {
  await database?.end();
  await cloud?.stop();
});

/** A device id of this test with a port on the network that net1 and net2 serve. */
async function instance(by: Api): Promise<{ deviceId: string; portId: string }> {
  const deviceId = randomUUID();
  const { portId, event } = portOf(deviceId);
  await by.do(event);
  return { deviceId, portId };
}
const stored = async (deviceId: string): Promise<number> =>
  (await database.query('SELECT FROM plumbline.instance_data WHERE device_id = $1', [deviceId])).rowCount ?? 0;

describe('what an instance is given to know', () => {
  let one: Api;
  let two: Api;
  beforeEach(async () => {
    [one, two] = await Promise.all([api(), api()]);
  });

  it('is told to the nodes that serve it, whole, and to no other', async () => {
    const { deviceId } = await instance(one);
    const userData = Buffer.alloc(MOST_USER_DATA_BYTES, 7).toString('base64');
    const given = { hostname: 'web', public_keys: { ann: KEY }, user_data: userData };
    expect(await two.call('PUT', deviceId, given)).toMatchObject({ status: 200 });
    const [net1, net2, net3] = [await Node.start('net1'), await Node.start('net2'), await Node.start('net3')];
    const { log } = one.ledger;
    for (const node of [net1, net2]) {
      const { set } = await node.ask(log, [asked(deviceId)]);
      expect(set).toEqual([
        {
          ...{ projectId: PROJECT, deviceId, revision: set[0]?.revision },
          ...{ hostname: 'web', publicKeys: { ann: KEY }, userData },
        },
      ]);
      for (const text of node.heard) expect(text.length).toBeLessThanOrEqual(MAX_PAYLOAD);
      expect((await node.ask(log, [asked(deviceId, set[0]?.revision)])).same).toEqual([deviceId]);
      // Another project's instance of the same device id is another instance.
      expect((await node.ask(log, [asked(deviceId, null, 'meadow')])).gone).toEqual([deviceId]);
    }
    expect((await net3.ask(log, [asked(deviceId), asked('nothing')])).gone).toEqual([deviceId, 'nothing']);
    expect(net3.heard.join()).not.toContain('ssh-ed25519');
  });

  it('is announced to the nodes that serve it when it changes, and when it is removed', async () => {
    const { deviceId } = await instance(one);
    const nodes = [await Node.start('net1'), await Node.start('net2'), await Node.start('net3')] as const;
    const { log } = one.ledger;
    const revisions: string[] = [];
    for (const [by, given] of [
      [one, { hostname: 'one' }],
      [two, { user_data: SECRET }],
      [one, { hostname: null }],
    ] as const) {
      await until('a connection of the API that tells nodes', async () => {
        const before = nodes.slice(0, 2).map(({ changed }) => changed.length);
        expect((await by.call('PUT', deviceId, given)).status).toBe(200);
        const dueAt = performance.now() + 1_000;
        while (performance.now() < dueAt) {
          if (nodes.slice(0, 2).every(({ changed }, n) => changed.length > (before[n] as number))) return true;
          await delay(5);
        }
        return false;
      });
      revisions.push((await nodes[0].ask(log, [asked(deviceId)])).set[0]?.revision as string);
    }
    expect(new Set(revisions).size).toBe(3);
    expect((await nodes[1].ask(log, [asked(deviceId)])).set).toMatchObject([{ hostname: null, userData: SECRET }]);
    const before = nodes[0].changed.length;
    expect((await one.call('DELETE', deviceId)).status).toBe(204);
    await until('told of the removal', () => nodes[0].changed.length > before);
    expect((await nodes[0].ask(log, [asked(deviceId, revisions[2])])).gone).toEqual([deviceId]);
    expect(new Set(nodes[0].changed.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify({ projectId: PROJECT, deviceId })]),
    );
    expect(nodes[2].changed).toEqual([]);
  });

  it('cannot be asked for in the name of another host, nor heard there', async () => {
    const { deviceId } = await instance(one);
    await one.call('PUT', deviceId, { user_data: SECRET });
    const [net1, forger, compute] = [await Node.start('net1'), await Node.start('net3'), await Node.start('cmp1')];
    const { log } = one.ledger;
    const question = { log, ask: randomUUID(), position: 0, instances: [asked(deviceId)], host: 'net1' };
    for (const node of [forger, compute]) {
      node.send('net1', question);
      node.listen('net1');
      node.listen('*');
      await until('refused by the broker', () => node.refused.length >= 3);
    }
    // A compute node has no routers and serves nothing: not even its own subjects are open to it.
    compute.send('cmp1', question);
    await until('refused by the broker', () => compute.refused.some((text) => /instance-ask\.cmp1/.test(text)));
    // The host named in the body counts for nothing.
    forger.send('net3', question);
    await until('answered as net3', () => forger.heard.length > 0);
    expect((await net1.ask(log, [asked(deviceId)])).set).toHaveLength(1);
    for (const node of [forger, compute]) expect(node.heard.join()).not.toContain(SECRET);
    expect(net1.heard.join()).not.toContain(question.ask);
  });

  it('is not told to a node of another log, nor to one that asks what is no question', async () => {
    const { deviceId } = await instance(one);
    await one.call('PUT', deviceId, { user_data: SECRET });
    const net1 = await Node.start('net1');
    expect((await net1.ask(one.ledger.log, [asked(deviceId)])).set).toHaveLength(1);
    const heard = net1.heard.length;
    net1.send('net1', { log: randomUUID(), ask: randomUUID(), position: 0, instances: [asked(deviceId)] });
    await until('a line about it', () => said.some((line) => line.includes('a node of another log asks')));
    net1.send('net1', { log: one.ledger.log, ask: 'x', instances: 7 });
    await until('a line about it', () => said.some((line) => line.includes('not a question about instances')));
    expect(net1.heard).toHaveLength(heard);
  });

  it('comes in several answers when it is too much for one', async () => {
    const devices = Array.from({ length: 70 }, () => randomUUID());
    await one.do(...devices.map((deviceId) => portOf(deviceId).event));
    const userData = Buffer.alloc(MOST_USER_DATA_BYTES, 9).toString('base64');
    for (const deviceId of devices) await one.call('PUT', deviceId, { user_data: userData });
    const net1 = await Node.start('net1');
    const got = new Set<string>();
    let asks = 0;
    for (let wanted: readonly string[] = devices; wanted.length > 0; asks += 1) {
      const { set, later, gone } = await net1.ask(
        one.ledger.log,
        wanted.map((deviceId) => asked(deviceId)),
      );
      expect(gone).toEqual([]);
      for (const each of set) got.add(each.deviceId);
      wanted = later;
    }
    expect([...got].sort()).toEqual([...devices].sort());
    expect(asks).toBe(2);
  });
});

describe('what an instance was given', () => {
  it('goes with its last port, for every process, and is not there for one that comes after', async () => {
    const [one, two] = await Promise.all([api(), api()]);
    const { deviceId, portId } = await instance(one);
    const second = portOf(deviceId, OTHER);
    await two.do(second.event);
    await one.call('PUT', deviceId, { user_data: SECRET });
    const net1 = await Node.start('net1');
    expect((await net1.ask(one.ledger.log, [asked(deviceId)])).set).toHaveLength(1);
    await two.do(deleted(portId));
    // A port on another network is left: what is kept stays, and this node hears no more of it.
    expect(await one.call('GET', deviceId)).toMatchObject({ status: 200 });
    expect((await net1.ask(one.ledger.log, [asked(deviceId)])).gone).toEqual([deviceId]);
    await two.do({ type: 'PortDeleted', version: 1, data: { portId: second.portId, networkId: OTHER } });
    for (const by of [one, two]) expect((await by.call('GET', deviceId)).status).toBe(404);
    await two.do(portOf(deviceId).event);
    for (const by of [one, two]) expect((await by.call('GET', deviceId)).status).toBe(404);
    await until('removed', async () => (await stored(deviceId)) === 0);
    // What is set for the new one stays.
    expect((await one.call('PUT', deviceId, { hostname: 'new' })).status).toBe(200);
    expect(await two.call('GET', deviceId)).toMatchObject({
      body: { instance_metadata: { hostname: 'new', user_data: null } },
    });
  });

  it('goes when its last port is given to another device', async () => {
    const one = await api();
    const { deviceId, portId } = await instance(one);
    await one.call('PUT', deviceId, { user_data: SECRET });
    await one.do({ type: 'PortAttributesSet', version: 1, data: { portId, set: { deviceId: 'another' } } });
    expect((await one.call('GET', deviceId)).status).toBe(404);
    expect((await one.call('GET', 'another')).status).toBe(404);
    expect(await stored(deviceId)).toBe(0);
  });

  it('goes before anything is served, if a process ended after its last port went', async () => {
    const one = await api();
    const { deviceId } = await instance(one);
    const dead = randomUUID();
    await one.call('PUT', deviceId, { user_data: SECRET });
    // As if it had been set while its port was being deleted, by a process that was killed then.
    await database.query(
      `INSERT INTO plumbline.instance_data (project_id, device_id, revision, public_keys, position, user_id, set_at)
       SELECT project_id, $1, revision, public_keys, position, user_id, set_at FROM plumbline.instance_data WHERE device_id = $2`,
      [dead, deviceId],
    );
    await one.close();
    const two = await api();
    expect([await stored(dead), await stored(deviceId)]).toEqual([0, 1]);
    expect(await two.call('GET', deviceId)).toMatchObject({ body: { instance_metadata: { user_data: SECRET } } });
  });

  it('is refused for a device without port, and kept by nobody', async () => {
    const one = await api();
    const { deviceId, portId } = await instance(one);
    expect(await one.call('PUT', 'no such device', { hostname: 'x' })).toMatchObject({
      status: 404,
      body: { NeutronError: { type: 'InstanceNotFound', message: expect.stringContaining('create its port first') } },
    });
    // Set and deleted at once, many times: whoever wins, nothing is kept for an instance without ports.
    const answers = new Set<number>();
    let port: string = portId;
    for (let round = 0; round < 15; round += 1) {
      const [{ status }] = await Promise.all([
        one.call('PUT', deviceId, { user_data: SECRET }),
        delay(round % 4).then(() => one.do(deleted(port))),
      ]);
      answers.add(status);
      expect((await one.call('GET', deviceId)).status).toBe(404);
      expect(await stored(deviceId)).toBe(0);
      const next = portOf(deviceId);
      await one.do(next.event);
      port = next.portId;
      expect((await one.call('GET', deviceId)).status).toBe(404);
    }
    expect([...answers].every((status) => status === 200 || status === 404)).toBe(true);
  });

  it('goes with a port that the database lost: its log was restored to an earlier moment', async () => {
    const one = await api();
    const { deviceId: before } = await instance(one);
    await one.call('PUT', before, { hostname: 'before' });
    const tables = ['events', 'log_head', 'streams', 'claims', 'tallies', 'objects', 'feed', 'feed_head'];
    await database.query(
      `CREATE SCHEMA kept; ${tables.map((name) => `CREATE TABLE kept.${name} AS SELECT * FROM plumbline.${name}`).join(';')}`,
    );
    const { deviceId: lost } = await instance(one);
    await one.call('PUT', before, { hostname: 'after' });
    await one.call('PUT', lost, { user_data: SECRET });
    await database.query(
      `BEGIN; ${tables.map((name) => `DELETE FROM plumbline.${name}; INSERT INTO plumbline.${name} SELECT * FROM kept.${name}`).join(';')};
       DROP SCHEMA kept CASCADE; COMMIT`,
    );
    await until('swept', async () => (await stored(lost)) === 0);
    const answer = await until('served again', async () => {
      const now = await one.call('GET', before);
      return now.status !== 503 && now;
    });
    expect(answer).toMatchObject({ status: 200, body: { instance_metadata: { hostname: 'after' } } });
    // Set at a position that the log had lost, it goes all the same with the last port.
    const [port] = one.ledger.topology.find('port', `device/${before}`);
    await one.do(deleted(port?.id as string));
    expect((await one.call('GET', before)).status).toBe(404);
    await until('removed', async () => (await stored(before)) === 0);
  });

  it('is in a backup of the database, and comes back with it', async () => {
    const one = await api();
    const { deviceId } = await instance(one);
    await one.call('PUT', deviceId, { hostname: 'kept', public_keys: { ann: KEY }, user_data: SECRET });
    await one.close();
    const dump = join(cloud.folder, 'dump');
    const run = promisify(execFile);
    await run('pg_dump', [
      '-Fc',
      '-f',
      dump,
      '--exclude-table-data=plumbline.checkpoint*',
      cloud.postgres.migrationUrl,
    ]);
    await database.query('DROP SCHEMA plumbline CASCADE');
    await run('pg_restore', ['--single-transaction', '-d', cloud.postgres.migrationUrl, dump]);
    const two = await api();
    expect(await two.call('GET', deviceId)).toMatchObject({
      body: { instance_metadata: { hostname: 'kept', public_keys: { ann: KEY }, user_data: SECRET } },
    });
  });
});

describe('a broker whose configuration is of the release before', () => {
  it('refuses the new subjects, and all else goes on', async () => {
    const former = ({ publish, subscribe }: Permissions): Permissions => ({
      publish: publish.filter((subject) => !subject.includes('.instance')),
      subscribe: subscribe.filter((subject) => !subject.includes('.instance')),
    });
    const logins = [
      cloud.login('api', former(apiPermissions())),
      cloud.login('net1', former(nodePermissions('net1', ['network']))),
    ];
    const older = await TestNats.make(true, natsConfiguration('127.0.0.1:0', logins));
    cloud.closing({ close: () => older.kill() });
    const one = await api(older.url);
    const { deviceId } = await instance(one);
    expect((await one.call('PUT', deviceId, { hostname: 'web' })).status).toBe(200);
    const { connection } = await cloud.connectAs('net1', older.url);
    let answered = 0;
    connection.subscribe(subjects.feed('net1'), { callback: () => void (answered += 1) });
    const pattern = subjects.replay('net1', 'l3');
    await until('an answer on the feed', async () => {
      connection.publish(pattern, JSON.stringify({ pattern, data: { log: null, position: 0, hash: null } }));
      await delay(50);
      return answered > 0;
    });
    expect((await one.call('GET', deviceId)).status).toBe(200);
  });
});

describe('a secret of an instance', () => {
  it('is in no event, no row of the log’s tables, no log line and no feed', async () => {
    const one = await api();
    const { deviceId, portId } = await instance(one);
    const feeds: string[] = [];
    const { connection } = await cloud.connectAs('net1');
    for (const subject of [subjects.feed('net1'), subjects.beacon('net1')])
      connection.subscribe(subject, { callback: (_error, message) => void feeds.push(message.string()) });
    await connection.flush();
    const marks = ['bWFya2VkIHVzZXIgZGF0YQ==', 'ssh-ed25519 AAAAmarkedkey', 'marked-host'] as const;
    const [userData, key, hostname] = marks;
    await one.call('PUT', deviceId, { hostname, public_keys: { ann: key }, user_data: userData });
    // Refused ones are not repeated either.
    for (const wrong of [
      { user_data: `${userData}!` },
      { public_keys: { ann: `${key}\nx` } },
      { hostname: [hostname] },
    ])
      expect((await one.call('PUT', deviceId, wrong)).status).toBe(400);
    await one.do(portBound(portId, INSIDE, 'cmp1'), networkPlaced(INSIDE, 'cmp1', 1));
    await until('something on the feed', () => feeds.length > 0);
    const { rows } = await database.query<{ text: string }>(
      `SELECT string_agg(envelope, ' ') AS text FROM plumbline.events
       UNION ALL SELECT string_agg(doc::text, ' ') FROM plumbline.objects
       UNION ALL SELECT string_agg(k::text, ' ') FROM plumbline.idempotency_keys k`,
    );
    const everything = [...rows.map(({ text }) => text ?? ''), ...said, ...feeds].join('\n');
    for (const mark of [...marks, SECRET, KEY]) expect(everything.includes(mark)).toBe(false);
    const bytes = Buffer.from(userData, 'base64').toString();
    expect(everything.includes(bytes)).toBe(false);
  });
});
