/**
 * What nodes report, in tables of its own: not in the log, and no read model. If the tables are emptied they fill again, because agents of which no full report
 * is stored are asked for one.
 *
 * Reports are shared by the API's processes and may be stored in another order than they were sent: of one run of an agent (from
 * its start to its end) the report with the higher number counts. Another run begins with a full report; if that one is lost, the agent counts as without one.
 *
 * A report may be several messages, its pages. A page of a full report may come after later reports: each status says which report it is from, and only gives way
 * to a later one. What a full report does not name is forgotten once all its pages are stored (unless the agent has not looked at its node yet); until then their names are kept in a table, because the pages go
 * to any of the API's processes. A page of any other report that comes after a later report is left out: what it says is said again.
 *
 * Agents of the release before pages send the first page as `full` and the others not. Nothing tells how many there are, so such a report forgets what it does
 * not name only when it is shorter than a page was then.
 */
import { AgentKind, keyOf, Report } from '@plumbline/contracts';
import type pg from 'pg';
import { IS_ALIVE } from '../neutron/alive.js';
import { type Heartbeat, Heartbeats } from './heartbeats.js';
import { storableJson } from './storable.js';

/** Stored, or ignored because a later report is stored already. */
export type Stored = 'stored' | 'late';

/** An agent's row from `rows`. `full`: whether a report of another run than the row's may replace it. */
const upsert = (rows: string, full: string): string => `
INSERT INTO plumbline.agents AS a (id, host, kind, started_at, heartbeat_at, configurations, position, sync, availability_zone, report)
${rows}
ON CONFLICT (host, kind) DO UPDATE SET started_at = excluded.started_at, heartbeat_at = now(), configurations = excluded.configurations,
  position = excluded.position, sync = excluded.sync, availability_zone = excluded.availability_zone, report = excluded.report,
  reported = CASE WHEN a.started_at = excluded.started_at THEN a.reported ELSE 0 END,
  sync_since = CASE WHEN (a.sync = 'in-sync') = (excluded.sync = 'in-sync') THEN a.sync_since ELSE now() END
WHERE CASE WHEN a.started_at = excluded.started_at
  THEN coalesce((a.configurations ->> 'sequence')::bigint, 0) < (excluded.configurations ->> 'sequence')::bigint
  ELSE ${full} END
RETURNING host, kind`;
const AGENT = upsert(
  "VALUES (md5('plumbline agent ' || $1 || ' ' || $2)::uuid, $1, $2, $3, now(), $4, $5, $6, $8, $9)",
  '$7::boolean',
);
const HEARTBEATS = upsert(
  `SELECT md5('plumbline agent ' || r.host || ' ' || r.kind)::uuid, r.host, r.kind, r.started_at, now(), r.configurations, r.position, r.sync, r.zone, r.report
  FROM jsonb_to_recordset($1) AS r (host text, kind text, started_at timestamptz, configurations jsonb, position bigint, sync text, zone text, report bigint)`,
  'false',
);

/** The row, which AGENT has locked, when the report is not later than it. */
const LATE = `
SELECT started_at = $3 AS same_run, report::float8, reported::float8 FROM plumbline.agents WHERE host = $1 AND kind = $2`;

/** The report is of a later run than the row: the row is out of date, and only a full report can replace it. */
const OUTDATED = `
UPDATE plumbline.agents SET reported = 0 WHERE host = $1 AND kind = $2 AND started_at < $3`;

const PAGE = `
INSERT INTO plumbline.report_pages (host, agent_kind, run, report, page, keys) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`;

const PAGES = `
SELECT count(*)::int AS stored FROM plumbline.report_pages WHERE host = $1 AND agent_kind = $2 AND run = $3 AND report = $4`;

/** Full reports that a page was lost of are kept until so many later ones began. */
const UNFINISHED = 4;
const ABANDONED = `
DELETE FROM plumbline.report_pages p WHERE p.host = $1 AND p.agent_kind = $2 AND (p.run <> $3 OR p.report NOT IN
  (SELECT DISTINCT report FROM plumbline.report_pages WHERE host = $1 AND agent_kind = $2 AND run = $3 ORDER BY report DESC LIMIT ${UNFINISHED}))`;

/** What a full report did not name, unless a later report said something of it. `NOT IN` is a hashed subplan, whatever the planner believes of the table. */
const FORGET = `
DELETE FROM plumbline.object_status s WHERE s.host = $1 AND s.agent_kind = $2 AND (s.run <> $3 OR s.sequence < $4)
AND (s.object_kind, s.object_id) NOT IN (SELECT r.kind, r.id FROM jsonb_to_recordset($5) AS r (kind text, id text))`;
const KEYS = `
SELECT jsonb_agg(k) AS keys FROM plumbline.report_pages p, jsonb_array_elements(p.keys) k
WHERE p.host = $1 AND p.agent_kind = $2 AND p.run = $3 AND p.report = $4`;

const COMPLETE = `
UPDATE plumbline.agents SET reported = $4 WHERE host = $1 AND kind = $2 AND started_at = $3`;
const DONE = `
DELETE FROM plumbline.report_pages WHERE host = $1 AND agent_kind = $2 AND (run <> $3 OR report <= $4)`;

const STATUSES = `
INSERT INTO plumbline.object_status AS s (agent_kind, object_kind, object_id, host, position, status, reason, updated_at, run, sequence)
SELECT $2, r.kind, r.id, $1, r.position, r.status, coalesce(r.reason, ''), now(), $3, $4
FROM jsonb_to_recordset($5) AS r (kind text, id text, position bigint, status text, reason text)
ON CONFLICT (object_kind, object_id, agent_kind, host) DO UPDATE
SET position = excluded.position, status = excluded.status, reason = excluded.reason, updated_at = now(), run = excluded.run, sequence = excluded.sequence
WHERE s.run <> excluded.run OR s.sequence < excluded.sequence
  AND (s.position, s.status, s.reason) IS DISTINCT FROM (excluded.position, excluded.status, excluded.reason)`;

/** An array is looked up by its hash; a join would compare each with each, because the planner expects few rows of this host. */
const ABSENT = `
DELETE FROM plumbline.object_status s WHERE s.host = $1 AND s.agent_kind = $2 AND (s.run <> $3 OR s.sequence < $4)
  AND (s.object_kind || '/' || s.object_id) = ANY ($5::text[])`;

/** Behind a statement that changes statuses: the ports among them. */
const PORTS_OF_IT = `
RETURNING CASE WHEN s.object_kind = 'port' THEN s.object_id END AS id`;
type ChangeStatuses = (sql: string, values: readonly unknown[]) => Promise<void>;

/** Statuses in a page of an agent of the release before pages had numbers. */
const FORMER_PAGE = 2_000;

/** What is known of one agent. `reported`: a full report of its present run is stored. `seconds`: for how long it has been in sync, or not in sync. */
export type AgentState = Readonly<{
  host: string;
  kind: AgentKind;
  reported: boolean;
  alive: boolean;
  state: string;
  seconds: number;
  /** How many things it says are not well on its node. */
  troubles: number;
}>;

/** Is told, in the transaction that stores a report, of which ports something else is reported now. */
export type WhenPortsChanged = (client: pg.PoolClient, portIds: readonly string[]) => Promise<void>;

export class Observations {
  private readonly heartbeats = new Heartbeats((beats) => this.storeHeartbeats(beats));

  /** `pool`: its transactions need not be on the disk when they are answered. */
  constructor(
    private readonly pool: pg.Pool,
    private readonly whenPortsChanged?: WhenPortsChanged,
  ) {}

  /** Stores a message whole or not at all. One that says nothing of objects waits for others of its kind. */
  async store(host: string, agent: AgentKind, report: Report): Promise<Stored> {
    if (isHeartbeat(report)) {
      const { startedAt, sequence, position, state, availabilityZone, page } = report;
      const row = { configurations: configurations(report), position, sync: state, zone: availabilityZone ?? null };
      const beat = { host, kind: agent, startedAt, sequence, row: { ...row, report: page?.report ?? sequence } };
      if (await this.heartbeats.add(beat)) return 'stored';
    }
    return this.storeAlone(host, agent, report);
  }

  private async storeHeartbeats(beats: readonly Heartbeat[]): Promise<ReadonlySet<string>> {
    const rows = beats.map(({ host, kind, startedAt, row }) => ({ host, kind, started_at: startedAt, ...row }));
    const stored = await this.pool.query<{ host: string; kind: string }>(HEARTBEATS, [storableJson(rows)]);
    return new Set(stored.rows.map(({ host, kind }) => `${host}/${kind}`));
  }

  private async storeAlone(host: string, agent: AgentKind, report: Report): Promise<Stored> {
    const client = await this.pool.connect();
    let failed: Error | undefined;
    try {
      await client.query('BEGIN');
      const stored = await this.storeIn(client, host, agent, report);
      await client.query('COMMIT');
      return stored;
    } catch (error) {
      failed = error as Error;
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      client.release(failed);
    }
  }

  private async storeIn(client: pg.PoolClient, host: string, agent: AgentKind, report: Report): Promise<Stored> {
    const { page, startedAt, sequence, objects } = report;
    const of = [host, agent, startedAt] as const;
    const { rowCount } = await client.query(AGENT, [
      ...of,
      storableJson(configurations(report)),
      report.position,
      report.state,
      report.full || page?.full === true,
      report.availabilityZone ?? null,
      page?.report ?? sequence,
    ]);
    if (rowCount === 0 && !(await isWanted(client, of, report))) return 'late';
    const ports: string[] = [];
    const change: ChangeStatuses = async (sql, values) => {
      if (!this.whenPortsChanged) return void (await client.query(sql, [...values]));
      const { rows } = await client.query<{ id: string | null }>(`${sql}${PORTS_OF_IT}`, [...values]);
      for (const { id } of rows) if (id !== null) ports.push(id);
    };
    const absent = objects.filter(({ status }) => status === 'ABSENT').map(keyOf);
    if (absent.length > 0) await change(ABSENT, [...of, sequence, absent]);
    const said = storableJson(objects.filter(({ status }) => status !== 'ABSENT'));
    if (objects.length > absent.length) await change(STATUSES, [...of, sequence, said]);
    if (page?.full) await this.forgetAfter(client, change, of, report);
    else if (report.full) {
      if (objects.length < FORMER_PAGE) await change(FORGET, [...of, sequence, said]);
      await client.query(COMPLETE, [...of, sequence]);
    }
    if (ports.length > 0) await this.whenPortsChanged?.(client, ports);
    return 'stored';
  }

  /** With the last page of a full report that was missing, what none of its pages names is forgotten. */
  private async forgetAfter(
    client: pg.PoolClient,
    change: ChangeStatuses,
    of: Run,
    { page, sequence, objects, unread }: Report,
  ): Promise<void> {
    const { report, index, of: pages } = page as NonNullable<Report['page']>;
    const names = storableJson(objects.map(({ kind, id }) => ({ kind, id })));
    let keys: unknown = names;
    if (pages > 1) {
      await client.query(PAGE, [...of, report, index, names]);
      const { rows } = await client.query<{ stored: number }>(PAGES, [...of, report]);
      if (rows[0]?.stored !== pages) {
        await client.query(ABANDONED, [...of]);
        return;
      }
      keys = JSON.stringify((await client.query<{ keys: unknown }>(KEYS, [...of, report])).rows[0]?.keys ?? []);
    }
    if (!unread) await change(FORGET, [...of, sequence - index + 1, keys]);
    await client.query(COMPLETE, [...of, report]);
    await client.query(DONE, [...of, report]);
  }

  /** Every agent that ever reported. */
  async agents(): Promise<readonly AgentState[]> {
    const { rows } = await this.pool.query<AgentState>(
      `SELECT host, kind, reported > 0 AS reported, (${IS_ALIVE}) AS alive, sync AS state,
        extract(epoch FROM now() - sync_since)::float8 AS seconds,
        coalesce((configurations ->> 'trouble_count')::int, jsonb_array_length(configurations -> 'troubles'), 0) AS troubles FROM plumbline.agents ORDER BY host, kind`,
    );
    return rows;
  }
}

const isHeartbeat = ({ full, page, objects }: Report): boolean => !full && !page?.full && objects.length === 0;

/** Host, kind and start of one run of an agent. */
type Run = readonly [string, AgentKind, string];

/** Whether a message that is not later than the agent's row says something all the same: a page of a full report that is not whole, or of the latest report. */
async function isWanted(client: pg.PoolClient, of: Run, { page }: Report): Promise<boolean> {
  const { rows } = await client.query<{ same_run: boolean; report: number; reported: number }>(LATE, [...of]);
  const [row] = rows;
  if (row?.same_run && page) return page.full ? page.report > row.reported : page.report === row.report;
  if (!row?.same_run) await client.query(OUTDATED, [...of]);
  return false;
}

/** What the API shows as an agent's `configurations`; the reference's names where it has them. */
function configurations(report: Report): Record<string, unknown> {
  const { node, log, sequence, frozen, frozenCount, fault, troubles, troubleCount, driftRepaired, machine, unread } =
    report;
  return {
    ...(node && {
      bridge_mappings: node.bridgeMappings,
      datapath_type: node.datapathType,
      tunneling_ip: node.tunnelIp ?? '',
      tunnel_types: node.tunnelIp === null ? [] : ['vxlan'],
      firewall: node.firewall ?? 'none',
    }),
    log,
    sequence,
    frozen,
    ...(frozenCount !== undefined && { frozen_count: frozenCount }),
    ...(fault && { fault }),
    ...(troubles && troubles.length > 0 && { troubles }),
    ...(troubleCount !== undefined && { trouble_count: troubleCount }),
    drift_repaired: driftRepaired,
    ...(unread && { unread }),
    ...(machine && { machine: machine.id, boot_id: machine.boot }),
  };
}
