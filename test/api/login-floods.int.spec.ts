/**
 * Logins under a flood: real API processes, clients at several addresses of loopback, and a proxy's headers. Passwords are hashed at a low cost here: what is shown
 * is who gets a turn, and a hundred checks at the full cost would take a slow machine a minute.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import http from 'node:http';
import { randomBytes, scryptSync } from 'node:crypto';
import { readIdentityFile, writeIdentityFile } from '@plumbline/identity';
import { eventually } from './api-process.js';
import { byPassword, IdentityProcess, inProject, passwordOf } from './identity-process.js';

const CONNECTIONS = 100;
const LOG_COST = 11;

function cheapHash(password: string): string {
  const salt = randomBytes(16);
  const hash = scryptSync(password, salt, 32, { N: 2 ** LOG_COST, r: 8, p: 1 });
  const text = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
  return `$scrypt$ln=${LOG_COST},r=8,p=1$${text(salt)}$${text(hash)}`;
}

/** `POST /v3/auth/tokens` from an address of loopback; resolves with the status. */
function logInFrom(url: string, localAddress: string, identity: object, headers: Record<string, string> = {}) {
  const body = JSON.stringify({ auth: { identity, scope: inProject('garden') } });
  return new Promise<number>((resolve, reject) => {
    const request = http.request(`${url}/v3/auth/tokens`, {
      method: 'POST',
      localAddress,
      headers: { 'content-type': 'application/json', ...headers },
    });
    request.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Connections that log in under invented names without a pause, until `stop`. Resolves with what they were answered. */
class Flood {
  private going = true;
  private readonly answers = new Map<number, number>();
  private readonly ended: Promise<unknown>;

  constructor(
    url: string,
    address: (connection: number) => string,
    headers: (connection: number) => object = () => ({}),
  ) {
    const connection = async (at: number) => {
      for (let n = 0; this.going; n += 1) {
        const sent = headers(at) as Record<string, string>;
        const status = await logInFrom(url, address(at), byPassword(`invented ${at} ${n}`, 'guess'), sent);
        this.answers.set(status, (this.answers.get(status) ?? 0) + 1);
      }
    };
    this.ended = Promise.all(Array.from({ length: CONNECTIONS }, (_, at) => connection(at)));
  }

  /** Each answer and how often it came so far. */
  get said(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.answers);
  }

  async stop(): Promise<Readonly<Record<string, number>>> {
    this.going = false;
    await this.ended;
    return this.said;
  }
}

let cloud: IdentityProcess;
/** The same cloud, behind a proxy at 127.0.0.1. */
let proxied: string;
beforeAll(async () => {
  const users = ['ann', 'eve', 'fay', 'gus'].map((name) => ({ name, project: 'garden', role: 'member' }) as const);
  cloud = await IdentityProcess.start(users);
  const file = readIdentityFile(cloud.identityFile);
  const cheap = file.users.map((user) => ({ ...user, password: cheapHash(passwordOf(user.name)) }));
  writeIdentityFile(cloud.identityFile, { ...file, users: cheap });
  proxied = await cloud.api.beside({ PLUMB_TRUSTED_PROXIES: '127.0.0.1' });
});
afterAll(() => cloud?.stop());

const goodLogins = async (many: number, logIn: () => Promise<number>): Promise<number[]> => {
  const answers: number[] = [];
  for (let turn = 0; turn < many; turn += 1) answers.push(await logIn());
  return answers;
};
const counts = async (url: string) => {
  const { checks } = (await (await fetch(`${url}/healthz`)).json()) as {
    checks: Record<string, Record<string, number>>;
  };
  return checks['logins'];
};

describe('a hundred connections with invented names', () => {
  it('do not keep a good login out that comes from elsewhere, and are refused before a password is hashed', async () => {
    const flood = new Flood(cloud.api.url, () => '127.0.0.2');
    const answers = await goodLogins(6, () => logInFrom(cloud.api.url, '127.0.0.1', byPassword('ann')));
    await eventually(async () => ((flood.said[429] ?? 0) > 100 ? true : undefined));
    const said = await flood.stop();
    expect(answers).toEqual([201, 201, 201, 201, 201, 201]);
    // A hundred were tried; what came after that was refused.
    expect(said[401]).toBe(100);
    expect(await counts(cloud.api.url)).toMatchObject({ ok: true, succeeded: 6, failed: said[401] });
  });

  it('from a hundred addresses only make it wait for its turn', async () => {
    const flood = new Flood(cloud.api.url, (connection) => `127.0.1.${connection + 1}`);
    const answers = await goodLogins(3, () => logInFrom(cloud.api.url, '127.0.0.1', byPassword('ann')));
    expect(answers).toEqual([201, 201, 201]);
    await flood.stop();
  });

  it('do not keep out who logged in before from the same address', async () => {
    const from = '127.0.0.4';
    expect(await logInFrom(cloud.api.url, from, byPassword('ann'))).toBe(201);
    const flood = new Flood(cloud.api.url, () => from);
    expect(await goodLogins(3, () => logInFrom(cloud.api.url, from, byPassword('ann')))).toEqual([201, 201, 201]);
    await flood.stop();
  });

  it('behind a trusted proxy are told apart from the others behind it', async () => {
    const flood = new Flood(
      proxied,
      () => '127.0.0.1',
      (connection) => ({ 'x-forwarded-for': `10.9.9.${connection}, 203.0.113.66` }),
    );
    const good = () => logInFrom(proxied, '127.0.0.1', byPassword('ann'), { 'x-forwarded-for': '203.0.113.1' });
    expect(await goodLogins(3, good)).toEqual([201, 201, 201]);
    expect((await flood.stop())[401]).toBeLessThanOrEqual(100);
  });

  it('gain nothing from headers where no proxy is trusted, nor from another address than the proxy’s', async () => {
    for (const [url, from] of [
      [cloud.api.url, '127.0.0.6'],
      [proxied, '127.0.0.7'],
    ] as const) {
      let at = 0;
      const invented = () => {
        at += 1;
        return { 'x-forwarded-for': `203.0.113.${at % 250}`, forwarded: `for=203.0.113.${at % 250}` };
      };
      const guess = () => logInFrom(url, from, byPassword('eve', 'guess'), invented());
      const answers = await Promise.all(Array.from({ length: 14 }, guess));
      expect(answers.filter((status) => status === 401)).toHaveLength(10);
      expect(await logInFrom(url, from, byPassword('eve'), invented())).toBe(429);
    }
  });
});

describe('one account', () => {
  it('is counted as one, whatever name, id, domain or application credential it is guessed by', async () => {
    const { users } = readIdentityFile(cloud.identityFile);
    const id = users.find(({ name }) => name === 'fay')?.id ?? '';
    const token = await cloud.token('fay', 'garden');
    const credentials = `/v3/users/${id}/application_credentials`;
    const made = await cloud.api.call(
      'POST',
      credentials,
      { application_credential: { name: 'robot' } },
      { 'x-auth-token': token },
    );
    const { application_credential: robot } = made.body as { application_credential: { id: string; secret: string } };
    const user = (ref: object) => ({ methods: ['password'], password: { user: { ...ref, password: 'guess' } } });
    const credential = (ref: object) => ({
      methods: ['application_credential'],
      application_credential: { ...ref, secret: 'a wrong guess' },
    });
    const byName = { name: 'fay', domain: { id: 'default' } };
    const guesses = [
      user(byName),
      user({ id }),
      user({ name: 'fay', domain: { name: 'Default' } }),
      user({ name: 'fay', domain: { name: 'DEFAULT' } }),
      user({ name: 'fay', domain: { id: 'default', more: 'x' } }),
      credential({ id: robot.id }),
      credential({ name: 'robot', user: byName }),
      credential({ name: 'robot', user: { id } }),
      credential({ name: 'no such', user: { id } }),
      user({ id }),
    ];
    const from = (identity: object) => logInFrom(cloud.api.url, '127.0.0.8', identity);
    expect(await Promise.all(guesses.map(from))).toEqual(guesses.map(() => 401));
    for (const guess of guesses) expect(await from(guess)).toBe(429);
    const right = { methods: ['application_credential'], application_credential: robot };
    for (const identity of [byPassword('fay'), right]) expect(await from(identity)).toBe(429);
    // Somebody else at this address, and the same user at another one, are not concerned.
    expect(await from(byPassword('ann'))).toBe(201);
    expect(await logInFrom(cloud.api.url, '127.0.0.9', right)).toBe(201);
  });

  it('that does not exist is counted like one that does', async () => {
    const nobody = (domain: object) => ({
      methods: ['password'],
      password: { user: { name: 'nobody at all', domain, password: passwordOf('nobody') } },
    });
    const from = (domain: object) => logInFrom(cloud.api.url, '127.0.0.10', nobody(domain));
    const answers = await Promise.all(Array.from({ length: 12 }, () => from({ id: 'default' })));
    expect(answers.filter((status) => status === 401)).toHaveLength(10);
    expect(await from({ name: 'Default' })).toBe(429);
    expect(await from({ name: 'DEFAULT', more: 'x' })).toBe(429);
  });
});
