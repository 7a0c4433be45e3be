import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ApiProcess, eventually } from '../api/api-process.js';
import { KeystoneServer, startKeystone } from './keystone-server.js';

const domain = { id: 'default' };
let folder: string;
let keystone: KeystoneServer;
/** Two cache times: one after which we soon ask again, and one after which we hardly ever do. */
let api: ApiProcess, patient: ApiProcess;
let admin: string;
const ids: Record<string, string> = {};

/** Requests to Keystone itself, to make what a test needs. */
async function make(path: string, name: string, body: object, method = 'POST'): Promise<string> {
  const response = await fetch(`${keystone.url}/${path}`, {
    method,
    headers: { 'x-auth-token': admin, 'content-type': 'application/json' },
    ...(method === 'POST' && { body: JSON.stringify({ [name]: body }) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? '' : ((JSON.parse(text) as Record<string, { id: string }>)[name]?.id ?? '');
}

async function logIn(name: string, password: string, project?: string): Promise<string> {
  const identity = { methods: ['password'], password: { user: { name, domain, password } } };
  const scope = project === undefined ? 'unscoped' : { project: { name: project, domain } };
  const response = await fetch(`${keystone.url}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity, scope } }),
  });
  if (!response.ok) throw new Error(`${name} cannot log in: ${response.status} ${await response.text()}`);
  return response.headers.get('x-subject-token') ?? '';
}

const ask = (at: ApiProcess, token: string) => at.call('GET', '/v2.0/networks', undefined, { 'x-auth-token': token });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), `plumb-keystone-client-${process.pid}-`));
  keystone = await startKeystone();
  admin = await logIn('admin', keystone.adminPassword, 'admin');
  ids['garden'] = await make('projects', 'project', { name: 'garden' });
  const roles = (await (await fetch(`${keystone.url}/roles`, { headers: { 'x-auth-token': admin } })).json()) as {
    roles: { id: string; name: string }[];
  };
  for (const { id, name } of roles.roles) ids[name] = id;
  ids['king'] = await make('roles', 'role', { name: 'king' });
  for (const [user, role] of [
    ['ann', 'member'],
    ['rob', 'reader'],
    ['tut', 'king'],
  ] as const) {
    const id = await make('users', 'user', { name: user, password: `${user}'s password` });
    await make(`projects/${ids['garden']}/users/${id}/roles/${ids[role]}`, '', {}, 'PUT');
  }
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, `${keystone.adminPassword}\n`);
  const environment = (cacheSeconds: string) => ({
    PLUMB_AUTH: 'keystone',
    PLUMB_KEYSTONE_URL: keystone.url,
    PLUMB_KEYSTONE_USER: 'admin',
    PLUMB_KEYSTONE_PROJECT: 'admin',
    PLUMB_KEYSTONE_PASSWORD_FILE: passwordFile,
    PLUMB_KEYSTONE_CACHE_SECONDS: cacheSeconds,
  });
  [api, patient] = await Promise.all([ApiProcess.start(environment('1')), ApiProcess.start(environment('600'))]);
}, 180_000);
afterAll(async () => {
  await Promise.all([api?.stop(), patient?.stop(), keystone?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

describe('a real Keystone', () => {
  it('says who asks, for which project, with which role', async () => {
    const ann = await logIn('ann', "ann's password", 'garden');
    const made = await api.call('POST', '/v2.0/networks', { network: { name: 'bed' } }, { 'x-auth-token': ann });
    expect(made).toMatchObject({ status: 201, body: { network: { project_id: ids['garden'] } } });
    expect((await ask(api, await logIn('rob', "rob's password", 'garden'))).status).toBe(200);
    expect((await ask(api, admin)).body).toMatchObject({ networks: [{ name: 'bed' }] });
    expect((await api.call('GET', '/plumbline/v1/nodes/x/view', undefined, { 'x-auth-token': ann })).status).toBe(403);
    expect((await api.call('GET', '/plumbline/v1/nodes/x/view', undefined, { 'x-auth-token': admin })).status).toBe(
      200,
    );
  });

  it('refuses an unknown token, and the answer says where to log in', async () => {
    for (const token of ['', 'nonsense', `${admin}x`]) {
      const answer = await ask(api, token);
      expect(answer).toMatchObject({ status: 401, body: { error: { code: 401, title: 'Unauthorized' } } });
      expect(answer.headers.get('www-authenticate')).toBe(`Keystone uri="${keystone.url}"`);
    }
    expect(await api.call('GET', '/')).toMatchObject({ status: 200 });
    expect(await api.call('GET', '/v3')).toMatchObject({ status: 404 });
  });

  it('gives tokens without a project, or without a role that is known here, which are refused', async () => {
    expect(await ask(api, await logIn('ann', "ann's password"))).toMatchObject({
      status: 401,
      body: { error: { message: expect.stringContaining('for no project') } },
    });
    expect(await ask(api, await logIn('tut', "tut's password", 'garden'))).toMatchObject({
      status: 403,
      body: { error: { message: expect.stringContaining('none of the roles') } },
    });
  });

  it('is asked again after a while, so that a revoked token ends', async () => {
    const ann = await logIn('ann', "ann's password", 'garden');
    expect((await ask(api, ann)).status).toBe(200);
    await fetch(`${keystone.url}/auth/tokens`, {
      method: 'DELETE',
      headers: { 'x-auth-token': admin, 'x-subject-token': ann },
    });
    await eventually(async () => ((await ask(api, ann)).status === 401 ? true : undefined));
  });

  it('serves the openstack client with a catalogue that names us', async () => {
    const service = await make('services', 'service', { type: 'network', name: 'neutron' });
    await make('endpoints', 'endpoint', {
      service_id: service,
      interface: 'public',
      url: api.url,
      region_id: 'RegionOne',
    });
    const env = {
      PATH: process.env['PATH'],
      HOME: '/nonexistent',
      OS_AUTH_URL: keystone.url,
      OS_USERNAME: 'ann',
      OS_PASSWORD: "ann's password",
      OS_PROJECT_NAME: 'garden',
      OS_USER_DOMAIN_ID: 'default',
      OS_PROJECT_DOMAIN_ID: 'default',
    };
    const { stdout } = await promisify(execFile)('openstack', ['network', 'list', '-f', 'json'], { env });
    expect(JSON.parse(stdout)).toMatchObject([{ Name: 'bed' }]);
  }, 120_000);

  it('while it is down: known tokens keep working, others get 503 and not 401, so that clients keep them', async () => {
    const [ann, rob] = [await logIn('ann', "ann's password", 'garden'), await logIn('rob', "rob's password", 'garden')];
    for (const at of [patient, api]) expect((await ask(at, ann)).status).toBe(200);
    await keystone.stop();
    expect((await ask(patient, ann)).status).toBe(200);
    // There the answer about ann's token is kept for a second; what is accepted after that is accepted without Keystone.
    const accepted = async () => {
      const { checks } = (await api.call('GET', '/healthz')).body as { checks: { logins: Record<string, unknown> } };
      return checks.logins;
    };
    // A Keystone that was slow before has counted, too.
    const before = Number((await accepted())['acceptedInGrace']);
    await eventually(async () => {
      expect((await ask(api, ann)).status).toBe(200);
      return Number((await accepted())['acceptedInGrace']) > before + 1 ? true : undefined;
    });
    expect(await accepted()).toMatchObject({ ok: true, detail: expect.stringContaining('has not answered since') });
    for (const at of [patient, api])
      expect(await ask(at, rob)).toMatchObject({
        status: 503,
        body: {
          NeutronError: { type: 'ServiceUnavailable', message: expect.stringMatching(/Keystone.*ECONNREFUSED/) },
        },
      });
  });
});
