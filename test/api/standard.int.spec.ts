/** What all resources have in common: tags, `If-Match` on revisions, and quotas. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess } from './api-process.js';

type Network = { id: string; name: string; tags: string[]; revision_number: number };

let api: ApiProcess;
beforeAll(async () => {
  api = await ApiProcess.start();
});
afterAll(() => api?.stop());

const make = (name: string) => api.make<Network>('POST', '/v2.0/networks', { network: { name } });
const names = async (query: string): Promise<string[]> => {
  const { body } = await api.call('GET', `/v2.0/networks?${query}`);
  return (body as { networks: Network[] }).networks.map(({ name }) => name).sort();
};

describe('tags', () => {
  let network: Network;
  const tags = (sub = '') => `/v2.0/networks/${network.id}/tags${sub}`;

  beforeAll(async () => {
    network = await make('tagged');
  });

  it('are put, shown, found and taken away, one by one and all at once', async () => {
    expect((await api.call('PUT', tags('/red'))).status).toBe(201);
    expect(await api.call('GET', tags('/red'))).toMatchObject({ status: 204, body: null });
    expect((await api.call('GET', tags('/blue'))).status).toBe(404);
    expect(await api.call('PUT', tags(), { tags: ['b', 'a', 'b'] })).toMatchObject({
      status: 200,
      body: { tags: ['a', 'b'] },
    });
    expect((await api.call('GET', tags())).body).toEqual({ tags: ['a', 'b'] });
    const shown = (await api.call('GET', `/v2.0/networks/${network.id}`)).body as { network: Network };
    expect(shown.network.tags).toEqual(['a', 'b']);
    expect((await api.call('DELETE', tags('/a'))).status).toBe(204);
    expect(await api.call('DELETE', tags('/a'))).toMatchObject({
      status: 404,
      body: { NeutronError: { type: 'TagNotFound' } },
    });
    expect((await api.call('DELETE', tags())).status).toBe(204);
    expect((await api.call('GET', tags())).body).toEqual({ tags: [] });
  });

  it.each([[{ tags: 'x' }], [{ tags: [''] }], [{ tags: ['a,b'] }], [{}], [{ tags: ['x'.repeat(256)] }]])(
    'refuse %j',
    async (body) => {
      expect((await api.call('PUT', tags(), body)).status).toBe(400);
    },
  );

  it('of an object that does not exist are not found', async () => {
    const absent = '/v2.0/networks/00000000-0000-4000-8000-000000000000/tags';
    for (const [method, path] of [
      ['GET', ''],
      ['PUT', '/x'],
      ['DELETE', ''],
    ] as const)
      expect((await api.call(method, `${absent}${path}`)).body).toMatchObject({
        NeutronError: { type: 'NetworkNotFound' },
      });
  });

  it('narrow lists', async () => {
    for (const [name, words] of [
      ['t-1', ['x']],
      ['t-2', ['x', 'y']],
      ['t-3', []],
    ] as const) {
      const { id } = await make(name);
      await api.call('PUT', `/v2.0/networks/${id}/tags`, { tags: words });
    }
    const among = (query: string) => names(query).then((all) => all.filter((name) => name.startsWith('t-')));
    expect(await among('tags=x')).toEqual(['t-1', 't-2']);
    expect(await among('tags=x,y')).toEqual(['t-2']);
    expect(await among('tags-any=y,x')).toEqual(['t-1', 't-2']);
    expect(await among('not-tags=x,y')).toEqual(['t-1', 't-3']);
    expect(await among('not-tags-any=x,y')).toEqual(['t-3']);
    expect(await among('tags=x&not-tags=y')).toEqual(['t-1']);
  });
});

describe('If-Match', () => {
  it('lets a change pass only at the revision that the client knows', async () => {
    const { id, revision_number: revision } = await make('precious');
    const path = `/v2.0/networks/${id}`;
    const put = (name: string, match: string) => api.call('PUT', path, { network: { name } }, { 'if-match': match });
    expect(await put('b', `revision_number=${revision + 7}`)).toMatchObject({
      status: 412,
      body: { NeutronError: { type: 'RevisionNumberConstraintFailed' } },
    });
    expect((await put('b', `revision_number=${revision}`)).status).toBe(200);
    expect((await put('c', `revision_number=${revision}`)).status).toBe(412);
    expect((await put('c', 'nonsense')).status).toBe(400);
    expect((await put('c', '*')).status).toBe(200);
    expect((await api.call('DELETE', path, undefined, { 'if-match': `revision_number=${revision}` })).status).toBe(412);
    expect((await api.call('DELETE', path, undefined, { 'if-match': `revision_number=${revision + 2}` })).status).toBe(
      204,
    );
  });
});

describe('quotas', () => {
  const quota = (project: string, sub = '') => `/v2.0/quotas/${project}${sub}`;
  const network = (project: string) => ({ network: { project_id: project } });

  it('are the defaults until a project has its own, and again when it has not', async () => {
    const fresh = await api.call('GET', quota('p'));
    expect(fresh.body).toEqual((await api.call('GET', quota('p', '/default'))).body);
    expect((fresh.body as { quota: object }).quota).toEqual({
      network: 100,
      subnet: 100,
      subnetpool: -1,
      port: 500,
      router: 10,
      floatingip: 50,
      rbac_policy: 10,
      security_group: 10,
      security_group_rule: 100,
    });
    const set = await api.call('PUT', quota('p'), { quota: { network: 2 } });
    expect(set).toMatchObject({ status: 200, body: { quota: { network: 2, port: 500 } } });
    expect(((await api.call('GET', '/v2.0/quotas')).body as { quotas: object[] }).quotas).toMatchObject([
      { tenant_id: 'p', network: 2 },
    ]);
    for (let n = 0; n < 2; n += 1) expect((await api.call('POST', '/v2.0/networks', network('p'))).status).toBe(201);
    expect(await api.call('POST', '/v2.0/networks', network('p'))).toMatchObject({
      status: 409,
      body: { NeutronError: { type: 'OverQuota', message: "Quota exceeded for resources: ['network']." } },
    });
    expect((await api.call('GET', quota('p', '/details.json'))).body).toMatchObject({
      quota: { network: { limit: 2, used: 2, reserved: 0 } },
    });
    const lower = { quota: { network: 1, check_limit: true } };
    expect((await api.call('PUT', quota('p'), lower)).status).toBe(400);
    expect((await api.call('DELETE', quota('p'))).status).toBe(204);
    expect((await api.call('DELETE', quota('p'))).status).toBe(404);
    expect((await api.call('POST', '/v2.0/networks', network('p'))).status).toBe(201);
  });

  it.each([
    [{ quota: { network: -2 } }],
    [{ quota: { nets: 1 } }],
    [{ quota: { network: 'x' } }],
    [{}],
    [{ quota: [] }],
  ])('refuse %j', async (body) => {
    expect((await api.call('PUT', quota('p'), body)).status).toBe(400);
  });

  it('hold for a bulk as a whole: all or none', async () => {
    await api.call('PUT', quota('bulk'), { quota: { network: 3 } });
    const four = { networks: Array.from({ length: 4 }, () => ({ project_id: 'bulk' })) };
    expect((await api.call('POST', '/v2.0/networks', four)).status).toBe(409);
    expect(await names('project_id=bulk')).toEqual([]);
    expect((await api.call('POST', '/v2.0/networks', { networks: four.networks.slice(1) })).status).toBe(201);
  });

  it('are not exceeded by 32 clients of two API processes; deleting frees quota again', async () => {
    const other = await api.beside();
    await api.call('PUT', quota('race'), { quota: { network: 10 } });
    const post = (url: string) =>
      fetch(`${url}/v2.0/networks`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(network('race')),
      }).then(({ status }) => status);
    const count = (all: readonly number[]) => [201, 409].map((status) => all.filter((each) => each === status).length);
    const first = await Promise.all(Array.from({ length: 32 }, (_, n) => post(n % 2 ? other : api.url)));
    expect(count(first)).toEqual([10, 22]);
    const { body } = await api.call('GET', '/v2.0/networks?project_id=race');
    const made = (body as { networks: Network[] }).networks;
    await Promise.all(made.slice(0, 4).map(({ id }) => api.call('DELETE', `/v2.0/networks/${id}`)));
    const second = await Promise.all(Array.from({ length: 32 }, (_, n) => post(n % 2 ? other : api.url)));
    expect(count(second)).toEqual([4, 28]);
    const { rows } = await api.database.query(`SELECT count FROM plumbline.tallies WHERE key = 'network/race'`);
    expect(rows).toEqual([{ count: '10' }]);
  });
});

describe('RBAC policies', () => {
  it('are made, changed, listed and deleted; a second like it is refused', async () => {
    const { id } = await make('shared-with');
    const wanted = { object_type: 'network', object_id: id, action: 'access_as_shared', target_tenant: 'other' };
    const made = await api.make<{ id: string }>('POST', '/v2.0/rbac-policies', { rbac_policy: wanted });
    expect(made).toMatchObject(wanted);
    expect(await api.call('POST', '/v2.0/rbac-policies', { rbac_policy: wanted })).toMatchObject({
      status: 409,
      body: { NeutronError: { type: 'DuplicateRbacPolicy' } },
    });
    const path = `/v2.0/rbac-policies/${made.id}`;
    expect((await api.call('PUT', path, { rbac_policy: { target_tenant: '*' } })).body).toMatchObject({
      rbac_policy: { target_tenant: '*' },
    });
    expect((await api.call('PUT', path, { rbac_policy: { action: 'x' } })).status).toBe(400);
    const listed = (await api.call('GET', `/v2.0/rbac-policies?object_id=${id}`)).body as { rbac_policies: object[] };
    expect(listed.rbac_policies).toHaveLength(1);
    expect((await api.call('DELETE', `/v2.0/networks/${id}`)).status).toBe(204);
    expect(await api.call('GET', path)).toMatchObject({ status: 404 });
  });

  it.each([
    [{ object_type: 'port' }, 400],
    [{ object_id: '00000000-0000-4000-8000-000000000000' }, 404],
    [{ action: 'access_as_owner' }, 400],
  ])('refuse %j', async (wrong, status) => {
    const { id } = await make('other');
    const wanted = { object_type: 'network', object_id: id, action: 'access_as_shared', target_tenant: 'x', ...wrong };
    expect((await api.call('POST', '/v2.0/rbac-policies', { rbac_policy: wanted })).status).toBe(status);
  });
});
