/**
 * A list of a cloud that was filled within a minute: the database has not counted anything yet (autovacuum looks once a minute), so its planner guesses. No row may then cost
 * a pass over another table.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { both, cases, isOneOf, read, word } from '../../apps/api/src/neutron/computed/computed.js';
import { PRESENT } from '../../apps/api/src/neutron/tables.js';
import { ApiProcess } from './api-process.js';
import { ObservedNode } from './observed.js';

const PORTS = 2_000;
const CLAIMS = 80_000;
/** Many times what it takes. With a pass over all claims for each port it takes minutes. */
const WITHIN_MS = 5_000;

let api: ApiProcess;
beforeAll(async () => {
  api = await ApiProcess.start({ PLUMB_QUOTAS: '*=-1' });
  for (const table of ['claims', 'ports', 'object_status'])
    await api.database.query(`ALTER TABLE plumbline.${table} SET (autovacuum_enabled = false)`);
  const node = await ObservedNode.start(api, 'cmp1');
  // A DHCP agent that lives: what ports wait for is looked at.
  await node.report('dhcp', []);
  await node.stop();
  const network = await api.make<{ id: string }>('POST', '/v2.0/networks', { network: { name: 'n' } });
  const subnet = { network_id: network.id, ip_version: 4, cidr: '10.0.0.0/16' };
  await api.make('POST', '/v2.0/subnets', { subnet });
  const port = { network_id: network.id, 'binding:host_id': 'cmp1' };
  const { id } = await api.make<{ id: string }>('POST', '/v2.0/ports', { port });
  await api.database.query(
    `INSERT INTO plumbline.claims SELECT 'address/' || md5(n::text) || '/' || n FROM generate_series(1, ${CLAIMS}) n`,
  );
  await api.database.query(
    `INSERT INTO plumbline.objects (id, kind, project_id, name, version, position, doc, set_at)
     SELECT md5('port' || n)::uuid::text, kind, project_id, '', version, position,
       doc || jsonb_build_object('id', md5('port' || n)::uuid::text), set_at
     FROM plumbline.objects, generate_series(1, ${PORTS}) n WHERE id = $1`,
    [id],
  );
}, 240_000);
afterAll(() => api?.stop());

const tookMs = async (): Promise<number> => {
  const began = performance.now();
  const { status, body } = await api.call('GET', '/v2.0/ports?fields=id&fields=status');
  // And the DHCP server's.
  expect([status, (body?.['ports'] as unknown[] | undefined)?.length]).toEqual([200, PORTS + 2]);
  return performance.now() - began;
};

it('of ports of which no agent has said anything', async () => {
  expect(await tookMs()).toBeLessThan(WITHIN_MS);
});

it('of ports that are wired', async () => {
  await api.database.query(
    `INSERT INTO plumbline.object_status (agent_kind, object_kind, object_id, host, position, status, updated_at)
     SELECT 'ovs', 'port', id, 'cmp1', 1000000, 'ACTIVE', now() FROM plumbline.objects WHERE kind = 'port'
     ON CONFLICT DO NOTHING`,
  );
  expect(await tookMs()).toBeLessThan(WITHIN_MS);
});

it('a condition is not looked at where one before it is not known to hold', async () => {
  const [unknown, fails] = [read(() => 'n.nothing'), read(() => '1 / n.zero = 1')];
  const value = cases([[both(isOneOf(unknown, 'x'), fails), word('a')]], word('b')).sql(PRESENT);
  const { rows } = await api.database.query(`SELECT ${value} AS is FROM (VALUES (NULL::text, 0)) n (nothing, zero)`);
  expect(rows).toEqual([{ is: 'b' }]);
});
