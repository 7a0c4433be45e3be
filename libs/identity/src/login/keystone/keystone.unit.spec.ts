/** What a real Keystone does not do on request (test/clients/keystone.int.spec.ts has the rest): end our own token, be slow, be broken. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@plumbline/telemetry';
import { unauthorized } from '../identity-error.js';
import { KeystoneAuthenticator } from './keystone.js';
import { KnownTokens } from './known-tokens.js';

let folder: string;
let server: Server;
let port: number;
let authenticator: KeystoneAuthenticator;
/** What was asked: `POST`, or the token asked about. */
let asked: string[];
let ownTokens: Set<string>;
let validate: (subject: string) => { status: number; body: object };
let logInStatus: number;

const tokenBody = (roles: readonly string[], minutes = 60) => ({
  token: {
    expires_at: new Date(Date.now() + minutes * 60_000).toISOString(),
    user: { id: 'u1' },
    project: { id: 'p1' },
    roles: roles.map((name) => ({ name })),
  },
});

function answer(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  const send = (status: number, body: object, headers: Record<string, string> = {}) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  if (request.method === 'POST') {
    asked.push('POST');
    const own = `own-${asked.length}`;
    ownTokens.add(own);
    return void send(logInStatus, tokenBody(['admin']), { 'x-subject-token': own });
  }
  if (!ownTokens.has(String(request.headers['x-auth-token']))) return void send(401, {});
  const subject = String(request.headers['x-subject-token']);
  asked.push(subject);
  const { status, body } = validate(subject);
  if (status === SILENT) return;
  send(status, body);
}
/** Takes the question and never answers. */
const SILENT = 0;

/** One that asks the server of this spec. */
const asking = (times: Partial<Record<'cacheSeconds' | 'graceSeconds', number>>) =>
  new KeystoneAuthenticator(
    {
      kind: 'keystone',
      url: `http://127.0.0.1:${port}/v3`,
      userName: 'neutron',
      projectName: 'service',
      userDomain: 'Default',
      projectDomain: 'Default',
      passwordFile: join(folder, 'password'),
      cacheSeconds: 60,
      graceSeconds: 600,
      ...times,
    },
    createLogger({ name: 'test', level: 'silent' }),
  );
const ask = (token: string | undefined, address = '192.0.2.1') => authenticator.authenticate(token, () => address);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), `plumb-keystone-unit-${process.pid}-`));
  writeFileSync(join(folder, 'password'), 'secret\n');
  [asked, ownTokens, logInStatus] = [[], new Set(), 201];
  validate = () => ({ status: 200, body: tokenBody(['Member', 'other']) });
  server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  authenticator = asking({});
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  rmSync(folder, { recursive: true, force: true });
});

describe('asking a Keystone', () => {
  it('once for many requests with one token', async () => {
    const found = await Promise.all(Array.from({ length: 20 }, () => ask('t')));
    expect(new Set(found.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify({ userId: 'u1', projectId: 'p1', role: 'member' })]),
    );
    await ask('t');
    expect(asked).toEqual(['POST', 't']);
  });

  it('again with a new token of our own when the old one has ended', async () => {
    await ask('t1');
    ownTokens.clear();
    expect(await ask('t2')).toMatchObject({ role: 'member' });
    expect(asked).toEqual(['POST', 't1', 'POST', 't2']);
  });

  it('not again about a token that was found bad a moment ago', async () => {
    validate = () => ({ status: 404, body: {} });
    for (let turn = 0; turn < 3; turn += 1) await expect(ask('bad')).rejects.toMatchObject({ kind: 'unauthorized' });
    expect(asked).toEqual(['POST', 'bad']);
  });

  it('not at all about what cannot be a token', async () => {
    for (const token of [undefined, '', 'with space', 'x'.repeat(10_000)])
      await expect(ask(token)).rejects.toMatchObject({ kind: 'unauthorized' });
    expect(asked).toEqual([]);
  });

  it('takes the token’s own end before the cache’s', async () => {
    validate = () => ({ status: 200, body: tokenBody(['reader'], -1) });
    await ask('ends');
    await ask('ends');
    expect(asked).toEqual(['POST', 'ends', 'ends']);
  });

  it('that is broken, or does not let us in, gives "unavailable", and is asked again', async () => {
    validate = () => ({ status: 500, body: {} });
    await expect(ask('t')).rejects.toMatchObject({ kind: 'unavailable' });
    validate = () => ({ status: 200, body: tokenBody(['admin']) });
    expect(await ask('t')).toMatchObject({ role: 'admin' });
    validate = () => ({ status: 200, body: { token: 'no' } });
    await expect(ask('strange')).rejects.toMatchObject({ kind: 'unavailable' });
    ownTokens.clear();
    logInStatus = 401;
    await expect(ask('other')).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('PLUMB_KEYSTONE_PASSWORD_FILE'),
    });
  });
});

describe('a token that Keystone found good', () => {
  const away = () => ({ status: 503, body: {} });

  it('is accepted for its grace while Keystone does not answer, and each answer counts again when it does', async () => {
    authenticator = asking({ cacheSeconds: 0, graceSeconds: 600 });
    await ask('t');
    validate = away;
    for (let turn = 0; turn < 5; turn += 1) expect(await ask('t')).toMatchObject({ role: 'member' });
    expect(authenticator.state).toMatchObject({ silentSince: expect.any(Number), acceptedInGrace: 5 });
    // Asked once and then left alone for a while; a token that it was never asked about is asked all the same.
    expect(asked).toEqual(['POST', 't', 't']);
    await expect(ask('new')).rejects.toMatchObject({ kind: 'unavailable' });
    validate = () => ({ status: 200, body: tokenBody(['reader']) });
    await ask('other');
    expect(authenticator.state).toMatchObject({ silentSince: null });
    expect(await ask('t')).toMatchObject({ role: 'reader' });
  });

  it('is refused at once when Keystone says so, and has no grace left then', async () => {
    authenticator = asking({ cacheSeconds: 0, graceSeconds: 600 });
    await ask('t');
    validate = () => ({ status: 404, body: {} });
    await expect(ask('t')).rejects.toMatchObject({ kind: 'unauthorized' });
    validate = away;
    await expect(ask('t')).rejects.toMatchObject({ kind: 'unauthorized' });
  });

  it('has no grace where the operator gives none, and none beyond its own end', async () => {
    authenticator = asking({ cacheSeconds: 0, graceSeconds: 0 });
    await ask('t');
    validate = away;
    await expect(ask('t')).rejects.toMatchObject({ kind: 'unavailable' });
    authenticator = asking({ cacheSeconds: 0, graceSeconds: 600 });
    validate = () => ({ status: 200, body: tokenBody(['reader'], -1) });
    await ask('ended');
    validate = away;
    await expect(ask('ended')).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('does not wait for a Keystone that takes the question and is silent', async () => {
    authenticator = asking({ cacheSeconds: 0, graceSeconds: 600 });
    await ask('t');
    validate = () => ({ status: SILENT, body: {} });
    const began = performance.now();
    expect(await ask('t')).toMatchObject({ role: 'member' });
    // Its question would be given up after ten seconds.
    expect(performance.now() - began).toBeLessThan(8_000);
  });

  it('is not held up by another address that asks about many bad ones', async () => {
    await ask('warm-up');
    /** Questions that the server has not answered. */
    const open: (() => void)[] = [];
    let heard = 0;
    server.removeAllListeners('request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      heard += 1;
      const good = request.headers['x-subject-token'] === 'good';
      const end = () => response.writeHead(good ? 200 : 404).end(JSON.stringify(tokenBody(['member'])));
      if (good) end();
      else open.push(end);
    });
    const bad = Array.from({ length: 70 }, (_, at) => ask(`bad-${at}`, '192.0.2.66').catch(() => null));
    const good = ask('good', '192.0.2.1');
    while (open.length < 16) await once(server, 'request');
    // Two questions end: at the latest the second turn is the other address's, whatever was asked before.
    for (const end of open.splice(0, 2)) end();
    expect(await good).toMatchObject({ role: 'member' });
    expect(heard).toBeLessThan(30);
    for (const all = Promise.all(bad).then(() => true); ;) {
      for (const end of open.splice(0)) end();
      if (await Promise.race([all, new Promise((resolve) => setImmediate(resolve, false))])) break;
    }
  });

  it('is not pushed out by any number of bad ones', () => {
    const known = new KnownTokens();
    const identity = { userId: 'u', projectId: 'p', role: 'member' } as const;
    known.set('good', { identity, freshUntil: 10, graceUntil: 100 });
    const refused = { refusal: unauthorized(), until: 10 };
    for (let n = 0; n < 12_000; n += 1) known.set(`bad ${n}`, refused);
    expect(known.get('good', 50)).toMatchObject({ identity });
    expect(known.get('bad 11999', 5)).toMatchObject({ refusal: {} });
    expect(known.get('bad 11999', 10)).toBeUndefined();
    expect(known.get('good', 100)).toBeUndefined();
  });
});
