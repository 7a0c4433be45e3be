import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import http from 'node:http';
import pg from 'pg';
import { createLogger } from '@plumbline/telemetry';
import { createDataSource } from '@plumbline/event-store';
import { CREDENTIAL_ENTITIES, RevocationEntity, Revocations } from '@plumbline/identity/login';
import { ApiProcess, eventually } from './api-process.js';
import { IdentityProcess } from './identity-process.js';

describe('requests of a project', () => {
  let cloud: IdentityProcess;
  beforeAll(async () => {
    const users = [
      { name: 'ann', project: 'garden', role: 'member' },
      { name: 'bob', project: 'house', role: 'member' },
    ] as const;
    cloud = await IdentityProcess.start(users, { PLUMB_REQUESTS_PER_SECOND: '20' });
  });
  afterAll(() => cloud?.stop());

  it('are counted, and those of another are not hindered', async () => {
    const [ann, bob] = [await cloud.token('ann', 'garden'), await cloud.token('bob', 'house')];
    const ask = (token: string) => cloud.api.call('GET', '/v2.0/networks', undefined, { 'x-auth-token': token });
    const answers = await Promise.all(Array.from({ length: 60 }, () => ask(ann)));
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(20);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused).toMatchObject({ body: { NeutronError: { type: 'OverLimit', detail: '' } } });
    expect(refused?.headers.get('retry-after')).toBe('1');
    expect((await ask(bob)).status).toBe(200);
    await eventually(async () => ((await ask(ann)).status === 200 ? true : undefined));
  });

  it('revoked tokens are known to every process within seconds, and forgotten when they would have expired', async () => {
    const pool = new pg.Pool({ connectionString: cloud.api.serviceUrl, max: 2 });
    const logger = createLogger({ name: 'test', level: 'silent' });
    const source = createDataSource(cloud.api.serviceUrl, { poolSize: 2, entities: CREDENTIAL_ENTITIES });
    const rows = (await source.initialize()).getRepository(RevocationEntity);
    const [here, there] = [new Revocations(rows, logger), new Revocations(rows, logger)];
    try {
      await pool.query(
        `INSERT INTO plumbline.revoked_tokens (key, expires_at) VALUES ('token old', now() - interval '1 s')`,
      );
      await Promise.all([here.start(), there.start()]);
      await here.revoke('token x', Date.now() + 60_000);
      expect(here.has('token x')).toBe(true);
      await eventually(async () => (there.has('token x') ? true : undefined));
      expect(there.has('token y')).toBe(false);
      const kept = await pool.query('SELECT key FROM plumbline.revoked_tokens');
      expect(kept.rows).toEqual([{ key: 'token x' }]);
    } finally {
      here.stop();
      there.stop();
      await source.destroy();
      await pool.end();
    }
  });
});

describe('without login', () => {
  let api: ApiProcess;
  beforeAll(async () => {
    api = await ApiProcess.start();
  });
  afterAll(() => api?.stop());

  const body = JSON.stringify({ network: { name: 'x' } });
  const networks = async () =>
    ((await api.call('GET', '/v2.0/networks')).body as { networks: object[] }).networks.length;

  it('serves the clients of this machine, and has no identity service', async () => {
    expect((await api.call('POST', '/v2.0/networks', body)).status).toBe(201);
    expect((await api.call('GET', '/v3')).status).toBe(404);
  });

  it('does nothing for a web page', async () => {
    const before = await networks();
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
      expect(await api.call('POST', '/v2.0/networks', body, { 'content-type': type })).toMatchObject({
        status: 400,
        body: { NeutronError: { message: expect.stringContaining("curl: -H 'Content-Type: application/json'") } },
      });
    for (const origin of ['https://evil.example', 'null'])
      expect(await api.call('POST', '/v2.0/networks', body, { origin })).toMatchObject({ status: 403 });
    expect(await networks()).toBe(before);
  });

  it('answers to names of loopback alone', async () => {
    const ask = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        http
          .get(`${api.url}/v2.0/networks`, { headers: { host } }, (answer) => {
            answer.resume();
            resolve(answer.statusCode);
          })
          .on('error', reject);
      });
    for (const host of ['evil.example', 'localhost.evil.example:9696', '10.0.0.1']) expect(await ask(host)).toBe(403);
    for (const host of ['localhost:9696', '127.0.0.1', '[::1]:80']) expect(await ask(host)).toBe(200);
  });
});
