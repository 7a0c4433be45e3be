/**
 * What Nova hears of its servers' ports: real processes of the API on a real PostgreSQL and NATS, a node that reports, and a Nova that answers as documented
 * (nova-stand-in.ts). Which causes lead to which events is that of the reference's notifier.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { NOT_ACTIVE_HERE } from '@plumbline/contracts';
import { derivation, rebuildReadModels } from '@plumbline/event-store';
import { run } from '@plumbline/exec';
import pg from 'pg';
import { effort } from '../../tools/jest/effort.mjs';
import { ApiProcess, eventually } from './api-process.js';
import { NovaStandIn } from './nova-stand-in.js';
import { ObservedNode } from './observed.js';
import { scenario } from './scenario.js';

const CLI = path.resolve(import.meta.dirname, '../../apps/cli/dist/main.js');
const [PLUGGED, UNPLUGGED, DELETED, CHANGED] = [
  ...['network-vif-plugged', 'network-vif-unplugged'],
  ...['network-vif-deleted', 'network-changed'],
] as const;
const HOSTS = ['cmp1', 'cmp2'] as const;

type Server = Readonly<{ portId: string; serverId: string }>;
type NovaHealth = Readonly<{ degraded: boolean; detail: string; waiting: number; seconds: number }>;

let nova: NovaStandIn;
let folder: string;
let file: string;
let cloud: ApiProcess;
let nodes: ObservedNode[];
let networkId: string;

async function start(): Promise<void> {
  nova = await NovaStandIn.start();
  folder = mkdtempSync(path.join(tmpdir(), `plumb-nova-${process.pid}-`));
  file = path.join(folder, 'credentials');
  writeFileSync(file, nova.credentials(), { mode: 0o600 });
  const quotas = { PLUMB_QUOTAS: '*=-1', PLUMB_REQUESTS_PER_SECOND: '0' };
  cloud = await ApiProcess.start({ PLUMB_NOVA_URL: nova.novaUrl, PLUMB_NOVA_CREDENTIALS_FILE: file, ...quotas });
  nodes = [];
  for (const [n, host] of HOSTS.entries()) nodes.push(await ObservedNode.start(cloud, host, `10.9.0.${n + 1}`));
  for (const node of nodes) node.keepAlive();
}
async function stop(): Promise<void> {
  for (const node of nodes ?? []) await node.stop();
  await cloud?.stop();
  await nova?.away();
  rmSync(folder, { recursive: true, force: true });
}

const make = async <T = { id: string }>(url: string, collection: string, body: object): Promise<T> => {
  const response = await fetch(`${url}/v2.0/${collection}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Record<string, T>;
  if (response.status !== 201) throw new Error(JSON.stringify(answer));
  return Object.values(answer)[0] as T;
};
const change = async (portId: string, port: object): Promise<void> => {
  expect(await cloud.call('PUT', `/v2.0/ports/${portId}`, { port })).toMatchObject({ status: 200 });
};

/** Ports of servers as Nova makes them, bound to the first host. */
async function servers(count: number, facts: object = {}, url = cloud.url): Promise<Server[]> {
  const wanted = Array.from({ length: count }, () => ({
    ...{ network_id: networkId, device_id: randomUUID(), device_owner: 'compute:nova' },
    ...{ 'binding:host_id': HOSTS[0], port_security_enabled: false, ...facts },
  }));
  const made: Server[] = [];
  for (let at = 0; at < count; at += 200) {
    const ports = await make<{ id: string; device_id: string }[]>(url, 'ports', {
      ports: wanted.slice(at, at + 200),
    });
    made.push(...ports.map(({ id, device_id }) => ({ portId: id, serverId: device_id })));
  }
  for (const { serverId } of made) nova.servers.set(serverId, HOSTS[0]);
  return made;
}
const server = async (facts: object = {}): Promise<Server> => (await servers(1, facts))[0]!;

/** The node says so of the ports as they are now. */
async function report(status: 'ACTIVE' | 'DOWN' | 'ERROR', all: readonly Server[], node = nodes[0]!): Promise<void> {
  const position = await cloud.head();
  for (let at = 0; at < all.length; at += 200)
    await node.report(
      'ovs',
      all.slice(at, at + 200).map(({ portId }) => ({ kind: 'port', id: portId, status, position })),
    );
}

const waiting = async (): Promise<number> =>
  Number((await cloud.database.query<{ n: string }>('SELECT count(*) AS n FROM plumbline.server_events')).rows[0]?.n);
/** Nova has answered to all that it must hear. */
const quiet = (): Promise<true> => eventually(async () => ((await waiting()) === 0 ? true : undefined));
const health = async (url = cloud.url): Promise<NovaHealth> =>
  ((await (await fetch(`${url}/healthz`)).json()) as { checks: { nova: NovaHealth } }).checks.nova;
/** Up to where a process has read the log, and how often it has loaded it anew. */
const logOf = async (url: string): Promise<Readonly<{ position: number; reloads: number }>> =>
  ((await (await fetch(`${url}/healthz`)).json()) as { checks: { log: { position: number; reloads: number } } }).checks
    .log;
const troubled = (words: string): Promise<NovaHealth> =>
  eventually(async () => {
    const now = await health();
    return now.degraded && now.detail.includes(words) ? now : undefined;
  });

async function plumbStatus(url: string): Promise<{ code: number | null; stdout: string }> {
  const env = { OS_TOKEN: '', OS_AUTH_URL: '', PLUMB_API: url, PLUMB_STATE: '/nonexistent' };
  return run([process.execPath, CLI, 'status'], { env, okCodes: [0, 1], timeoutMs: 60_000 });
}

beforeAll(start);
afterAll(stop);

describe('Nova hears', () => {
  let world: Awaited<ReturnType<typeof scenario>>;
  beforeAll(async () => {
    world = await scenario(cloud);
    networkId = world.tenant.id;
  });
  afterEach(async () => {
    expect(nova.wrong).toEqual([]);
    nova.instead = null;
    nova.slowMs = 0;
  });

  it('that a port is plugged, unplugged, plugged elsewhere and gone; of one that moved, in this order', async () => {
    const one = await server();
    await quiet();
    expect(nova.of(one.portId)).toEqual([]);
    await report('ACTIVE', [one]);
    await quiet();
    await report('ACTIVE', [one]);
    await report('DOWN', [one]);
    await quiet();
    await report('ACTIVE', [one]);
    await quiet();
    await change(one.portId, { 'binding:host_id': HOSTS[1] });
    await quiet();
    await report('ACTIVE', [one], nodes[1]);
    await quiet();
    expect(await cloud.call('DELETE', `/v2.0/ports/${one.portId}`)).toMatchObject({ status: 204 });
    await quiet();
    expect(nova.of(one.portId)).toEqual([PLUGGED, UNPLUGGED, PLUGGED, UNPLUGGED, PLUGGED, DELETED]);
    expect(nova.heard.find(({ tag }) => tag === one.portId)).toMatchObject({
      ...{ server_uuid: one.serverId, name: PLUGGED, status: 'completed', tag: one.portId },
    });
  });

  it('that a port could not be plugged, once, and that it was plugged after all', async () => {
    const one = await server();
    await report('ERROR', [one]);
    await report('ERROR', [one]);
    await quiet();
    await report('ACTIVE', [one]);
    await quiet();
    // As in the reference: of a port that is plugged, an error is of no interest to Nova.
    await report('ERROR', [one]);
    await report('ACTIVE', [one]);
    await quiet();
    expect(nova.heard.filter(({ tag }) => tag === one.portId)).toMatchObject([
      { name: PLUGGED, status: 'failed' },
      { name: PLUGGED, status: 'completed' },
    ]);
  });

  it('that a port is plugged where its instance moves to, before it does', async () => {
    const one = await server();
    await report('ACTIVE', [one]);
    await quiet();
    const bindings = `/v2.0/ports/${one.portId}/bindings`;
    expect(await cloud.call('POST', bindings, { binding: { host: HOSTS[1] } })).toMatchObject({ status: 201 });
    const notActive = { kind: 'port', id: one.portId, status: 'DOWN', reason: NOT_ACTIVE_HERE } as const;
    const nothing = { ...notActive, reason: 'nothing is plugged' };
    for (const said of [nothing, notActive, nothing, notActive, notActive])
      await nodes[1]!.report('ovs', [{ ...said, position: await cloud.head() }]).then(quiet);
    expect(nova.of(one.portId)).toEqual([PLUGGED, PLUGGED, PLUGGED]);
    expect(await cloud.call('PUT', `${bindings}/${HOSTS[1]}/activate`)).toMatchObject({ status: 200 });
    await quiet();
    // The host that it has left has an inactive binding now, and nobody moves back.
    await nodes[0]!.report('ovs', [{ ...notActive, position: await cloud.head() }]).then(quiet);
    await report('ACTIVE', [one], nodes[1]);
    await quiet();
    expect(nova.of(one.portId).slice(3)).toEqual([UNPLUGGED, PLUGGED]);
  });

  it('of addresses: floating IPs that come, move and go, and other fixed addresses', async () => {
    const [one, other] = (await servers(2)) as [Server, Server];
    const floating = await make(cloud.url, 'floatingips', {
      floatingip: { floating_network_id: world.external.id, port_id: one.portId },
    });
    await quiet();
    const lead = async (portId: string | null): Promise<void> => {
      const body = { floatingip: { port_id: portId } };
      expect(await cloud.call('PUT', `/v2.0/floatingips/${floating.id}`, body)).toMatchObject({ status: 200 });
      await quiet();
    };
    await lead(other.portId);
    await lead(null);
    await lead(one.portId);
    await cloud.call('DELETE', `/v2.0/floatingips/${floating.id}`);
    await quiet();
    expect([nova.of(one.portId), nova.of(other.portId)]).toEqual([
      [CHANGED, CHANGED, CHANGED, CHANGED],
      [CHANGED, CHANGED],
    ]);
    await change(other.portId, { fixed_ips: [{ subnet_id: world.inside.id, ip_address: '192.168.7.200' }] });
    await change(other.portId, { name: 'renamed' });
    await quiet();
    expect(nova.of(other.portId)).toEqual([CHANGED, CHANGED, CHANGED]);
  });

  it('nothing of ports that are no server’s, and of one that is given back', async () => {
    const before = nova.heard.length;
    const strangers = [
      await server({ device_owner: 'network:dhcp' }),
      await server({ device_owner: '', device_id: '' }),
      await server({ device_id: 'no-uuid' }),
    ];
    await report('ACTIVE', strangers);
    await report('DOWN', strangers);
    const kept = await server();
    await change(kept.portId, { device_id: '', device_owner: '', 'binding:host_id': '' });
    for (const { portId } of [...strangers, kept]) await cloud.call('DELETE', `/v2.0/ports/${portId}`);
    expect(await waiting()).toBe(0);
    expect(nova.heard.slice(before)).toEqual([]);
  });

  it('of a port that flaps while Nova is away, the last state only', async () => {
    const [up, down, gone] = (await servers(3)) as [Server, Server, Server];
    await nova.away();
    for (let round = 0; round < 3; round += 1)
      for (const status of ['ACTIVE', 'DOWN'] as const) await report(status, [up, down, gone]);
    await report('ACTIVE', [up, gone]);
    await cloud.call('DELETE', `/v2.0/ports/${gone.portId}`);
    await troubled('does not answer');
    await nova.back();
    await quiet();
    expect([up, down, gone].map(({ portId }) => nova.of(portId))).toEqual([[PLUGGED], [UNPLUGGED], [DELETED]]);
    expect(await health()).toMatchObject({ degraded: false, waiting: 0, detail: 'has heard all' });
  });

  it('nothing twice when it is slow, and what came meanwhile behind it', async () => {
    const one = await server();
    nova.slowMs = 1_500;
    const asked = nova.asked.length;
    await report('ACTIVE', [one]);
    await eventually(async () => (nova.asked.length > asked ? true : undefined));
    await report('DOWN', [one]);
    expect(nova.of(one.portId)).toEqual([]);
    await quiet();
    expect(nova.of(one.portId)).toEqual([PLUGGED, UNPLUGGED]);
  });

  it('what it can hear, while it does not know some servers (404) and others are on no host (422)', async () => {
    const all = await servers(30);
    for (const { serverId } of all.slice(0, 10)) nova.servers.delete(serverId);
    for (const { serverId } of all.slice(10, 20)) nova.servers.set(serverId, null);
    await report('ACTIVE', all);
    await quiet();
    for (const [n, { portId }] of all.entries()) {
      const codes = nova.heard.filter(({ tag }) => tag === portId).map(({ code }) => code);
      expect(codes).toEqual([n < 10 ? 404 : n < 20 ? 422 : 200]);
    }
    // Nova took none: 404 as a whole.
    await report('DOWN', all.slice(0, 20));
    await quiet();
    expect(await health()).toMatchObject({ degraded: false });
    const metrics = await (await fetch(`${cloud.url}/metrics`)).text();
    expect(Number(/^plumbline_nova_events_gone_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThanOrEqual(40);
  });

  it('with a new token when the old one has ended, and not by wrong credentials until they are mended', async () => {
    const one = await server();
    const { logins } = nova;
    nova.forgetTokens();
    await report('ACTIVE', [one]);
    await quiet();
    expect(nova.logins).toBe(logins + 1);
    nova.forgetTokens();
    writeFileSync(file, nova.credentials('wrong'));
    await report('DOWN', [one]);
    const { waiting: left } = await troubled('does not let neutron into service');
    expect(left).toBe(1);
    writeFileSync(file, nova.credentials());
    await quiet();
    nova.instead = { status: 403, body: { forbidden: { message: 'Policy does not allow', code: 403 } } };
    await report('ACTIVE', [one]);
    await troubled('needs the role admin');
    nova.instead = { status: 500, body: { computeFault: { message: 'it hurts', code: 500 } } };
    await troubled('Nova answered 500: it hurts');
    nova.instead = { status: 404, body: { error: 'no such path' } };
    await troubled('See PLUMB_NOVA_URL');
    nova.instead = { status: 200, body: { events: [] } };
    await troubled('without a code');
    nova.instead = null;
    await quiet();
    expect(nova.of(one.portId)).toEqual([PLUGGED, UNPLUGGED, PLUGGED]);
  });

  it('all but the one event that it refuses (400)', async () => {
    const all = await servers(5);
    const { slowMs } = nova;
    // As of an id that is no server's in Nova's eyes, though it is a UUID in ours.
    await nova.away();
    await report('ACTIVE', all);
    await cloud.database.query(`UPDATE plumbline.server_events SET server_id = 'not-a-uuid' WHERE port_id = $1`, [
      all[2]?.portId,
    ]);
    await nova.back();
    await quiet();
    expect(all.map(({ portId }) => nova.of(portId))).toEqual([[PLUGGED], [PLUGGED], [], [PLUGGED], [PLUGGED]]);
    expect(nova.wrong.length).toBeGreaterThan(0);
    nova.wrong.length = 0;
    nova.slowMs = slowMs;
  });

  it('nothing again after a rebuild and a restart of the node’s agent', async () => {
    const one = await server();
    await report('ACTIVE', [one]);
    await quiet();
    const heard = nova.heard.length;
    await rebuildReadModels(cloud.migrationUrl, derivation);
    const startedAt = new Date().toISOString();
    nodes[0]!.said = { startedAt, full: true };
    await report('ACTIVE', [one]);
    // Its other agent is of the same start.
    await nodes[0]!.report('l3', []).then(() => nodes[0]!.heard('l3'));
    nodes[0]!.said = { startedAt };
    await quiet();
    expect(nova.heard.slice(heard).filter(({ tag }) => tag === one.portId)).toEqual([]);
  });

  it('of what changes without a report: a node that an operator forgets', async () => {
    const one = await server();
    await report('ACTIVE', [one]);
    await quiet();
    await cloud.database.query(`DELETE FROM plumbline.object_status WHERE object_id = $1`, [one.portId]);
    await eventually(async () => (nova.of(one.portId).length === 2 ? true : undefined));
    expect(nova.of(one.portId)).toEqual([PLUGGED, UNPLUGGED]);
  });
});

describe('processes of the API that die while Nova is told', () => {
  /** Alive, the one that was started last at the end. */
  let processes: { url: string; pid: number }[];
  const another = async (environment: Readonly<Record<string, string>> = {}): Promise<string> => {
    const url = await cloud.beside(environment);
    processes.push({ url, pid: cloud.pidBeside });
    return url;
  };
  /** The one that was started first. Answers with the number of the last request that Nova had then. */
  const killOne = (): number => {
    process.kill(processes.shift()!.pid, 'SIGKILL');
    return nova.asked.length - 1;
  };
  const rowsOf = async (portId: string): Promise<number> =>
    (await cloud.database.query('SELECT FROM plumbline.server_events WHERE port_id = $1', [portId])).rowCount ?? 0;

  beforeAll(async () => {
    networkId = (await make(cloud.url, 'networks', { network: { name: 'many' } })).id;
    await make(cloud.url, 'subnets', { subnet: { network_id: networkId, ip_version: 4, cidr: '10.64.0.0/16' } });
    processes = [{ url: cloud.url, pid: cloud.pid }];
    await another();
  });

  it('of 1,000 ports each one’s last state is told, and twice only what was on its way when a process died', async () => {
    const all = await servers(1_000);
    const [flapping, gone] = [all.slice(0, 40), all.slice(40, 60)];
    const [unknown, hostless] = [all.slice(100, 150), all.slice(150, 170)];
    for (const { serverId } of unknown) nova.servers.delete(serverId);
    for (const { serverId } of hostless) nova.servers.set(serverId, null);
    await nova.away();
    const awayUntil = performance.now() + (effort > 1 ? 60_000 : 2_000);
    await report('ACTIVE', all);
    await report('DOWN', flapping);
    await report('ACTIVE', flapping.slice(0, 20));
    for (const { portId } of gone) expect((await cloud.call('DELETE', `/v2.0/ports/${portId}`)).status).toBe(204);
    const { waiting: waited } = await troubled('does not answer');
    expect(waited).toBeGreaterThanOrEqual(1_000);
    const while_ = await plumbStatus(processes[1]!.url);
    expect([while_.code, /not well:[^]*nova: \d+ events wait for Nova/.test(while_.stdout)]).toEqual([1, true]);
    await delay(Math.max(0, awayUntil - performance.now()));
    nova.slowMs = 300;
    await nova.back();
    const answered = (count: number) => eventually(async () => (nova.heard.length >= count ? true : undefined));
    await answered(200);
    const onTheirWay = [killOne()];
    await another();
    await answered(500);
    onTheirWay.push(killOne());
    await quiet();
    nova.slowMs = 0;

    const last = new Map<string, string>(all.map(({ portId }) => [portId, PLUGGED]));
    for (const { portId } of flapping.slice(20)) last.set(portId, UNPLUGGED);
    for (const { portId } of gone) last.set(portId, DELETED);
    const twice = new Set(onTheirWay.flatMap((request) => nova.asked[request] ?? []));
    const refused = new Map([
      ...unknown.map(({ portId }) => [portId, 404] as const),
      ...hostless.map(({ portId }) => [portId, 422] as const),
    ]);
    const wrong = all.flatMap(({ portId }) => {
      const heard = nova.heard.filter(({ tag }) => tag === portId);
      const [name, code] = [last.get(portId), refused.get(portId) ?? 200];
      const right = heard.every((each) => each.name === name && each.code === code);
      const times = twice.has(`${name} ${portId}`) ? [1, 2] : [1];
      return right && times.includes(heard.length) ? [] : [{ portId, name, code, heard }];
    });
    expect(wrong).toEqual([]);
    const after = await plumbStatus(processes[0]!.url);
    expect(after.stdout).toMatch(/^Nova +has heard all$/m);
    expect(after.stdout).toContain('all is well');
  });

  it('once more what one had told and not deleted yet', async () => {
    const url = processes[0]!.url;
    const [one] = (await servers(1, {}, url)) as [Server];
    await nova.away();
    await report('ACTIVE', [one]);
    const lock = new pg.Client({ connectionString: cloud.migrationUrl });
    const service = new pg.Client({ connectionString: cloud.serviceUrl });
    await Promise.all([lock.connect(), service.connect()]);
    try {
      await lock.query('BEGIN; LOCK TABLE plumbline.server_events IN SHARE MODE');
      await nova.back();
      await eventually(async () => (nova.of(one.portId).length > 0 ? true : undefined));
      killOne();
      // A session that waits for a lock does not notice at once that its client is gone.
      await service.query('SELECT pg_terminate_backend(pid, 10000) FROM plumbline.server_event_sender');
    } finally {
      await Promise.all([service.end(), lock.end()]);
    }
    await another();
    await quiet();
    expect(nova.of(one.portId)).toEqual([PLUGGED, PLUGGED]);
  });

  it('and one that stands still is followed by another', async () => {
    const { url, pid } = processes[0]!;
    const [one] = (await servers(1, {}, url)) as [Server];
    await another();
    await report('DOWN', [one]);
    process.kill(pid, 'SIGSTOP');
    try {
      await cloud.database.query('UPDATE plumbline.server_event_sender SET until = now()');
      await report('ACTIVE', [one]);
      await quiet();
      expect(nova.of(one.portId)).toEqual([PLUGGED]);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });

  it('and what waits is bounded by number and age', async () => {
    await nova.away();
    const { url } = processes[0]!;
    await cloud.database.query(`
      INSERT INTO plumbline.server_events (port_id, server_id, name, made_at)
      SELECT 'old ' || n, 's', '${PLUGGED}', now() - interval '3601 seconds' FROM generate_series(1, 10) n;
      INSERT INTO plumbline.server_events (port_id, server_id, name) SELECT 'port ' || n, 's', '${PLUGGED}' FROM generate_series(1, 20050) n`);
    await eventually(async () => ((await waiting()) === 20_000 ? true : undefined));
    expect([await rowsOf('old 1'), await rowsOf('port 50'), await rowsOf('port 51')]).toEqual([0, 0, 1]);
    const dropped = await Promise.all(
      processes.map(async (each) => {
        const metrics = await (await fetch(`${each.url}/metrics`)).text();
        return Number(/^plumbline_nova_events_dropped_total (\d+)$/m.exec(metrics)?.[1]);
      }),
    );
    expect(Math.max(...dropped)).toBe(60);
    expect(await health(url)).toMatchObject({ degraded: true, waiting: 20_000 });
    await cloud.database.query('DELETE FROM plumbline.server_events');
    await nova.back();
  });

  it('and without the setting nothing is kept for anybody', async () => {
    await nova.away();
    const [one] = (await servers(1, {}, await another({ PLUMB_NOVA_URL: '', PLUMB_NOVA_CREDENTIALS_FILE: '' }))) as [
      Server,
    ];
    const { url, pid } = processes.pop()!;
    const deleted = await fetch(`${url}/v2.0/ports/${one.portId}`, { method: 'DELETE' });
    expect(deleted.status).toBe(204);
    expect(await waiting()).toBe(0);
    expect((await (await fetch(`${url}/healthz`)).text()).includes('nova')).toBe(false);
    process.kill(pid, 'SIGTERM');
    await nova.back();
  });

  it('and after a backup was restored, what it does not know was told is told again, and nothing of what it does not have', async () => {
    const url = processes[0]!.url;
    const tables = ['events', 'log_head', 'streams', 'claims', 'tallies', 'objects', 'feed', 'feed_head'];
    tables.push('object_status', 'server_events', 'server_ports');
    const [told, waits, lost] = (await servers(3, {}, url)) as [Server, Server, Server];
    await report('ACTIVE', [told]);
    await quiet();
    await nova.away();
    await report('ACTIVE', [waits]);
    await cloud.database.query(
      `CREATE SCHEMA kept; ${tables.map((name) => `CREATE TABLE kept.${name} AS SELECT * FROM plumbline.${name}`).join(';')}`,
    );
    await nova.back();
    await report('DOWN', [told]);
    await report('ACTIVE', [lost]);
    await quiet();
    const [later] = (await servers(1, {}, url)) as [Server];
    // Only what a process has read can be lost to it: one that had not read of the last port yet would have nothing to load anew.
    const position = await cloud.head();
    for (const each of processes)
      await eventually(async () => ((await logOf(each.url)).position >= position ? true : undefined));
    const before = await Promise.all(processes.map(({ url: at }) => logOf(at)));
    await cloud.database.query(
      `BEGIN; ${tables.map((name) => `DELETE FROM plumbline.${name}; INSERT INTO plumbline.${name} OVERRIDING SYSTEM VALUE SELECT * FROM kept.${name}`).join(';')};
       DROP SCHEMA kept CASCADE; COMMIT`,
    );
    for (const [n, each] of processes.entries())
      await eventually(async () => ((await logOf(each.url)).reloads > before[n]!.reloads ? true : undefined));
    await report('DOWN', [told]);
    await report('ACTIVE', [waits, later]);
    await quiet();
    expect([told, waits, lost, later].map(({ portId }) => nova.of(portId))).toEqual([
      [PLUGGED, UNPLUGGED, UNPLUGGED],
      [PLUGGED, PLUGGED],
      [PLUGGED],
      [],
    ]);
    expect(await health(url)).toMatchObject({ degraded: false, waiting: 0 });
  });
});
