/** The rows of what Nova must hear (sql/server-event-tables.ts), as the process that tells it sees them. All functions reject as `pg` does. */
import { SERVER_EVENT } from '@plumbline/topology';
import type pg from 'pg';
import type { NovaEvent } from './nova-client.js';

type Queries = Pick<pg.ClientBase, 'query'>;

/** The last of what is to be said of a port and a server: of its plugging, or of its addresses. `upTo`: the row that says it; those before it are said with it. */
export type Due = NovaEvent & Readonly<{ changed: boolean; upTo: string }>;

/** A server is told of its port's addresses apart from its plugging. */
const ABOUT = `port_id, server_id, (name = '${SERVER_EVENT.changed}')`;
const DUE = `
SELECT * FROM (SELECT DISTINCT ON (${ABOUT}) seq::text AS "upTo", port_id AS "portId", server_id AS "serverId", name, status,
    name = '${SERVER_EVENT.changed}' AS changed FROM plumbline.server_events ORDER BY ${ABOUT}, seq DESC) last
ORDER BY "upTo"::bigint LIMIT $1`;

export async function due(client: Queries, most: number): Promise<readonly Due[]> {
  return (await client.query<Due>(DUE, [most])).rows;
}

const OVER = `
DELETE FROM plumbline.server_events e
USING unnest($1::text[], $2::text[], $3::boolean[], $4::bigint[]) AS d(port_id, server_id, changed, up_to)
WHERE e.port_id = d.port_id AND e.server_id = d.server_id AND (e.name = '${SERVER_EVENT.changed}') = d.changed AND e.seq <= d.up_to`;

/** Nova has answered: what came meanwhile stays. */
export async function over(client: Queries, events: readonly Due[]): Promise<void> {
  await client.query(OVER, [
    events.map(({ portId }) => portId),
    events.map(({ serverId }) => serverId),
    events.map(({ changed }) => changed),
    events.map(({ upTo }) => upTo),
  ]);
}

/** Rows that later ones made void go first, then those that are too old, then the oldest above the bound. Answers how many of the last two went: Nova never heard them. */
const VOID = `
DELETE FROM plumbline.server_events e WHERE EXISTS (SELECT FROM plumbline.server_events l
  WHERE l.port_id = e.port_id AND l.server_id = e.server_id AND (l.name = '${SERVER_EVENT.changed}') = (e.name = '${SERVER_EVENT.changed}') AND l.seq > e.seq)`;
const OLD = `
DELETE FROM plumbline.server_events WHERE made_at < now() - $1 * interval '1 second'`;
const MANY = `
DELETE FROM plumbline.server_events WHERE seq <= (SELECT seq FROM plumbline.server_events ORDER BY seq DESC OFFSET $1 LIMIT 1)`;

export async function bound(client: Queries, most: number, seconds: number): Promise<number> {
  await client.query(VOID);
  const [old, many] = [await client.query(OLD, [seconds]), await client.query(MANY, [most])];
  return (old.rowCount ?? 0) + (many.rowCount ?? 0);
}

/**
 * Makes this process the one that tells Nova, for so long from now; null: another one is. That one's time is over early when its connection has ended: its process has
 * died. `client`: always the same connection, while it lasts.
 */
const TAKE = `
UPDATE plumbline.server_event_sender s SET holder = $1, pid = me.pid, started = me.backend_start, until = now() + $2 * interval '1 ms'
FROM (SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()) me
WHERE s.holder = $1 OR s.until < now()
  OR NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = s.pid AND a.backend_start = s.started)
RETURNING s.trouble`;

export async function take(
  client: Queries,
  holder: string,
  forMs: number,
): Promise<Readonly<{ trouble: string }> | null> {
  const { rows } = await client.query<{ trouble: string }>(TAKE, [holder, forMs]);
  return rows[0] ?? null;
}

export async function release(client: Queries, holder: string): Promise<void> {
  await client.query(
    `UPDATE plumbline.server_event_sender SET holder = NULL, pid = NULL, started = NULL, until = '-infinity' WHERE holder = $1`,
    [holder],
  );
}

/** What keeps Nova from hearing; '': nothing. Shared, because each process of the API is asked for its health. */
export async function setTrouble(client: Queries, holder: string, trouble: string): Promise<void> {
  await client.query('UPDATE plumbline.server_event_sender SET trouble = $2 WHERE holder = $1 AND trouble <> $2', [
    holder,
    trouble,
  ]);
}

/** `told`: somebody tells Nova now. `seconds`: age of the oldest row that waits; 0: none does. */
export type Backlog = Readonly<{ waiting: number; seconds: number; trouble: string; told: boolean }>;

const BACKLOG = `
SELECT e.waiting, e.seconds, s.trouble, s.until > now() AS told FROM plumbline.server_event_sender s,
  (SELECT count(*)::int AS waiting, coalesce(extract(epoch FROM now() - min(made_at)), 0)::float8 AS seconds FROM plumbline.server_events) e`;

export async function backlog(pool: Queries): Promise<Backlog> {
  const { rows } = await pool.query<Backlog>(BACKLOG);
  return rows[0] as Backlog;
}
