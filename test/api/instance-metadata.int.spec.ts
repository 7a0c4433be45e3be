/** The extension instance-metadata over HTTP: who may see, set and remove what an instance is given to know, and what is refused. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { refusedStart } from './api-process.js';
import { type Persona, PolicyWorld } from './policy-world.js';

let world: PolicyWorld;
let networkId: string;
beforeAll(async () => {
  world = await PolicyWorld.start();
  networkId = await world.make('owner', 'networks', 'network', { name: 'n' });
});
afterAll(() => world?.stop());

const CLI = new URL('../../apps/cli/dist/main.js', import.meta.url).pathname;
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ann@garden';
const base64 = (bytes: number): string => Buffer.alloc(bytes, 65).toString('base64');

async function port(persona: 'owner' | 'other' | 'admin', deviceId: string, fields: object = {}): Promise<string> {
  const on =
    persona === 'other'
      ? await world.once('network of other', () => world.make('other', 'networks', 'network', { name: 'm' }))
      : networkId;
  return world.make(persona, 'ports', 'port', { network_id: on, device_id: deviceId, ...fields });
}
const call = (persona: Persona, method: string, deviceId: string, given?: unknown, query = '') =>
  world.as(
    persona,
    method,
    `instance-metadata/${encodeURIComponent(deviceId)}${query}`,
    given === undefined ? undefined : { instance_metadata: given },
  );
const put = (persona: Persona, deviceId: string, given: unknown, query = '') =>
  call(persona, 'PUT', deviceId, given, query);
const refusal = (type: string, message: string | RegExp) => ({
  NeutronError: { type, message: expect.stringMatching(message) },
});

describe('what an instance is given to know', () => {
  it('is set, shown, changed member by member, and removed by its project', async () => {
    const deviceId = randomUUID();
    await port('owner', deviceId);
    expect((await call('owner', 'GET', deviceId)).status).toBe(404);
    const given = {
      hostname: 'Web-1.Example.org',
      public_keys: { 'ann@home': `${KEY}\n`, b: KEY },
      user_data: base64(9),
    };
    const { status, body } = await put('owner', deviceId, given);
    const shown = {
      device_id: deviceId,
      project_id: world.projectOf('owner'),
      hostname: 'web-1.example.org',
      public_keys: { 'ann@home': KEY, b: KEY },
      user_data: base64(9),
      user_id: expect.stringMatching(/./),
      updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    };
    expect({ status, body }).toEqual({ status: 200, body: { instance_metadata: shown } });
    expect((await call('owner', 'GET', deviceId)).body).toEqual({ instance_metadata: shown });
    // What is not named stays.
    expect(await put('owner', deviceId, { hostname: null })).toMatchObject({
      body: { instance_metadata: { ...shown, hostname: null } },
    });
    const other = await put('owner', deviceId, { public_keys: { c: KEY }, user_data: null });
    expect(other.body).toEqual({
      instance_metadata: { ...shown, hostname: null, public_keys: { c: KEY }, user_data: null },
    });
    expect((await call('owner', 'DELETE', deviceId)).status).toBe(204);
    for (const method of ['GET', 'DELETE'])
      expect(await call('owner', method, deviceId)).toMatchObject({
        status: 404,
        body: refusal('InstanceMetadataNotFound', deviceId),
      });
  });

  it('is for its project and administrators: others find nothing, readers change nothing', async () => {
    const deviceId = randomUUID();
    await port('owner', deviceId);
    await put('owner', deviceId, { hostname: 'web' });
    const answers: Record<string, Partial<Record<Persona, number>>> = {};
    for (const [name, ask] of Object.entries({
      show: (who: Persona) => call(who, 'GET', deviceId),
      showByProject: (who: Persona) => call(who, 'GET', deviceId, undefined, `?project_id=${world.projectOf('owner')}`),
      set: (who: Persona) => put(who, deviceId, { hostname: `by-${who}` }),
      setByProject: (who: Persona) =>
        put(who, deviceId, { project_id: world.projectOf('owner'), hostname: `by-${who}` }),
      remove: (who: Persona) => call(who, 'DELETE', deviceId),
    }))
      for (const who of ['reader', 'other', 'admin', 'owner'] as const)
        answers[name] = { ...answers[name], [who]: (await ask(who)).status };
    expect(answers).toEqual({
      show: { reader: 200, other: 404, admin: 200, owner: 200 },
      showByProject: { reader: 200, other: 404, admin: 200, owner: 200 },
      set: { reader: 403, other: 404, admin: 200, owner: 200 },
      setByProject: { reader: 403, other: 404, admin: 200, owner: 200 },
      remove: { reader: 403, other: 404, admin: 204, owner: 404 },
    });
  });

  it('is of one project: a port of another one with the same device id opens nothing', async () => {
    const deviceId = randomUUID();
    await port('owner', deviceId);
    await put('owner', deviceId, { user_data: base64(5) });
    await port('other', deviceId);
    expect((await call('other', 'GET', deviceId)).status).toBe(404);
    expect((await put('other', deviceId, { hostname: 'theirs' })).status).toBe(200);
    expect(await call('other', 'GET', deviceId)).toMatchObject({ body: { instance_metadata: { user_data: null } } });
    expect(await call('owner', 'GET', deviceId)).toMatchObject({
      body: { instance_metadata: { user_data: base64(5), hostname: null } },
    });
    // An administrator says whose.
    expect(await call('admin', 'GET', deviceId)).toMatchObject({
      status: 409,
      body: refusal('InstanceAmbiguous', 'project_id'),
    });
    for (const who of ['owner', 'other'] as const)
      expect(await call('admin', 'GET', deviceId, undefined, `?project_id=${world.projectOf(who)}`)).toMatchObject({
        status: 200,
        body: { instance_metadata: { project_id: world.projectOf(who) } },
      });
  });

  it('is not for routers, nor for a device without port', async () => {
    const router = await world.make('owner', 'routers', 'router', { name: 'r' });
    const subnet = await world.make('owner', 'subnets', 'subnet', {
      network_id: networkId,
      ip_version: 4,
      cidr: '10.77.0.0/24',
    });
    expect(
      (await world.as('owner', 'PUT', `routers/${router}/add_router_interface`, { subnet_id: subnet })).status,
    ).toBe(200);
    for (const deviceId of [router, randomUUID(), 'x'.repeat(255), 'with / and ?'])
      expect(await put('owner', deviceId, { hostname: 'web' })).toMatchObject({
        status: 404,
        body: refusal('InstanceNotFound', 'create its port first'),
      });
    expect((await put('owner', 'x'.repeat(256), { hostname: 'web' })).status).toBe(404);
  });

  it('goes with the last port, and not before', async () => {
    const deviceId = 'a device, /named/ freely?';
    const ports = [await port('owner', deviceId), await port('owner', deviceId)];
    await put('owner', deviceId, { hostname: 'web' });
    expect((await world.as('owner', 'DELETE', `ports/${ports[0]}`)).status).toBe(204);
    expect((await call('owner', 'GET', deviceId)).status).toBe(200);
    expect((await world.as('owner', 'DELETE', `ports/${ports[1]}`)).status).toBe(204);
    expect((await call('owner', 'GET', deviceId)).status).toBe(404);
    await port('owner', deviceId);
    expect((await call('owner', 'GET', deviceId)).status).toBe(404);
  });
});

describe('a request that is refused', () => {
  let deviceId: string;
  beforeAll(async () => {
    deviceId = randomUUID();
    await port('owner', deviceId);
    await put('owner', deviceId, { hostname: 'before' });
  });

  it.each<readonly [string, unknown, RegExp]>([
    ['an unknown member', { metadata: {} }, /Unrecognized attribute\(s\) 'metadata'/],
    ['a member that is only shown', { device_id: 'x' }, /read-only attribute device_id/],
    ['a host name that is none', { hostname: 'web one' }, /'web one' is not a host name/],
    ['a host name that is no text', { hostname: 7 }, /is not a host name/],
    ['keys in a list', { public_keys: [KEY] }, /an object of names and public keys/],
    ['a name of a key with a line break', { public_keys: { 'a\nb': KEY } }, /is not a name of a key/],
    ['a name that objects inherit', JSON.parse(`{"public_keys": {"__proto__": "${KEY}"}}`), /is not a name of a key/],
    ['a key of two lines', { public_keys: { a: `${KEY}\n${KEY}` } }, /the key 'a' is not one line/],
    ['a key that is too long', { public_keys: { a: `ssh-rsa ${'A'.repeat(16_384)}` } }, /one line of at most 16384/],
    [
      'too many keys',
      { public_keys: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`k${n}`, KEY])) },
      /more than 32 keys/,
    ],
    [
      'keys that are too much together',
      { public_keys: Object.fromEntries(Array.from({ length: 5 }, (_, n) => [`k${n}`, 'A'.repeat(16_000)])) },
      /longer than 65536 characters together/,
    ],
    ['user data that is no base64', { user_data: 'not base64' }, /it is not base64/],
    ['user data that is too large', { user_data: base64(65_537) }, /65537 bytes of user data are more than 65536/],
  ])('for %s says so, and changes nothing', async (_what, given, message) => {
    expect(await put('owner', deviceId, given)).toMatchObject({
      status: 400,
      body: refusal('HTTPBadRequest', message),
    });
    expect(await call('owner', 'GET', deviceId)).toMatchObject({
      body: { instance_metadata: { hostname: 'before', public_keys: {}, user_data: null } },
    });
  });

  it('for what is no such body, or a strange query', async () => {
    const path = `instance-metadata/${deviceId}`;
    for (const body of [{}, { instance: {} }, { instance_metadata: 7 }])
      expect((await world.as('owner', 'PUT', path, body)).status).toBe(400);
    expect((await world.as('owner', 'GET', `${path}?fields=hostname`)).status).toBe(400);
    expect((await world.as('owner', 'POST', path, {})).status).toBe(405);
    expect((await world.as('owner', 'GET', 'instance-metadata')).status).toBe(404);
  });

  it('takes what is as large as it may be', async () => {
    const keys = Object.fromEntries(Array.from({ length: 4 }, (_, n) => [`k${n}`, `ssh-rsa ${'A'.repeat(16_376)}`]));
    const given = { hostname: `${'a'.repeat(63)}.${'b'.repeat(63)}`, public_keys: keys, user_data: base64(65_536) };
    expect(await put('owner', deviceId, given)).toMatchObject({ status: 200, body: { instance_metadata: given } });
  });
});

describe('plumb instance', () => {
  let deviceId: string;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plumb-instance-'));
    await writeFile(join(folder, 'laptop.pub'), `# mine\n${KEY}\n`);
    await writeFile(join(folder, 'two.pub'), `${KEY}\n${KEY}\n`);
    await writeFile(join(folder, 'private'), '-----BEGIN OPENSSH PRIVATE KEY-----');
    await writeFile(join(folder, 'user-data'), Buffer.from([0, 255, 10, 7]));
    await writeFile(join(folder, 'empty'), '');
    deviceId = `device of ${randomUUID()}`;
    await port('owner', deviceId);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The command as the person logs in; paths are in the folder. */
  async function plumb(
    persona: Persona,
    ...args: string[]
  ): Promise<Readonly<{ code: number; out: string; error: string }>> {
    const env = { PATH: process.env['PATH'], OS_TOKEN: world.tokenOf(persona)['x-auth-token'] };
    return new Promise((resolve) =>
      execFile(
        process.execPath,
        [CLI, 'instance', ...args, '--api', world.api.url],
        { env, cwd: folder },
        (error, out, said) => resolve({ code: error ? Number(error.code) : 0, out, error: said }),
      ),
    );
  }

  it('sets and shows, as the API says', async () => {
    const keys = ['--public-key', 'laptop.pub', '--public-key', 'other=./laptop.pub'];
    const made = await plumb('owner', 'set', deviceId, ...keys, '--user-data', 'user-data', '--hostname', 'web');
    expect(made).toMatchObject({ code: 0, out: expect.stringContaining('4 bytes of user data') });
    const shown = {
      hostname: 'web',
      public_keys: { laptop: KEY, other: KEY },
      user_data: Buffer.from([0, 255, 10, 7]).toString('base64'),
    };
    expect(await call('owner', 'GET', deviceId)).toMatchObject({ body: { instance_metadata: shown } });
    expect(JSON.parse((await plumb('owner', 'show', deviceId, '--json')).out)).toMatchObject(shown);
  });

  it('takes away one by one, and all, and shows nothing to others', async () => {
    await put('owner', deviceId, { hostname: 'web', public_keys: { laptop: KEY, other: KEY }, user_data: base64(4) });
    expect((await plumb('owner', 'set', deviceId, '--user-data', 'empty', '--hostname', '')).out).toMatch(
      /host name: that of its port\n.*public key laptop: ssh-ed25519.*\n.*\n {2}no user data/,
    );
    expect((await plumb('admin', 'show', deviceId, '--project', world.projectOf('owner'))).code).toBe(0);
    expect(await plumb('other', 'show', deviceId)).toMatchObject({
      code: 1,
      error: expect.stringContaining('not be found'),
    });
    expect((await plumb('owner', 'unset', deviceId)).code).toBe(0);
    expect((await call('owner', 'GET', deviceId)).status).toBe(404);
  });

  it.each<readonly [string, readonly string[], RegExp]>([
    ['nothing to set', [], /what shall be set/],
    ['two keys in a file', ['--public-key', 'two.pub'], /holds 2 keys/],
    ['a private key', ['--public-key', 'private'], /is a private key/],
    [
      'two keys of one name',
      ['--public-key', 'laptop.pub', '--public-key', 'laptop.pub'],
      /two keys are called laptop/,
    ],
    ['a file that is not there', ['--user-data', 'nowhere'], /ENOENT/],
  ])('refuses %s', async (_what, args, message) => {
    expect(await plumb('owner', 'set', deviceId, ...args)).toMatchObject({
      code: 1,
      error: expect.stringMatching(message),
    });
  });
});

it('an API on a database that was not migrated says what to run, and ends', async () => {
  const { database, serviceUrl, natsUrl } = world.api;
  await database.query('ALTER TABLE plumbline.instance_data RENAME TO not_there_yet');
  const environment = { DATABASE_URL: serviceUrl, NATS_URL: natsUrl, PLUMB_LISTEN: '127.0.0.1:0' };
  const { code, said } = await refusedStart(environment).finally(() =>
    database.query('ALTER TABLE plumbline.not_there_yet RENAME TO instance_data'),
  );
  expect({ code, said }).toEqual({ code: 1, said: expect.stringContaining('run "plumb db migrate"') });
});
