import { existsSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  OvsdbClient,
  OvsdbMirror,
  OvsdbNotApplied,
  OvsdbOutcomeUnknown,
  OvsdbRequestRefused,
  OvsdbTransactionFailed,
  OvsdbUnreachable,
  addBridge,
  addPort,
  removeBridge,
  removePort,
  setColumns,
  setKeys,
  setRootKeys,
  unsetKeys,
  vswitchDatabase,
  type MirrorChange,
} from './index.js';
import { startOvs, type OwnOvs } from './testing/index.js';

const netdev = { datapath_type: 'netdev' } as const;
const tunnel = { local_ip: '127.0.0.1', remote_ip: '127.0.0.2', in_key: 'flow', out_key: 'flow' };

describe('Open vSwitch over its socket', () => {
  let ovs: OwnOvs;
  let client: OvsdbClient;
  let mirror: OvsdbMirror;
  beforeAll(async () => {
    ovs = await startOvs();
    client = await OvsdbClient.connect(ovs.remote);
    mirror = await OvsdbMirror.open(client);
  });
  afterAll(async () => {
    client.close();
    await ovs.stop();
    expect(existsSync(ovs.dir)).toBe(false);
    expect(existsSync(`/run/netns/${ovs.netns}`)).toBe(false);
  });
  const vsctl = async (...argv: string[]): Promise<string> =>
    (await ovs.tool(['ovs-vsctl', `--db=${ovs.remote}`, '-t', '10', ...argv])).stdout.trim();

  it('makes bridges, patch pair, tunnel, veth and internal port in one transaction', async () => {
    await ovs.tool(['ip', '-batch', '-'], 'link add tap-a type veth peer name in-a\n');
    await mirror.commit([
      ...addBridge({
        name: 'br-int',
        bridge: { ...netdev, fail_mode: 'secure', protocols: ['OpenFlow13', 'OpenFlow10'] },
      }),
      ...addBridge({ name: 'br-ex', bridge: netdev }),
      ...addPort({ bridge: 'br-int', name: 'int-br-ex', interface: { type: 'patch', options: { peer: 'phy-br-ex' } } }),
      ...addPort({ bridge: 'br-ex', name: 'phy-br-ex', interface: { type: 'patch', options: { peer: 'int-br-ex' } } }),
      ...addPort({ bridge: 'br-int', name: 'vxlan-1', interface: { type: 'vxlan', options: tunnel } }),
      ...addPort({ bridge: 'br-int', name: 'internal', interface: { type: 'internal', mac: '02:00:00:00:00:07' } }),
      ...addPort({
        bridge: 'br-int',
        name: 'tap-a',
        port: { tag: 3, external_ids: { plumb: '12' } },
        interface: { external_ids: { 'iface-id': 'port "a"' } },
      }),
    ]);
    // ofport is here as soon as commit resolves
    expect(mirror.interface('tap-a')).toMatchObject({
      type: '',
      external_ids: { 'iface-id': 'port "a"' },
      error: null,
    });
    expect(mirror.interface('tap-a')?.ofport).toBeGreaterThan(0);
    expect(mirror.port('tap-a')).toMatchObject({ tag: 3, trunks: [], vlan_mode: null, external_ids: { plumb: '12' } });
    expect(mirror.bridge('br-int')).toMatchObject({ fail_mode: 'secure', protocols: ['OpenFlow10', 'OpenFlow13'] });
    const bridge = mirror.bridge('br-int');
    const names = bridge && mirror.portsOf(bridge).map((port) => port.name);
    expect(names?.sort()).toEqual(['br-int', 'int-br-ex', 'internal', 'tap-a', 'vxlan-1']);
    const port = mirror.port('tap-a');
    expect(port && mirror.bridgeOf(port)?.name).toBe('br-int');
    expect(port && mirror.interfacesOf(port).map((iface) => mirror.portOf(iface)?.name)).toEqual(['tap-a']);
    await mirror.until((m) => m.interface('internal')?.mac_in_use === '02:00:00:00:00:07');
    expect(await vsctl('get', 'Interface', 'vxlan-1', 'options:remote_ip')).toBe('"127.0.0.2"');
    expect((await vsctl('list-ports', 'br-ex')).split('\n')).toEqual(['phy-br-ex']);
    expect((await ovs.tool(['ovs-ofctl', '-O', 'OpenFlow13', 'show', 'br-int'])).stdout).toContain('(tap-a)');
  });

  it('tells of changes others make, with what was and what is', async () => {
    const seen: MirrorChange[] = [];
    const stop = mirror.onChange((changes) => seen.push(...changes));
    await vsctl('set', 'Port', 'tap-a', 'tag=9', '--', 'set', 'Interface', 'tap-a', 'external_ids:x=y');
    await mirror.until((m) => m.port('tap-a')?.tag === 9);
    stop();
    const port = seen.find((change) => change.table === 'Port');
    expect(port).toMatchObject({ columns: ['tag'], before: { tag: 3 }, after: { tag: 9, name: 'tap-a' } });
    expect(mirror.interface('tap-a')?.external_ids).toEqual({ 'iface-id': 'port "a"', x: 'y' });
    await ovs.tool(['ip', '-batch', '-'], 'link set tap-a up\nlink set in-a up\n');
    await mirror.until((m) => m.interface('tap-a')?.link_state === 'up' && m.interface('tap-a')?.admin_state === 'up');
  });

  it('sets and unsets columns and keys', async () => {
    await mirror.commit([
      ...setColumns('Port', 'tap-a', { tag: null, trunks: [5, 4], vlan_mode: 'trunk' }),
      ...setKeys('Interface', 'tap-a', 'external_ids', { x: 'z', more: '1' }),
      ...unsetKeys('Interface', 'tap-a', 'external_ids', ['iface-id', 'never-there']),
      ...setKeys('Bridge', 'br-int', 'other_config', { 'mac-table-size': '50000' }),
      ...setRootKeys('external_ids', { plumb: 'log-1' }),
    ]);
    expect(mirror.port('tap-a')).toMatchObject({ tag: null, trunks: [4, 5], vlan_mode: 'trunk' });
    expect(mirror.interface('tap-a')?.external_ids).toEqual({ more: '1', x: 'z' });
    expect(mirror.bridge('br-int')?.other_config).toEqual({ 'mac-table-size': '50000' });
    expect(mirror.root?.external_ids).toEqual({ plumb: 'log-1' });
  });

  it('refuses the whole when one part cannot be done', async () => {
    const added = addPort({ bridge: 'br-int', name: 'half', interface: { type: 'internal' } });
    const error = (reason: unknown): unknown => reason;
    const missing = await mirror.commit([...added, ...setColumns('Port', 'no-such', { tag: 1 })]).catch(error);
    expect(missing).toBeInstanceOf(OvsdbTransactionFailed);
    expect((missing as Error).message).toContain('Port no-such does not exist; nothing was changed');
    const nowhere = mirror.commit(addPort({ bridge: 'br-none', name: 'p' }));
    await expect(nowhere).rejects.toThrow('Bridge br-none does not exist');
    await expect(mirror.commit(addBridge({ name: 'br-ex' }))).rejects.toMatchObject({ error: 'constraint violation' });
    await expect(mirror.commit(setColumns('Port', 'tap-a', { tag: 5000 }))).rejects.toMatchObject({
      index: 1,
      error: 'constraint violation',
    });
    expect(mirror.port('half')).toBeUndefined();
    await expect(client.transact('no-such-database', [])).rejects.toBeInstanceOf(OvsdbRequestRefused);
    expect(client.connected).toBe(true);
  });

  it('shows a device that is not there in its row and not as a failure', async () => {
    await mirror.commit(addPort({ bridge: 'br-int', name: 'ghost' }));
    expect(mirror.interface('ghost')).toMatchObject({ ofport: -1 });
    expect(mirror.interface('ghost')?.error).toContain('ghost');
    const port = mirror.port('ghost');
    await mirror.commit([...removePort('br-int', port?.uuid ?? ''), ...removePort('br-int', port?.uuid ?? '')]);
    await mirror.commit(removePort('br-int', port?.uuid ?? ''));
    expect([mirror.port('ghost'), mirror.interface('ghost')]).toEqual([undefined, undefined]);
  });

  it('adds and removes 200 ports in one transaction each', async () => {
    const names = Array.from({ length: 200 }, (_, n) => `many-${n}`);
    await ovs.tool(
      ['ip', '-batch', '-'],
      names.map((name, n) => `link add ${name} type veth peer name peer-${n}\n`).join(''),
    );
    const started = Date.now();
    await mirror.commit(names.flatMap((name, n) => addPort({ bridge: 'br-int', name, port: { tag: n + 1 } })));
    const addedMs = Date.now() - started;
    expect(names.every((name) => (mirror.interface(name)?.ofport ?? 0) > 0)).toBe(true);
    expect((await vsctl('list-ports', 'br-int')).split('\n')).toEqual(expect.arrayContaining(names));
    await mirror.commit(
      names.flatMap((name) => removePort('br-int', mirror.port(name)?.uuid ?? '')),
      { timeoutMs: 30_000 },
    );
    expect(mirror.ports().some((port) => port.name.startsWith('many-'))).toBe(false);
    console.log(`200 ports in one transaction, carried out: ${addedMs} ms`);
  });

  it('comes back after ovsdb-server was killed, and tells only what changed meanwhile', async () => {
    await mirror.until((m) => m.inSync);
    const pending = client.request('transact', [
      vswitchDatabase,
      {
        op: 'wait',
        timeout: 60_000,
        table: 'Bridge',
        where: [['name', '==', 'never']],
        columns: ['name'],
        until: '==',
        rows: [{ name: 'never' }],
      },
    ]);
    const unknown = expect(pending).rejects.toBeInstanceOf(OvsdbOutcomeUnknown);
    const heard: string[] = [];
    const stopHearing = client.onConnection((connected) => heard.push(connected ? 'back' : 'lost'));
    const seen: MirrorChange[] = [];
    const stopSeeing = mirror.onChange((changes) => seen.push(...changes));
    await ovs.stopDatabase(true);
    await unknown;
    expect([client.connected, mirror.inSync]).toEqual([false, false]);
    await expect(client.transact(vswitchDatabase, [])).rejects.toBeInstanceOf(OvsdbUnreachable);
    expect(mirror.port('tap-a')).toBeDefined(); // what was known stays known
    await ovs.startDatabase();
    await client.waitConnected(5000);
    await mirror.until((m) => m.inSync);
    await vsctl('--no-wait', 'set', 'Port', 'tap-a', 'external_ids:after=1');
    await mirror.until((m) => m.port('tap-a')?.external_ids['after'] === '1');
    stopHearing();
    stopSeeing();
    expect([heard[0], heard.at(-1)]).toEqual(['lost', 'back']);
    // columns that ovsdb-server does not keep on disk may come anew; no row comes or goes
    expect(seen.filter((change) => !change.before || !change.after)).toEqual([]);
    await mirror.commit(setKeys('Port', 'tap-a', 'external_ids', { again: '1' }));
  });

  it('says so when ovs-vswitchd does not answer, and carries on when it is back', async () => {
    await ovs.stopSwitch();
    const waiting = mirror.commit(setKeys('Port', 'tap-a', 'external_ids', { down: '1' }), { timeoutMs: 300 });
    await expect(waiting).rejects.toBeInstanceOf(OvsdbNotApplied);
    await expect(waiting).rejects.toThrow('is it running?');
    expect(mirror.port('tap-a')?.external_ids['down']).toBe('1');
    await ovs.startSwitch();
    await mirror.commit(setKeys('Port', 'tap-a', 'external_ids', { down: '0' }));
    expect(mirror.interface('tap-a')?.ofport).toBeGreaterThan(0);
  });

  it('removes bridges', async () => {
    await mirror.commit(['br-int', 'br-ex'].flatMap((name) => removeBridge(mirror.bridge(name)?.uuid ?? '')));
    expect([mirror.bridges(), mirror.ports(), mirror.interfaces()]).toEqual([[], [], []]);
    expect(await vsctl('list-br')).toBe('');
  });

  it('says why it cannot connect', async () => {
    const remote = `unix:${join(ovs.dir, 'nothing.sock')}`;
    const connecting = OvsdbClient.connect(remote, { connectTimeoutMs: 100 });
    await expect(connecting).rejects.toThrow(`no connection to ovsdb-server at ${remote} (ENOENT)`);
  });

  it('drops a server that gives no sign of life, and answers echo requests', async () => {
    const path = join(ovs.dir, 'mute.sock');
    const sockets: Socket[] = [];
    let heard = '';
    const mute = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => (heard += chunk.toString()));
      socket.write('{"id":"echo","method":"echo","params":["é"]}');
    });
    await new Promise<void>((resolve) => mute.listen(path, resolve));
    const one = await OvsdbClient.connect(`unix:${path}`, { probeMs: 50 });
    const error = await new Promise<Error | undefined>((resolve) => one.onConnection((up, why) => !up && resolve(why)));
    expect(error?.message).toContain('echo');
    expect(heard).toContain('{"id":"echo","result":["é"],"error":null}');
    one.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => mute.close(resolve));
  });
});
