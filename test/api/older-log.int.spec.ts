/**
 * A log of an older release says that a network is shared or external by a flag of the network, and keeps policies in streams of their own. This release reads it as
 * before, and what the flag opened can be narrowed by its policy.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PlumbEvent } from '@plumbline/contracts';
import { ApiProcess } from './api-process.js';
import { written } from './written.js';

type Thing = { id: string; [name: string]: unknown };

const ID = (n: number) => `00000000-0000-4000-8000-0000000000${String(n).padStart(2, '0')}`;
const named = (projectId: string, name: string) => ({ projectId, name, description: '' });
const [NETWORK, POOL, SCOPE, OLD] = [ID(1), ID(2), ID(3), ID(4)];
const policy = (rbacPolicyId: string, objectId: string, targetProject: string) => ({
  ...{ rbacPolicyId, objectType: 'network' as const, objectId, action: 'access_as_shared' as const, targetProject },
});
const network = (networkId: string, flags: object) => ({
  type: 'NetworkCreated' as const,
  version: 1 as const,
  data: {
    ...{ networkId, ...named('a', 'n'), adminStateUp: true, mtuBytes: 1450, shared: false, external: false },
    ...{ isDefault: false, portSecurityEnabled: true, networkType: 'vxlan' as const, physicalNetwork: null },
    ...{ segmentationId: Number(networkId.slice(-2)), ...flags },
  },
});
/** As the release before wrote them. */
const EVENTS: readonly PlumbEvent[] = [
  network(NETWORK, { shared: true, external: true }),
  {
    type: 'SubnetPoolCreated',
    version: 1,
    data: {
      ...{ subnetPoolId: POOL, ...named('a', 'p'), ipVersion: 4, prefixes: ['10.0.0.0/8'], defaultPrefixLength: 24 },
      ...{ minPrefixLength: 8, maxPrefixLength: 32, defaultQuota: null, addressScopeId: null },
      ...{ shared: true, isDefault: false },
    },
  },
  {
    type: 'AddressScopeCreated',
    version: 1,
    data: { addressScopeId: SCOPE, ...named('a', 's'), ipVersion: 4, shared: true },
  },
  network(OLD, {}),
  { type: 'RbacPolicyCreated', version: 1, data: { ...policy(ID(5), OLD, '*'), ...named('', '') } },
  { type: 'RbacPolicyCreated', version: 1, data: { ...policy(ID(6), OLD, 'b'), ...named('a', '') } },
];

let api: ApiProcess;
beforeAll(async () => {
  api = await ApiProcess.start();
});
afterAll(() => api?.stop());

const get = async (url: string, path: string): Promise<unknown> =>
  Object.values((await (await fetch(`${url}/v2.0/${path}`)).json()) as object)[0];
const shown = (url: string, path: string) => get(url, path) as Promise<Thing>;
const policies = async (url: string, id: string) =>
  ((await get(url, `rbac-policies?object_id=${id}`)) as Thing[])
    .map((each) => `${String(each['action'])} ${String(each['target_tenant'])} of ${String(each['project_id'])}`)
    .sort();

describe('an older log', () => {
  it('keeps its meaning, before and after this release says it by policies', async () => {
    await written(api.serviceUrl, EVENTS);
    const opened = { shared: true, 'router:external': true };
    expect(await shown(api.url, `networks/${NETWORK}`)).toMatchObject(opened);
    expect(await shown(api.url, `networks/${OLD}`)).toMatchObject({ shared: true });
    const before = await shown(api.url, `networks/${OLD}`);
    const url = await api.beside();
    expect(await shown(url, `networks/${NETWORK}`)).toMatchObject(opened);
    expect(await policies(url, NETWORK)).toEqual(['access_as_external * of a', 'access_as_shared * of a']);
    for (const [path, id] of [
      ['subnetpools', POOL],
      ['address-scopes', SCOPE],
    ] as const) {
      expect(await shown(url, `${path}/${id}`)).toMatchObject({ shared: true });
      expect(await policies(url, id)).toEqual(['access_as_shared * of a']);
    }
    expect(await policies(url, OLD)).toEqual(['access_as_shared * of a', 'access_as_shared b of a']);
    const after = await shown(url, `networks/${OLD}`);
    expect(Number(after['revision_number'])).toBeGreaterThan(Number(before['revision_number']));
  });

  it('is adopted once, and its policies are changed and deleted like new ones', async () => {
    const head = await api.head();
    const url = await api.beside();
    expect(await api.head()).toBe(head);
    const retarget = { rbac_policy: { target_tenant: 'c' } };
    expect(await api.call('PUT', `/v2.0/rbac-policies/${ID(6)}`, retarget)).toMatchObject({ status: 200 });
    expect(await api.call('DELETE', `/v2.0/rbac-policies/${ID(6)}`)).toMatchObject({ status: 204 });
    for (const flag of [{ shared: false }, { 'router:external': false }])
      expect((await api.call('PUT', `/v2.0/networks/${NETWORK}`, { network: flag })).status).toBe(200);
    expect(await policies(url, NETWORK)).toEqual([]);
    expect(await shown(url, `networks/${NETWORK}`)).toMatchObject({ shared: false, 'router:external': false });
  });
});
