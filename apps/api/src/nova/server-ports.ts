/**
 * What was last said to Nova of each port of a server, and that it is to be said anew. Whoever stores a change of what agents report does this in the same transaction.
 *
 * Goals: each change of a port's status makes one row, in the order of the changes, whichever process of the API stores it; a status that changes by itself (a DHCP
 * agent that dies is waited for no more) is found a little later.
 * Design: the status is the one that the API shows (neutron/computed/statuses.ts). It is compared with what was said of the port as it is bound now: of another
 * server or binding nothing was said. The port's row is locked first, so of two reports of one port the second sees what the first has stored.
 */
import { decidingAgent, NOT_ACTIVE_HERE } from '@plumbline/contracts';
import { isOfServer } from '@plumbline/event-store';
import { SERVER_EVENT } from '@plumbline/topology';
import type pg from 'pg';
import { ports } from '../neutron/resources/ports.js';
import { PRESENT } from '../neutron/tables.js';

type Queries = Pick<pg.ClientBase, 'query'>;

const PORTS = PRESENT.of('port');
/** The ports of these ids, each by its index: the planner would rather read all ports and judge each. */
const NAMED = `unnest($1::text[]) w (id), LATERAL (SELECT * FROM ${PORTS} WHERE id = w.id LIMIT 1) o`;
/**
 * The host on which an instance that is about to move there is plugged already, '' for none: its binding there is not active yet. Not the one that it has left, whose
 * binding became inactive in the event that bound the port elsewhere.
 */
const READY_ON = `CASE WHEN o.doc -> 'inactiveBindings' = '{}' THEN '' ELSE coalesce((
      SELECT d.host FROM ${PRESENT.objectStatus} d WHERE d.object_kind = 'port' AND d.object_id = o.id AND d.agent_kind = '${decidingAgent.port}'
        AND d.reason = '${NOT_ACTIVE_HERE}' AND o.doc -> 'inactiveBindings' ? d.host
        AND d.position >= (o.set_at ->> ('binding:' || d.host))::bigint AND o.set_at ->> ('binding:' || d.host) <> o.set_at ->> 'binding'
      ORDER BY d.host LIMIT 1), '') END`;
/** Those of servers among `from`, as they are. */
const now = (from: string): string => `
  SELECT o.id AS port_id, o.doc ->> 'deviceId' AS server_id, (o.set_at ->> 'binding')::bigint AS binding,
    ${ports.columns?.['status']?.sql(PRESENT)} AS status, ${READY_ON} AS ready
  FROM ${from} ${(ports.joins ?? []).map((join) => join.sql(PRESENT)).join(' ')}
  WHERE ${isOfServer('o')}`;

/**
 * As the reference has it: ACTIVE is told as plugged; ERROR as a plugging that failed, unless it was plugged already; DOWN as unplugged, if it was plugged.
 * `said`: of the port as it is bound now. And that it is plugged where its instance moves to, which Nova waits for before it moves it.
 */
const NEXT = `
  SELECT n.*, n.said AS before, CASE n.status WHEN 'ACTIVE' THEN 'plugged' WHEN 'DOWN' THEN 'unplugged'
    WHEN 'ERROR' THEN CASE n.said WHEN 'unplugged' THEN 'failed' ELSE n.said END ELSE n.said END AS next
  FROM (SELECT n.*, s.ready_on, CASE WHEN s.server_id = n.server_id AND s.binding = n.binding THEN s.said ELSE 'unplugged' END AS said
    FROM now n JOIN plumbline.server_ports s ON s.port_id = n.port_id) n`;

const KNOW = `
INSERT INTO plumbline.server_ports (port_id, server_id, binding, said)
SELECT o.id, o.doc ->> 'deviceId', (o.set_at ->> 'binding')::bigint, 'unplugged' FROM ${NAMED}
WHERE ${isOfServer('o')} ORDER BY o.id ON CONFLICT (port_id) DO NOTHING`;
const LOCK = `
SELECT FROM plumbline.server_ports WHERE port_id = ANY($1) ORDER BY port_id FOR UPDATE`;
const SAY = `
WITH now AS (${now(NAMED)}), next AS (${NEXT}), kept AS (
  UPDATE plumbline.server_ports s SET server_id = n.server_id, binding = n.binding, said = n.next, ready_on = n.ready FROM next n
  WHERE s.port_id = n.port_id
    AND (s.server_id, s.binding, s.said, s.ready_on) IS DISTINCT FROM (n.server_id, n.binding, n.next, n.ready))
INSERT INTO plumbline.server_events (port_id, server_id, name, status)
SELECT port_id, server_id, CASE next WHEN 'unplugged' THEN '${SERVER_EVENT.unplugged}' ELSE '${SERVER_EVENT.plugged}' END,
  CASE next WHEN 'failed' THEN 'failed' ELSE 'completed' END
FROM next WHERE next <> before AND NOT (before = 'failed' AND next = 'unplugged')
UNION ALL SELECT port_id, server_id, '${SERVER_EVENT.plugged}', 'completed' FROM next WHERE ready NOT IN ('', ready_on)`;

/** Ports of which another thing holds than what was said. That one that was bound anew is plugged no more, the event of its binding has said. */
const DIFFERENT = `
WITH now AS (${now(`plumbline.server_ports w JOIN ${PORTS} o ON o.id = w.port_id`)}), next AS (${NEXT})
SELECT port_id FROM next WHERE next <> before OR ready <> ready_on`;
const FORGET = `
DELETE FROM plumbline.server_ports s WHERE NOT EXISTS (SELECT FROM ${PORTS} o WHERE o.id = s.port_id AND ${isOfServer('o')})`;
/** A port is bound, then its node reports it: what was bound within that time was reported within it. */
const SEED = `
WITH now AS (${now(`${PORTS} o`)})
INSERT INTO plumbline.server_ports (port_id, server_id, binding, said)
SELECT port_id, server_id, binding, CASE
    WHEN EXISTS (SELECT FROM ${PRESENT.objectStatus} d WHERE d.object_kind = 'port' AND d.object_id = port_id
      AND d.updated_at > clock_timestamp() - $1 * interval '1 second') THEN 'unplugged'
    WHEN status = 'ACTIVE' THEN 'plugged' ELSE 'failed' END
FROM now WHERE status IN ('ACTIVE', 'ERROR') ORDER BY port_id ON CONFLICT (port_id) DO NOTHING
RETURNING port_id, said`;

/** In the caller's transaction, which has changed what is reported of these ports: makes the rows of what Nova must hear now. Ports of no server are left out. */
export async function sayOf(client: Queries, portIds: readonly string[]): Promise<void> {
  await client.query(KNOW, [portIds]);
  const { rowCount } = await client.query(LOCK, [portIds]);
  if (rowCount !== 0) await client.query(SAY, [portIds]);
}

/** Makes the rows of what has changed without a report, and forgets ports that are gone. */
export async function sweepPorts(client: Queries): Promise<void> {
  await client.query(FORGET);
  const { rows } = await client.query<{ port_id: string }>(DIFFERENT);
  if (rows.length === 0) return;
  await inTransaction(client, () =>
    sayOf(
      client,
      rows.map(({ port_id }) => port_id),
    ),
  );
}

/**
 * Ports that were wired before anybody recorded what Nova hears: of one that was reported within these seconds Nova may be waiting to hear, so it is told; the others
 * count as said, for nobody waits. Repeatable: of a port that is known nothing is said again.
 */
export async function seedPorts(client: Queries, seconds: number): Promise<void> {
  await inTransaction(client, async () => {
    const { rows } = await client.query<{ port_id: string; said: string }>(SEED, [seconds]);
    const waitedFor = rows.flatMap(({ port_id, said }) => (said === 'unplugged' ? [port_id] : []));
    if (waitedFor.length > 0) await sayOf(client, waitedFor);
  });
}

async function inTransaction(client: Queries, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN');
  try {
    await work();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
