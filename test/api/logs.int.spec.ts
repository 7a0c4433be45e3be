/** The extension `logging` of the reference: requests to log what security groups do. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, ApiProcess } from './api-process.js';

type Fields = { id: string; [attribute: string]: unknown };
const NOBODY = '00000000-0000-4000-8000-0000000000ff';

describe('logs', () => {
  let api: ApiProcess;
  let group: Fields;
  let port: Fields;
  beforeAll(async () => {
    api = await ApiProcess.start();
    group = await api.make<Fields>('POST', '/v2.0/security-groups', { security_group: { name: 'web' } });
    const network = await api.make<Fields>('POST', '/v2.0/networks', { network: {} });
    port = await api.make<Fields>('POST', '/v2.0/ports', {
      port: { network_id: network.id, security_groups: [group.id] },
    });
  });
  afterAll(async () => {
    await api?.stop();
  });
  const ask = (fields: object): Promise<Answer> => api.call('POST', '/v2.0/log/logs', { log: fields });
  const made = (fields: object) => api.make<Fields>('POST', '/v2.0/log/logs', { log: fields });
  const ids = async (query: string) => {
    const { body } = await api.call('GET', `/v2.0/log/logs${query}`);
    return (body as { logs: Fields[] }).logs.map(({ id }) => id).sort();
  };

  it('name what can be logged', async () => {
    expect(await api.call('GET', '/v2.0/log/loggable-resources')).toMatchObject({
      status: 200,
      body: { loggable_resources: [{ type: 'security_group' }] },
    });
    const { body } = await api.call('GET', '/v2.0/extensions/logging');
    expect(body).toMatchObject({ extension: { alias: 'logging' } });
  });

  it('are made, listed, changed and deleted', async () => {
    const one = await made({ resource_type: 'security_group', resource_id: group.id, name: 'a' });
    expect(one).toMatchObject({ event: 'ALL', enabled: true, target_id: null, revision_number: 0 });
    const two = await made({ resource_type: 'security_group', target_id: port.id, event: 'DROP', enabled: false });
    expect(await ids('')).toEqual([one.id, two.id].sort());
    expect(await ids(`?resource_id=${group.id}`)).toEqual([one.id]);
    expect(await ids('?event=DROP&enabled=false')).toEqual([two.id]);
    const path = `/v2.0/log/logs/${one.id}`;
    const changed = await api.call('PUT', path, { log: { enabled: false, description: 'd' } });
    expect(changed).toMatchObject({ status: 200, body: { log: { enabled: false, description: 'd' } } });
    expect((await api.call('PUT', path, { log: { event: 'DROP' } })).status).toBe(400);
    expect((await api.call('DELETE', path)).status).toBe(204);
    expect((await api.call('GET', path)).status).toBe(404);
    expect((await api.call('DELETE', `/v2.0/log/logs/${two.id}`)).status).toBe(204);
  });

  it.each([
    [{ resource_id: NOBODY }, 404],
    [{ target_id: NOBODY }, 404],
    [{}, 400],
    [{ resource_type: 'router', resource_id: NOBODY }, 400],
    [{ event: 'SOME', resource_id: NOBODY }, 400],
  ])('are refused: %j', async (fields, status) => {
    expect((await ask({ resource_type: 'security_group', ...fields })).status).toBe(status);
  });

  it('go with the port and the group', async () => {
    await made({ resource_type: 'security_group', target_id: port.id, resource_id: group.id });
    await made({ resource_type: 'security_group', resource_id: group.id });
    await api.call('DELETE', `/v2.0/ports/${port.id}`);
    expect(await ids('')).toHaveLength(1);
    expect((await api.call('DELETE', `/v2.0/security-groups/${group.id}`)).status).toBe(204);
    expect(await ids('')).toEqual([]);
  });

  it('are at no other path', async () => {
    for (const path of ['/v2.0/logs', '/v2.0/log', '/v2.0/log/others'])
      expect((await api.call('GET', path)).status).toBe(404);
  });
});
