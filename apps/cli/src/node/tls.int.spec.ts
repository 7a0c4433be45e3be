/** TLS of the controller's nats-server, with real servers and the connection that API and agents use. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from '@nats-io/transport-node';
import { run } from '@plumbline/exec';
import { natsOptions } from '@plumbline/messaging/nats';
import { newAuthority, newServerCertificate } from '@plumbline/nats-logins';
import { addNode, rekeyNode, useTls } from './controller-dir.js';

const folder = mkdtempSync(path.join(tmpdir(), 'plumb-tls-'));
const dir = path.join(folder, 'plumbline');
const inDir = (name: string): string => path.join(dir, name);
const read = (name: string): string => readFileSync(inDir(name), 'utf8');
const servers: ChildProcess[] = [];

/** On a port that it chooses; resolves with `host:port`. */
async function startNats(config: string): Promise<string> {
  const ports = mkdtempSync(path.join(folder, 'ports-'));
  servers.push(
    spawn('nats-server', ['--config', config, '--port', '-1', '--ports_file_dir', ports], { stdio: 'ignore' }),
  );
  for (;;) {
    const file = readdirSync(ports).find((name) => name.endsWith('.ports'));
    const text = file === undefined ? '' : readFileSync(path.join(ports, file), 'utf8');
    if (text !== '') return `127.0.0.1:${new URL((JSON.parse(text) as { nats: string[] }).nats[0] as string).port}`;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** As API and agents connect, once: 'encrypted', 'plain', or why not. */
async function asClient(server: string, caFile?: string): Promise<string> {
  const login = { kind: 'nkey', seedFile: inDir('net1.nk') } as const;
  const options = natsOptions({ url: `nats://${server}`, login, caFile }, 'a test');
  const { servers: to, authenticator, tls, name } = options;
  try {
    const connection = await connect({
      ...{ servers: to as string[], name: name as string, reconnect: false, timeout: 20_000 },
      ...(authenticator && { authenticator }),
      ...(tls && { tls }),
    });
    const { tls_required } = connection.info as { tls_required?: boolean };
    await connection.close();
    return tls_required ? 'encrypted' : 'plain';
  } catch (error) {
    return (error as Error).message;
  }
}

beforeAll(async () => {
  await addNode(dir, 'net1', ['network'], { listen: '0.0.0.0:4222', names: ['controller.example.org'] });
});
afterAll(async () => {
  await Promise.all(servers.map((server) => [once(server, 'exit'), server.kill('SIGKILL')][0]));
  rmSync(folder, { recursive: true, force: true });
});

describe('a server that others reach', () => {
  test('has a certificate of the controller\u2019s own CA; keys are their owners\u2019 alone', async () => {
    const mode = (name: string): string => (statSync(inDir(name)).mode & 0o777).toString(8);
    expect(['ca.key', 'nats.key', 'ca.pem', 'nats.pem'].map(mode)).toEqual(['600', '600', '644', '644']);
    expect((await run(['openssl', 'verify', '-CAfile', inDir('ca.pem'), inDir('nats.pem')])).stdout).toContain('OK');
    const { stdout } = await run(['openssl', 'x509', '-in', inDir('nats.pem'), '-noout', '-ext', 'subjectAltName']);
    expect(stdout).toContain('DNS:controller.example.org');
    expect(stdout).toContain('DNS:localhost');
    expect(stdout).toContain('IP Address:127.0.0.1');
  });

  test('lets in who trusts that CA, and neither who is plain nor who trusts another', async () => {
    const server = await startNats(inDir('nats.conf'));
    expect(await asClient(server, inDir('ca.pem'))).toBe('encrypted');
    expect(await asClient(server)).toMatch(/unable to verify|self.signed/);
    const other = path.join(folder, 'other.pem');
    writeFileSync(other, (await newAuthority()).certificate);
    expect(await asClient(server, other)).toMatch(/unable to verify|signature|self.signed/);
  });

  test('is not believed without TLS, or with a certificate of another CA, by who knows the CA', async () => {
    const plain = path.join(folder, 'plain.conf');
    writeFileSync(plain, 'listen: "127.0.0.1:4222"\n');
    expect(await asClient(await startNats(plain), inDir('ca.pem'))).toContain("does not support 'tls'");
    const forged = await newServerCertificate(await newAuthority(), ['127.0.0.1']);
    for (const [name, text] of Object.entries(forged)) writeFileSync(path.join(folder, `forged.${name}`), text);
    const conf = path.join(folder, 'forged.conf');
    const tls = `cert_file: "${folder}/forged.certificate", key_file: "${folder}/forged.key"`;
    writeFileSync(conf, `listen: "127.0.0.1:4222"\ntls { ${tls} }\n`);
    expect(await asClient(await startNats(conf), inDir('ca.pem'))).toMatch(/unable to verify|signature/);
  });

  test('keeps its certificate when nothing changes, gets another for another name and with a new login', async () => {
    const files = () => ['ca.pem', 'nats.pem', 'nats.key', 'nats.conf', 'logins.json'].map(read);
    const before = files();
    await addNode(dir, 'net1', ['network']);
    expect(files()).toEqual(before);
    await addNode(dir, 'net1', ['network'], { names: ['192.0.2.77'] });
    const [authority, certificate] = files();
    expect([authority, certificate === before[1]]).toEqual([before[0], false]);
    await rekeyNode(dir, 'net1');
    expect([read('ca.pem'), read('nats.pem') === certificate]).toEqual([authority, false]);
    const server = await startNats(inDir('nats.conf'));
    expect(await asClient(server, inDir('ca.pem'))).toBe('encrypted');
  });
});

test('a server on loopback stays plain', async () => {
  const local = path.join(folder, 'local');
  for (const listen of ['127.0.0.1:4222', '[::1]:4222', 'localhost:4222']) {
    const added = await addNode(local, 'net1', ['network'], { listen });
    expect([added.caFile, added.plain, readdirSync(local).filter((name) => name.endsWith('.pem'))]).toEqual([
      null,
      false,
      [],
    ]);
  }
  // Now others reach it.
  expect((await addNode(local, 'net1', ['network'], { listen: '0.0.0.0:4222' })).caFile).toBe(
    path.join(local, 'ca.pem'),
  );
});

test('a folder of a release without TLS stays plain until the operator says so', async () => {
  const older = path.join(folder, 'older');
  await addNode(older, 'net1', ['network'], { listen: '127.0.0.1:4222' });
  const file = path.join(older, 'logins.json');
  const { logins } = JSON.parse(readFileSync(file, 'utf8')) as { logins: object };
  writeFileSync(file, JSON.stringify({ listen: '0.0.0.0:4222', logins }));
  expect(await addNode(older, 'net1', ['network'])).toMatchObject({ plain: true, caFile: null });
  expect(readFileSync(path.join(older, 'nats.conf'), 'utf8')).not.toContain('tls');
  expect((await useTls(older)).caFile).toBe(path.join(older, 'ca.pem'));
  expect(readFileSync(path.join(older, 'nats.conf'), 'utf8')).toContain('tls {');
  expect(await addNode(older, 'net1', ['network'])).toMatchObject({ plain: false });
});
