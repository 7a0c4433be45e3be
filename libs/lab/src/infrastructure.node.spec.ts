import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '@plumbline/exec';
import pg from 'pg';
import { clean } from './clean.js';
import { down } from './down.js';
import { findHostLink, removeHostLink } from './host-link-device.js';
import { buildInfrastructure, type Infrastructure } from './infrastructure.js';
import { seedFile } from './nats.js';
import { placeFolder, type Place } from './place.js';
import { processesWith } from './process-identity.js';
import { silent } from './progress.js';
import { labSpec, type NodeSpec } from './spec.js';
import { newLabState, StateKeeper } from './state.js';
import { hostPicture } from './testing/host-picture.js';
import { tryOnNats } from '@plumbline/nats-logins/testing';
import { readRunning } from './unit.js';

const projectDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const closed = mkdtempSync(path.join(tmpdir(), 'plumb-lab-'));
const spec = labSpec({ projectDir, name: `t${process.pid}`, stateDir: path.join(closed, 'state') });
const labId = randomUUID();

let before: Readonly<Record<string, string>>;
let keeper: StateKeeper;
let lab: Infrastructure;

const on = (place: Place, ...argv: string[]) => run([...place.enter, ...argv]);
const node = (host: string): Place => {
  const place = lab.nodes.get(host);
  if (place === undefined) throw new Error(`no node ${host}`);
  return place;
};
const eventually = async (check: () => Promise<unknown> | unknown, timeoutMs = 15_000) => {
  for (const until = Date.now() + timeoutMs; ; await delay(20)) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > until) throw error;
    }
  }
};

beforeAll(async () => {
  before = await hostPicture('without', spec.hostLink);
  keeper = new StateKeeper(spec.stateDir, newLabState(labId));
  // As one that was interrupted left them: a switch's database that was just begun, and one under its first name.
  const [begun, empty] = spec.nodes.map(({ host }) => path.join(placeFolder(spec, host), 'openvswitch'));
  for (const folder of [begun, empty]) mkdirSync(folder ?? '', { recursive: true });
  writeFileSync(path.join(begun ?? '', 'conf.db.begun'), 'half');
  writeFileSync(path.join(empty ?? '', 'conf.db'), '');
  lab = await buildInfrastructure(spec, keeper, silent, { programs: false });
});

afterAll(async () => {
  await clean(spec, keeper.state);
  rmSync(closed, { recursive: true, force: true });
});

describe('the lab without its programs', () => {
  test('the host has one link more and is otherwise as it was', async () => {
    expect((await run(['ip', 'link', 'show', spec.hostLink])).stdout).toContain('UP');
    expect(await hostPicture('without', spec.hostLink)).toEqual(before);
  });

  test('nodes reach each other on the management and the tunnel network', async () => {
    for (const target of ['172.31.250.1', '172.31.250.21', '172.31.251.21', '172.31.251.22']) {
      await on(node('net1'), 'ping', '-c', '1', '-W', '2', target);
    }
  });

  test('no node reaches the host or the other networks', async () => {
    const host = keeper.state.hostLink?.host ?? '';
    for (const target of [host, '10.255.253.1']) {
      await expect(on(node('cmp1'), 'ping', '-c', '1', '-W', '1', target)).rejects.toThrow();
    }
  });

  test('a node sees its own switch, links and namespaces and not the host’s', async () => {
    expect((await on(node('cmp1'), 'ovs-vsctl', 'list-br')).stdout.split('\n')).toEqual(['br-ex', 'br-phy', '']);
    expect((await on(node('cmp1'), 'ls', '/sys/class/net')).stdout).not.toContain(spec.hostLink);
    await on(node('cmp1'), 'ip', 'netns', 'add', 'only-here');
    expect((await on(node('cmp2'), 'ip', 'netns')).stdout).toBe('');
    expect((await run(['ip', 'netns'])).stdout).not.toContain('only-here');
    await on(node('cmp1'), 'ip', 'netns', 'delete', 'only-here');
  });

  test('VXLAN between two switches carries TCP, also after a switch was killed', async () => {
    const ends = [
      { place: node('net1'), address: '192.0.2.1', remote: '172.31.251.21' },
      { place: node('cmp1'), address: '192.0.2.2', remote: '172.31.251.11' },
    ] as const;
    for (const { place, address, remote } of ends) {
      await on(place, 'ip', 'netns', 'add', 'guest');
      await on(place, 'ip', 'link', 'add', 'tap-guest', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', 'guest');
      await on(place, 'ip', 'link', 'set', 'tap-guest', 'up');
      await on(place, 'ip', '-n', 'guest', 'address', 'add', `${address}/24`, 'dev', 'eth0');
      await on(place, 'ip', '-n', 'guest', 'link', 'set', 'eth0', 'mtu', '1450', 'up');
      await on(place, 'ip', 'netns', 'exec', 'guest', 'ethtool', '-K', 'eth0', 'tx', 'off');
      const bridge = ['add-br', 'br-try', '--', 'set', 'Bridge', 'br-try', 'datapath_type=netdev'];
      const tunnel = [
        'add-port',
        'br-try',
        'vx',
        '--',
        'set',
        'Interface',
        'vx',
        'type=vxlan',
        `options:remote_ip=${remote}`,
      ];
      await on(place, 'ovs-vsctl', ...bridge, '--', 'add-port', 'br-try', 'tap-guest', '--', ...tunnel);
    }
    const [near, far] = ends;
    const ping = () => on(near.place, 'ip', 'netns', 'exec', 'guest', 'ping', '-c', '1', '-W', '1', far.address);
    await eventually(ping);
    const guest = (place: Place, ...argv: string[]) =>
      on(
        place,
        'ip',
        'netns',
        'exec',
        'guest',
        place.paths.node,
        `${place.paths.project}/libs/lab/dist/guest-main.js`,
        ...argv,
      );
    const served = guest(far.place, 'once', 'far', '8080');
    const answer = await eventually(() => guest(near.place, 'fetch', `http://${far.address}:8080/bytes/300000`));
    expect(JSON.parse((answer as { stdout: string }).stdout)).toMatchObject({ bytes: 300_000 });
    await served;

    const old = readRunning(spec.stateDir, 'ovs-vswitchd-net1');
    expect(old).not.toBeNull();
    process.kill(old!.pid, 'SIGKILL');
    await eventually(() => {
      const now = readRunning(spec.stateDir, 'ovs-vswitchd-net1');
      expect(now?.phase).toBe('running');
      expect(now?.pid).not.toBe(old?.pid);
    });
    await eventually(ping);
    for (const { place } of ends) {
      await on(place, 'ovs-vsctl', 'del-br', 'br-try');
      await on(place, 'ip', 'netns', 'delete', 'guest');
    }
  });

  test('only the bridge answers ARP requests for a tunnel address', async () => {
    const answered = async (from: NodeSpec, to: NodeSpec) => {
      // Each ARP request is a broadcast; with more answers than requests arping(8) ends with 1.
      const ask = ['arping', '-b', '-c', '3', '-w', '10', '-I', 'br-phy', to.tunnelIp];
      const { stdout } = await run([...node(from.host).enter, ...ask], { okCodes: [0, 1] });
      const [, mac] = /link\/ether (\S+)/.exec((await on(node(to.host), 'ip', 'link', 'show', 'br-phy')).stdout) ?? [];
      const heard = [...stdout.matchAll(/reply from \S+ \[(\S+)\]/g)].map(([, found]) => found?.toLowerCase());
      expect([...new Set(heard)]).toEqual([mac]);
    };
    const pairs = spec.nodes.flatMap((from) => spec.nodes.filter((to) => to !== from).map((to) => [from, to] as const));
    await Promise.all(pairs.map(([from, to]) => answered(from, to)));
  });

  test('a node’s NATS login opens its own subjects and no others', async () => {
    const as = (host: string, publish: string, subscribe: string) =>
      tryOnNats({ url: lab.nats.hostUrl, seed: readFileSync(seedFile(spec, host), 'utf8').trim(), publish, subscribe });
    const own = await as('cmp1', 'plumb.v1.report.cmp1.ovs', 'plumb.v1.feed.cmp1');
    expect(own).toEqual({ publish: 'allowed', subscribe: 'allowed' });
    const refused = [
      ['plumb.v1.report.cmp2.ovs', 'plumb.v1.feed.cmp2'],
      ['plumb.v1.feed.cmp1', 'plumb.v1.report.cmp1.ovs'],
      ['plumb.v1.beacon.cmp1', 'plumb.v1.replay.*.*'],
      ['_INBOX.forged', '_INBOX.>'],
      ['plumb.v1.replay.net1.l3', 'plumb.v1.feed.*'],
      ['plumb.v1.instance-ask.net1', 'plumb.v1.instances.net1'],
      ['plumb.v1.instance-ask.cmp1', 'plumb.v1.instances.cmp1'],
      ['$SYS.REQ.SERVER.PING', '>'],
    ] as const;
    for (const [publish, subscribe] of refused) {
      expect([publish, await as('cmp1', publish, subscribe)]).toEqual([
        publish,
        { publish: 'refused', subscribe: 'refused' },
      ]);
    }
    const serving = await as('net1', 'plumb.v1.instance-ask.net1', 'plumb.v1.instances.net1');
    expect(serving).toEqual({ publish: 'allowed', subscribe: 'allowed' });
    for (const other of ['cmp1', 'net2', '*'])
      expect(await as('net1', `plumb.v1.instance-ask.${other}`, `plumb.v1.instances.${other}`)).toEqual({
        publish: 'refused',
        subscribe: 'refused',
      });
    const api = await as('control', 'plumb.v1.feed.cmp1', 'plumb.v1.replay.*.*');
    expect(api).toEqual({ publish: 'allowed', subscribe: 'allowed' });
    expect(await as('control', 'plumb.v1.report.cmp1.ovs', '>')).toEqual({ publish: 'refused', subscribe: 'refused' });
  });

  test('NATS refuses a login that it does not know', async () => {
    const { newNkeyPair } = await import('@plumbline/nats-logins');
    const stranger = { url: lab.nats.hostUrl, publish: 'a', subscribe: 'b' };
    await expect(tryOnNats({ ...stranger, seed: newNkeyPair().seed })).rejects.toThrow(/authorization/i);
  });

  test('PostgreSQL runs as postgres, the service cannot rewrite the log, and a kill is survived', async () => {
    const pid = readRunning(spec.stateDir, 'postgres')?.pid ?? 0;
    expect((await run(['ps', '-o', 'user=', '-p', String(pid)])).stdout.trim()).toBe('postgres');
    const ask = async (sql: string) => {
      const client = new pg.Client({ connectionString: lab.database.serviceUrl });
      client.on('error', () => {});
      await client.connect();
      return client.query(sql).finally(() => client.end());
    };
    expect((await ask('SELECT count(*)::int AS n FROM plumbline.events')).rows).toEqual([{ n: 0 }]);
    await expect(ask('DELETE FROM plumbline.events')).rejects.toThrow(/permission denied/);
    process.kill(pid, 'SIGKILL');
    await eventually(async () => {
      expect(readRunning(spec.stateDir, 'postgres')?.pid).not.toBe(pid);
      await ask('SELECT 1');
    });
  });

  test('only their owners can read secrets', async () => {
    const modes = await run(['stat', '-c', '%a %U', seedFile(spec, 'cmp1'), seedFile(spec, 'control'), spec.stateDir]);
    expect(modes.stdout.split('\n')).toEqual(['400 root', '400 nobody', '700 root', '']);
    expect(readFileSync(path.join(placeFolder(spec, 'mgmt'), 'nats.conf'), 'utf8')).not.toMatch(/\bSU[A-Z0-9]{20,}/);
  });

  test('a link with the lab’s name and another lab’s mark is left alone', async () => {
    await removeHostLink(spec.hostLink, randomUUID());
    expect((await findHostLink(spec.hostLink))?.owner).toEqual({ labId, stateDir: spec.stateDir });
    const twin = { ...spec, stateDir: path.join(closed, 'twin') };
    const twinKeeper = new StateKeeper(twin.stateDir, newLabState(randomUUID()));
    await expect(buildInfrastructure(twin, twinKeeper, silent, { programs: false })).rejects.toThrow(
      `has a link ${spec.hostLink} already (the lab of ${spec.stateDir})`,
    );
    await clean(twin, twinKeeper.state);
    expect(await findHostLink(spec.hostLink)).not.toBeNull();
  });

  test('clean leaves nothing, whatever runs in the lab', async () => {
    // A process of somebody else in a node's namespace, and a process of the lab that ignores SIGTERM.
    const script = path.join(closed, 'stubborn.mjs');
    const ready = `${script}.ready`;
    writeFileSync(
      script,
      `import { writeFileSync } from 'node:fs';
      process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); writeFileSync(${JSON.stringify(ready)}, '');`,
    );
    const place = node('cmp2');
    const stranger = on(place, 'sleep', '600').catch(() => 'ended');
    const stubborn = run([...place.enter, process.execPath, script], { env: { PLUMB_LAB_ID: labId } }).catch(
      () => 'ended',
    );
    await eventually(() => expect(existsSync(ready)).toBe(true));

    await clean(spec, keeper.state);
    expect(await Promise.all([stranger, stubborn])).toEqual(['ended', 'ended']);
    expect(processesWith('PLUMB_LAB_ID', labId)).toEqual([]);
    expect(existsSync(spec.stateDir)).toBe(false);
    expect(await hostPicture('with', spec.hostLink)).toEqual(before);
    await clean(spec, keeper.state);
  });

  test('a lab whose state folder was deleted is found by its link and removed', async () => {
    keeper = new StateKeeper(spec.stateDir, newLabState(randomUUID()));
    const orphanId = keeper.state.labId;
    await buildInfrastructure(spec, keeper, silent, { programs: false });
    expect(await down({ ...spec, stateDir: path.join(closed, 'other') })).toBe(false);
    rmSync(spec.stateDir, { recursive: true });
    expect(await down(spec)).toBe(true);
    expect(processesWith('PLUMB_LAB_ID', orphanId)).toEqual([]);
    expect(existsSync(spec.stateDir)).toBe(false);
    expect(await hostPicture('with', spec.hostLink)).toEqual(before);
  });
});
