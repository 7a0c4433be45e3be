import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { readIdentityFile, removeUser, writeIdentityFile } from '@plumbline/identity';
import { signToken, verifyToken } from '@plumbline/identity/login';
import { Answer, eventually } from './api-process.js';
import { byPassword, byToken, IdentityProcess, inProject, passwordOf } from './identity-process.js';

const UNAUTHORIZED = {
  error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' },
};
type TokenBody = {
  token: {
    user: { id: string; name: string };
    project?: { id: string; name: string };
    roles?: { name: string }[];
    methods: string[];
    audit_ids: string[];
    expires_at: string;
    issued_at: string;
    catalog?: { type: string; endpoints: { interface: string; url: string; region: string }[] }[];
  };
};

let cloud: IdentityProcess;
const call = (token: string | null, method: string, path: string, body?: unknown, more: Record<string, string> = {}) =>
  cloud.api.call(method, path, body, { ...(token !== null && { 'x-auth-token': token }), ...more });
const tokenOf = (answer: Answer): string => answer.headers.get('x-subject-token') ?? '';
const bodyOf = (answer: Answer): TokenBody['token'] => (answer.body as TokenBody).token;
/** A lone surrogate, which no URL can hold. */
const wellFormed = (text: string): string => text.replace(/[\ud800-\udfff]/g, '?');
const networks = async (token: string | null) => (await call(token, 'GET', '/v2.0/networks')).status;

beforeAll(async () => {
  cloud = await IdentityProcess.start([
    { name: 'root', project: 'admin', role: 'admin' },
    { name: 'ann', project: 'garden', role: 'member' },
    { name: 'bob', project: 'house', role: 'reader' },
    { name: 'ann', project: 'house', role: 'reader' },
  ]);
});
afterAll(() => cloud?.stop());

describe('discovery', () => {
  it('leads to the Networking root and to Identity v3, without a token', async () => {
    expect((await call(null, 'GET', '/')).body).toMatchObject({ versions: [{ id: 'v2.0', status: 'CURRENT' }] });
    for (const path of ['/v3', '/v3/'])
      expect(await call(null, 'GET', path)).toMatchObject({
        status: 200,
        body: { version: { id: 'v3.10', links: [{ rel: 'self', href: `${cloud.api.url}/v3/` }] } },
      });
    expect((await call(null, 'GET', '/identity')).body).toMatchObject({
      versions: { values: [{ links: [{ href: `${cloud.api.url}/identity/v3/` }] }] },
    });
    expect(await call(null, 'GET', '/identity/v3')).toMatchObject({ status: 200 });
    expect(await call(null, 'GET', '/v3/nothing')).toMatchObject({ status: 404, body: { error: { code: 404 } } });
    expect(await call(null, 'PUT', '/v3/auth/tokens', {})).toMatchObject({ status: 405 });
    expect(await call(null, 'GET', '/healthz')).toMatchObject({ status: 200 });
  });
});

describe('logging in', () => {
  it('by password for a project gives a token with roles and catalogue', async () => {
    const answer = await cloud.logIn(byPassword('ann'), inProject('garden'));
    expect(answer.status).toBe(201);
    const body = bodyOf(answer);
    expect(body).toMatchObject({
      methods: ['password'],
      user: { name: 'ann', domain: { id: 'default', name: 'Default' } },
      project: { name: 'garden', domain: { id: 'default' } },
      roles: [{ name: 'member' }, { name: 'reader' }],
      is_domain: false,
    });
    expect(body.expires_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(Date.parse(body.expires_at) - Date.parse(body.issued_at)).toBe(12 * 3_600_000);
    expect(body.audit_ids).toHaveLength(1);
    const network = body.catalog?.find(({ type }) => type === 'network');
    expect(network?.endpoints.find((each) => each.interface === 'public')).toMatchObject({
      url: cloud.api.url,
      region: 'RegionOne',
    });
    expect(await networks(tokenOf(answer))).toBe(200);
    const shorter = await cloud.api.call('POST', '/v3/auth/tokens?nocatalog', {
      auth: { identity: byPassword('ann'), scope: inProject('garden') },
    });
    expect(bodyOf(shorter).catalog).toBeUndefined();
  });

  it('knows users and projects by id too', async () => {
    const { user, project } = bodyOf(await cloud.logIn(byPassword('ann'), inProject('house')));
    const identity = { methods: ['password'], password: { user: { id: user.id, password: passwordOf('ann') } } };
    expect(bodyOf(await cloud.logIn(identity, { project: { id: project?.id } }))).toMatchObject({
      project: { name: 'house' },
      roles: [{ name: 'reader' }],
    });
  });

  it('without a project gives a token for looking around only', async () => {
    for (const scope of [undefined, 'unscoped', { unscoped: {} }]) {
      const answer = await cloud.logIn(byPassword('ann'), scope);
      expect(answer.status).toBe(201);
      expect(bodyOf(answer).project).toBeUndefined();
      const { projects } = (await call(tokenOf(answer), 'GET', '/v3/auth/projects')).body as {
        projects: { name: string }[];
      };
      expect(projects.map(({ name }) => name).sort()).toEqual(['garden', 'house']);
      expect(await call(tokenOf(answer), 'GET', '/v2.0/networks')).toMatchObject({
        status: 401,
        body: { error: { message: expect.stringContaining('The token is for no project') } },
      });
    }
  });

  it('by another token changes the project and not the time', async () => {
    const first = await cloud.logIn(byPassword('ann'));
    const second = await cloud.logIn(byToken(tokenOf(first)), inProject('house'));
    expect(second.status).toBe(201);
    expect(bodyOf(second)).toMatchObject({
      methods: ['password', 'token'],
      project: { name: 'house' },
      expires_at: bodyOf(first).expires_at,
    });
    expect(bodyOf(second).audit_ids[1]).toBe(bodyOf(first).audit_ids[0]);
    const third = await cloud.logIn(byToken(tokenOf(second)), inProject('garden'));
    expect(bodyOf(third).audit_ids[1]).toBe(bodyOf(first).audit_ids[0]);
    expect(bodyOf(third).roles?.[0]?.name).toBe('member');
  });

  it('answers the same, in much the same time, to a wrong password, an unknown user and a project without a role', async () => {
    const spent: number[] = [];
    const refused = async (identity: object, scope: object) => {
      const start = performance.now();
      const answer = await cloud.logIn(identity, scope);
      spent.push(performance.now() - start);
      expect(answer).toMatchObject({ status: 401, body: UNAUTHORIZED });
    };
    await refused(byPassword('ann', 'guess'), inProject('garden'));
    await refused(byPassword('nobody'), inProject('garden'));
    await refused(byPassword('bob'), inProject('garden'));
    await refused(byPassword('bob'), inProject('nowhere'));
    const stranger = { name: 'bob', domain: { name: 'Elsewhere' }, password: passwordOf('bob') };
    await refused({ methods: ['password'], password: { user: stranger } }, inProject('house'));
    // A check costs tens of milliseconds; an answer without one costs hardly any.
    expect(Math.min(...spent)).toBeGreaterThan(Math.max(...spent) / 10);
  });

  it('refuses other methods, and says what is wrong with a body', async () => {
    expect(await cloud.logIn({ methods: ['totp'], totp: {} })).toMatchObject({
      status: 401,
      body: { error: { message: 'Attempted to authenticate with an unsupported method.' } },
    });
    expect(await cloud.logIn({ methods: ['password'] })).toMatchObject({
      status: 400,
      body: { error: { title: 'Bad Request', message: 'auth.identity.password is missing, and "methods" names it.' } },
    });
    for (const body of ['{', '[]', '{"auth": 7}', { auth: { identity: { methods: [] } } }, 'null'])
      expect(await call(null, 'POST', '/v3/auth/tokens', body)).toMatchObject({
        status: 400,
        body: { error: { code: 400 } },
      });
    expect(await cloud.logIn(byPassword('ann'), {})).toMatchObject({ status: 400 });
  });

  it('is stopped for a while after many wrong guesses from one address, for that user alone', async () => {
    await cloud.add({ name: 'eve', project: 'eden', role: 'member' });
    const guesses = await Promise.all(
      Array.from({ length: 14 }, (_, at) => cloud.logIn(byPassword('eve', `guess ${at}`), inProject('eden'))),
    );
    expect(guesses.filter(({ status }) => status === 401)).toHaveLength(10);
    const stopped = await cloud.logIn(byPassword('eve'), inProject('eden'));
    expect(stopped).toMatchObject({ status: 429, body: { error: { code: 429, title: 'Too Many Requests' } } });
    expect(Number(stopped.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await cloud.logIn(byPassword('ann'), inProject('garden'))).status).toBe(201);
  });
});

describe('a token', () => {
  it('is asked for, and its absence or a bad one is answered as clients expect', async () => {
    const own = await cloud.token('ann', 'garden');
    const body = verifyToken(own, cloud.key, Date.now());
    if (!body) throw new Error('the token is not signed with the key of the file');
    const bad = [
      null,
      '',
      'x',
      own.slice(0, -1),
      `${own}x`,
      own.toUpperCase(),
      signToken(body, randomBytes(32)),
      signToken({ ...body, expiresAt: Date.now() - 1 }, cloud.key),
      signToken({ ...body, user: 'somebody' }, cloud.key),
      signToken({ ...body, project: 'somewhere' }, cloud.key),
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(body)).toString('base64url')}.`,
      'a'.repeat(8000),
    ];
    for (const token of bad)
      for (const path of [
        '/v2.0/networks',
        '/v2.0/',
        '/v2.0',
        '/plumbline/v1/nodes/x/view',
        '/%762.0/networks',
        '//v2.0//networks',
        '//plumbline//v1/nodes/x/view',
      ]) {
        const answer = await call(token, 'GET', path);
        expect(answer).toMatchObject({ status: 401, body: UNAUTHORIZED });
        expect(answer.headers.get('www-authenticate')).toBe(`Keystone uri="${cloud.api.url}/v3"`);
      }
    for (const [method, path] of [
      ['POST', '/v2.0/networks'],
      ['DELETE', '/v2.0/networks/x'],
      ['GET', '/v2.0/none'],
    ] as const)
      expect(await call(null, method, path)).toMatchObject({ status: 401, body: UNAUTHORIZED });
  });

  it('ends when its time is over', async () => {
    const own = await cloud.token('ann', 'garden');
    const claims = verifyToken(own, cloud.key, Date.now());
    if (!claims) throw new Error('the token is not signed with the key of the file');
    const short = signToken({ ...claims, expiresAt: Date.now() + 1500 }, cloud.key);
    expect(await networks(short)).toBe(200);
    await eventually(async () => ((await networks(short)) === 401 ? true : undefined));
  });

  it('can be looked up by its user and by administrators, and by nobody else', async () => {
    const [ann, bob, root] = [
      await cloud.token('ann', 'garden'),
      await cloud.token('bob', 'house'),
      await cloud.token('root', 'admin'),
    ];
    const about = (asker: string, subject: string, method = 'GET') =>
      call(asker, method, '/v3/auth/tokens', undefined, { 'x-subject-token': subject });
    for (const asker of [ann, root]) {
      const answer = await about(asker, ann);
      expect(answer).toMatchObject({ status: 200, body: { token: { user: { name: 'ann' } } } });
      expect(tokenOf(answer)).toBe(ann);
    }
    expect(await about(bob, ann)).toMatchObject({ status: 403, body: { error: { title: 'Forbidden' } } });
    expect(await about(bob, 'nonsense')).toMatchObject({ status: 403 });
    expect(await about(root, 'nonsense')).toMatchObject({ status: 404 });
    expect(await about(root, ann, 'HEAD')).toMatchObject({ status: 200, body: null });
    expect(await call(null, 'GET', '/v3/auth/tokens', undefined, { 'x-subject-token': ann })).toMatchObject({
      status: 401,
    });
    expect(await call(root, 'GET', '/v3/auth/tokens')).toMatchObject({ status: 400 });
  });

  it('that is revoked ends at once, and no other', async () => {
    const [one, other] = [await cloud.token('ann', 'garden'), await cloud.token('ann', 'garden')];
    expect(await networks(one)).toBe(200);
    const revoked = await call(one, 'DELETE', '/v3/auth/tokens', undefined, { 'x-subject-token': one });
    expect(revoked).toMatchObject({ status: 204, body: null });
    expect([await networks(one), await networks(other)]).toEqual([401, 200]);
    expect(await cloud.logIn(byToken(one))).toMatchObject({ status: 401 });
    const { rows } = await cloud.api.database.query('SELECT key FROM plumbline.revoked_tokens');
    expect(rows).toHaveLength(1);
  });
});

describe('the identity file', () => {
  it('is followed: a user added, a role changed, a password set, a user removed', async () => {
    await cloud.add({ name: 'dan', project: 'garden', role: 'member' });
    const before = await cloud.token('dan', 'garden');
    expect(await networks(before)).toBe(200);
    await cloud.add({ name: 'dan', project: 'garden', role: 'reader' });
    await eventually(async () => ((await networks(before)) === 401 ? true : undefined));
    const reader = await cloud.token('dan', 'garden');
    expect((await call(reader, 'GET', '/v3/auth/tokens', undefined, { 'x-subject-token': reader })).body).toMatchObject(
      {
        token: { roles: [{ name: 'reader' }] },
      },
    );
    writeIdentityFile(cloud.identityFile, removeUser(readIdentityFile(cloud.identityFile), 'dan'));
    await eventually(async () => ((await networks(reader)) === 401 ? true : undefined));
    expect(await cloud.logIn(byPassword('dan'), inProject('garden'))).toMatchObject({ status: 401 });
  });

  it('that is broken changes nothing until it is mended', async () => {
    const good = readIdentityFile(cloud.identityFile);
    const token = await cloud.token('ann', 'garden');
    writeFileSync(cloud.identityFile, '{"format": 1');
    expect((await cloud.logIn(byPassword('ann'), inProject('garden'))).status).toBe(201);
    expect(await networks(token)).toBe(200);
    writeIdentityFile(cloud.identityFile, good);
    await cloud.add({ name: 'fay', project: 'house', role: 'member' });
    expect(await networks(await cloud.token('fay', 'house'))).toBe(200);
  });
});

describe('an application credential', () => {
  type Made = { id: string; secret: string; name: string };
  const path = async (token: string) => {
    const { user } = bodyOf(await call(token, 'GET', '/v3/auth/tokens', undefined, { 'x-subject-token': token }));
    return `/v3/users/${user.id}/application_credentials`;
  };
  const make = async (token: string, body: object): Promise<Made> => {
    const answer = await call(token, 'POST', await path(token), { application_credential: body });
    expect(answer).toMatchObject({ status: 201 });
    return (answer.body as { application_credential: Made }).application_credential;
  };
  const by = (credential: object) => ({ methods: ['application_credential'], application_credential: credential });

  it('lets a program in, with its own project and role, by id and by name', async () => {
    const ann = await cloud.token('ann', 'garden');
    const made = await make(ann, { name: 'robot', roles: [{ name: 'reader' }] });
    expect(made.secret.length).toBeGreaterThan(64);
    const { rows } = await cloud.api.database.query('SELECT * FROM plumbline.application_credentials');
    expect(JSON.stringify(rows)).not.toContain(made.secret);
    const named = { name: 'robot', user: { name: 'ann', domain: { id: 'default' } }, secret: made.secret };
    for (const credential of [{ id: made.id, secret: made.secret }, named]) {
      const answer = await cloud.logIn(by(credential));
      expect(bodyOf(answer)).toMatchObject({ project: { name: 'garden' }, roles: [{ name: 'reader' }] });
      expect(await networks(tokenOf(answer))).toBe(200);
    }
    expect(await cloud.logIn(by({ id: made.id, secret: 'guess' }))).toMatchObject({ status: 401, body: UNAUTHORIZED });
    expect(await cloud.logIn(by({ id: made.id, secret: made.secret }), inProject('house'))).toMatchObject({
      status: 401,
    });
  });

  it('cannot create another or get more rights, unless its user allowed it', async () => {
    const ann = await cloud.token('ann', 'garden');
    const { id, secret } = await make(ann, { name: 'restricted' });
    const robot = tokenOf(await cloud.logIn(by({ id, secret })));
    expect(await call(robot, 'POST', await path(robot), { application_credential: { name: 'child' } })).toMatchObject({
      status: 403,
    });
    expect(await cloud.logIn(byToken(robot), inProject('house'))).toMatchObject({ status: 401 });
    const free = await make(ann, { name: 'unrestricted', unrestricted: true });
    const parent = tokenOf(await cloud.logIn(by({ id: free.id, secret: free.secret })));
    expect(await make(parent, { name: 'child' })).toMatchObject({ name: 'child' });
  });

  it('is shown to its user without its secret; deleting it ends all its tokens', async () => {
    const [ann, bob] = [await cloud.token('ann', 'garden'), await cloud.token('bob', 'house')];
    const { id, secret } = await make(ann, { name: 'short-lived', description: 'x' });
    const robot = tokenOf(await cloud.logIn(by({ id, secret })));
    const one = `${await path(ann)}/${id}`;
    const seen = await call(ann, 'GET', one);
    expect(seen).toMatchObject({
      status: 200,
      body: { application_credential: { name: 'short-lived', description: 'x' } },
    });
    expect(JSON.stringify(seen.body)).not.toContain('secret');
    const { application_credentials: all } = (await call(ann, 'GET', await path(ann))).body as {
      application_credentials: Made[];
    };
    expect(all.map(({ name }) => name)).toContain('short-lived');
    expect(await call(bob, 'GET', one)).toMatchObject({ status: 403 });
    expect(await call(bob, 'DELETE', one)).toMatchObject({ status: 403 });
    expect(await networks(robot)).toBe(200);
    expect(await call(ann, 'DELETE', one)).toMatchObject({ status: 204 });
    expect(await networks(robot)).toBe(401);
    expect(await cloud.logIn(by({ id, secret }))).toMatchObject({ status: 401 });
    expect(await call(ann, 'DELETE', one)).toMatchObject({ status: 404 });
  });

  it('is refused with access rules, a past expiry, a name in use, or a role that its user does not have', async () => {
    const bob = await cloud.token('bob', 'house');
    const refused = async (body: object) => call(bob, 'POST', await path(bob), { application_credential: body });
    expect(await refused({ name: 'x', roles: [{ name: 'admin' }] })).toMatchObject({ status: 400 });
    expect(await refused({ name: 'x', roles: [{ name: 'king' }] })).toMatchObject({ status: 404 });
    expect(await refused({ name: 'x', access_rules: [{ path: '/' }] })).toMatchObject({ status: 400 });
    expect(await refused({ name: 'x', expires_at: '2001-01-01T00:00:00' })).toMatchObject({ status: 400 });
    expect(await refused({})).toMatchObject({ status: 400 });
    await make(bob, { name: 'twice' });
    expect(await refused({ name: 'twice' })).toMatchObject({ status: 409, body: { error: { title: 'Conflict' } } });
  });
});

describe('users and projects', () => {
  it('are shown to themselves, and to administrators', async () => {
    const [ann, root] = [await cloud.token('ann', 'garden'), await cloud.token('root', 'admin')];
    const { user, project } = bodyOf(await cloud.logIn(byPassword('ann'), inProject('garden')));
    expect(await call(ann, 'GET', `/v3/users/${user.id}`)).toMatchObject({
      status: 200,
      body: { user: { name: 'ann' } },
    });
    expect(await call(ann, 'GET', `/v3/projects/${project?.id}`)).toMatchObject({ status: 200 });
    expect((await call(root, 'GET', '/v3/projects?name=garden')).body).toMatchObject({
      projects: [{ id: project?.id }],
    });
    expect((await call(root, 'GET', '/v3/users?name=ann')).body).toMatchObject({ users: [{ id: user.id }] });
    for (const path of ['/v3/projects', '/v3/users', '/v3/users/other', '/v3/projects/other'])
      expect(await call(ann, 'GET', path)).toMatchObject({ status: 403 });
    for (const path of ['/v3/users/other', '/v3/projects/garden', '/v3/domains/other', '/v3/roles/other'])
      expect(await call(root, 'GET', path)).toMatchObject({ status: 404 });
    expect((await call(ann, 'GET', '/v3/domains?name=Default')).body).toMatchObject({ domains: [{ id: 'default' }] });
    expect((await call(ann, 'GET', '/v3/auth/catalog')).body).toMatchObject({
      catalog: [{ type: 'network' }, { type: 'identity' }],
    });
    expect(await call(ann, 'GET', '/plumbline/v1/nodes/x/view')).toMatchObject({ status: 403 });
    expect(await call(root, 'GET', '/plumbline/v1/nodes/x/view')).toMatchObject({ status: 200 });
  });
});

describe('malformed requests', () => {
  it('are refused, and never cause a server error', async () => {
    const root = await cloud.token('root', 'admin');
    const { user } = bodyOf(await call(root, 'GET', '/v3/auth/tokens', undefined, { 'x-subject-token': root }));
    const credentials = `/v3/users/${user.id}/application_credentials`;
    const text = fc.oneof(fc.string(), fc.constantFrom('\0', '\ud800', '../..', '%', "'; --", 'x'.repeat(5000)));
    const value: fc.Arbitrary<unknown> = fc.oneof(text, fc.anything({ maxDepth: 2 }));
    const credential = fc.record({ name: value, description: value, secret: value, expires_at: value, roles: value });
    const paths = fc.constantFrom('/v3/users/', '/v3/projects/', '/v3/', `${credentials}/`, '/identity/', '/v3/roles/');
    await fc.assert(
      fc.asyncProperty(fc.record({ value, text, credential, path: paths }), async (each) => {
        const one = { id: each.text, secret: each.text };
        const answers = [
          await call(null, 'POST', '/v3/auth/tokens', { auth: each.value }),
          await cloud.logIn({ methods: ['application_credential'], application_credential: one }),
          await cloud.logIn(byToken(each.text), inProject(each.text)),
          await call(root, 'GET', each.path + encodeURIComponent(wellFormed(each.text))),
          await call(root, 'GET', `${credentials}?name=${encodeURIComponent(wellFormed(each.text))}`),
          await call(root, 'POST', credentials, { application_credential: each.credential }),
        ];
        for (const { status } of answers) expect(status).toBeLessThan(500);
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});

describe('the openstack client', () => {
  const openstack = async (user: string, ...words: string[]): Promise<unknown> => {
    const env = { PATH: process.env['PATH'], HOME: '/nonexistent', OS_CLIENT_CONFIG_FILE: cloud.cloudsFile() };
    const { stdout } = await promisify(execFile)('openstack', ['--os-cloud', user, ...words, '-f', 'json'], { env });
    return JSON.parse(stdout);
  };

  it('logs in and works, unmodified', async () => {
    expect(await openstack('ann', 'token', 'issue')).toMatchObject({ id: expect.stringMatching(/^plumb1\./) });
    expect(await openstack('ann', 'network', 'create', 'bed')).toMatchObject({ name: 'bed' });
    expect(await openstack('ann', 'network', 'list')).toMatchObject([{ Name: 'bed' }]);
    expect(await openstack('root', 'network', 'create', 'given', '--project', 'garden')).toMatchObject({
      name: 'given',
    });
    expect(await openstack('root', 'catalog', 'list')).toMatchObject([
      { Name: 'neutron', Type: 'network' },
      { Name: 'keystone' },
    ]);
    expect(await openstack('root', 'project', 'show', 'garden')).toMatchObject({
      name: 'garden',
      domain_id: 'default',
    });
    expect(await openstack('root', 'user', 'list')).toContainEqual(expect.objectContaining({ Name: 'ann' }));
    const made = (await openstack(
      'ann',
      'application',
      'credential',
      'create',
      'robot-2',
      '--role',
      'reader',
    )) as Record<string, string>;
    expect(made).toMatchObject({ name: 'robot-2', roles: 'reader', secret: expect.any(String) });
    const env = {
      PATH: process.env['PATH'],
      HOME: '/nonexistent',
      OS_AUTH_TYPE: 'v3applicationcredential',
      OS_AUTH_URL: `${cloud.api.url}/v3`,
      OS_APPLICATION_CREDENTIAL_ID: made['id'],
      OS_APPLICATION_CREDENTIAL_SECRET: made['secret'],
    };
    const listed = await promisify(execFile)('openstack', ['network', 'list', '-f', 'json'], { env });
    expect(JSON.parse(listed.stdout)).toContainEqual(expect.objectContaining({ Name: 'bed' }));
  }, 180_000);
});
