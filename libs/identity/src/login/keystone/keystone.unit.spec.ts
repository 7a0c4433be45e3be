/** What a real Keystone does not do on request (test/clients/keystone.int.spec.ts has the rest): end our own token, be slow, be broken. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeystoneAuthenticator } from './keystone.js';

let folder: string;
let server: Server;
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
  send(status, body);
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), `plumb-keystone-unit-${process.pid}-`));
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, 'secret\n');
  [asked, ownTokens, logInStatus] = [[], new Set(), 201];
  validate = () => ({ status: 200, body: tokenBody(['Member', 'other']) });
  server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  authenticator = new KeystoneAuthenticator({
    kind: 'keystone',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v3`,
    userName: 'neutron',
    projectName: 'service',
    userDomain: 'Default',
    projectDomain: 'Default',
    passwordFile,
    cacheSeconds: 60,
  });
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  rmSync(folder, { recursive: true, force: true });
});

describe('asking a Keystone', () => {
  it('once for many requests with one token', async () => {
    const found = await Promise.all(Array.from({ length: 20 }, () => authenticator.authenticate('t')));
    expect(new Set(found.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify({ userId: 'u1', projectId: 'p1', role: 'member' })]),
    );
    await authenticator.authenticate('t');
    expect(asked).toEqual(['POST', 't']);
  });

  it('again with a new token of our own when the old one has ended', async () => {
    await authenticator.authenticate('t1');
    ownTokens.clear();
    expect(await authenticator.authenticate('t2')).toMatchObject({ role: 'member' });
    expect(asked).toEqual(['POST', 't1', 'POST', 't2']);
  });

  it('not again about a token that was found bad a moment ago', async () => {
    validate = () => ({ status: 404, body: {} });
    for (let turn = 0; turn < 3; turn += 1)
      await expect(authenticator.authenticate('bad')).rejects.toMatchObject({ kind: 'unauthorized' });
    expect(asked).toEqual(['POST', 'bad']);
  });

  it('not at all about what cannot be a token', async () => {
    for (const token of [undefined, '', 'with space', 'x'.repeat(10_000)])
      await expect(authenticator.authenticate(token)).rejects.toMatchObject({ kind: 'unauthorized' });
    expect(asked).toEqual([]);
  });

  it('takes the token’s own end before the cache’s', async () => {
    validate = () => ({ status: 200, body: tokenBody(['reader'], -1) });
    await authenticator.authenticate('ends');
    await authenticator.authenticate('ends');
    expect(asked).toEqual(['POST', 'ends', 'ends']);
  });

  it('that is broken, or does not let us in, gives "unavailable", and is asked again', async () => {
    validate = () => ({ status: 500, body: {} });
    await expect(authenticator.authenticate('t')).rejects.toMatchObject({ kind: 'unavailable' });
    validate = () => ({ status: 200, body: tokenBody(['admin']) });
    expect(await authenticator.authenticate('t')).toMatchObject({ role: 'admin' });
    validate = () => ({ status: 200, body: { token: 'no' } });
    await expect(authenticator.authenticate('strange')).rejects.toMatchObject({ kind: 'unavailable' });
    ownTokens.clear();
    logInStatus = 401;
    await expect(authenticator.authenticate('other')).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('PLUMB_KEYSTONE_PASSWORD_FILE'),
    });
  });
});
