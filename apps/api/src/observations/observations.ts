/**
 * What nodes report, in tables of its own: not in the log, and no read model. If the tables are emptied they fill again, because agents without a row are asked
 * to report.
 *
 * Reports are shared by the API's processes and may be stored in another order than they were sent: of one run of an agent (from
 * its start to its end) the report with the higher number counts. Another run begins with a full report; if that one is lost, the agent counts as without a row.
 */
import { AgentKind, agentOf, Report } from '@plumbline/contracts';
import type pg from 'pg';

/** Stored, or ignored because a later report is stored already. */
export type Stored = 'stored' | 'late';

const AGENT = `
INSERT INTO plumbline.agents AS a (id, host, kind, started_at, heartbeat_at, configurations, position, sync, availability_zone)
VALUES (md5('plumbline agent ' || $1 || ' ' || $2)::uuid, $1, $2, $3, now(), $4, $5, $6, $8)
ON CONFLICT (host, kind) DO UPDATE SET started_at = excluded.started_at, heartbeat_at = now(), configurations = excluded.configurations,
  position = excluded.position, sync = excluded.sync, availability_zone = excluded.availability_zone
WHERE CASE WHEN a.started_at = excluded.started_at
  THEN coalesce((a.configurations ->> 'sequence')::bigint, 0) < (excluded.configurations ->> 'sequence')::bigint
  ELSE $7::boolean END
RETURNING 1`;

/** The report is of a later run than the row: the row is out of date, and only a full report can replace it. */
const OUTDATED = `
UPDATE plumbline.agents SET configurations = configurations || '{"outdated": true}'
WHERE host = $1 AND kind = $2 AND started_at < $3`;

const FORGET = `
DELETE FROM plumbline.object_status s WHERE s.host = $1 AND s.agent_kind = $2
AND NOT EXISTS (SELECT FROM jsonb_to_recordset($3) AS r (kind text, id text) WHERE r.kind = s.object_kind AND r.id = s.object_id)`;

const STATUSES = `
INSERT INTO plumbline.object_status AS s (agent_kind, object_kind, object_id, host, position, status, reason, updated_at)
SELECT $2, r.kind, r.id, $1, r.position, r.status, coalesce(r.reason, ''), now()
FROM jsonb_to_recordset($3) AS r (kind text, id text, position bigint, status text, reason text) WHERE r.status <> 'ABSENT'
ON CONFLICT (object_kind, object_id, agent_kind, host) DO UPDATE
SET position = excluded.position, status = excluded.status, reason = excluded.reason, updated_at = now()
WHERE (s.position, s.status, s.reason) IS DISTINCT FROM (excluded.position, excluded.status, excluded.reason)`;

const ABSENT = `
DELETE FROM plumbline.object_status s USING jsonb_to_recordset($3) AS r (kind text, id text, status text)
WHERE r.status = 'ABSENT' AND s.host = $1 AND s.agent_kind = $2 AND s.object_kind = r.kind AND s.object_id = r.id`;

/** `unenforcedSecurityGroups`: the operator does not want them enforced; each agent that could enforce them shows it. */
export type ObservationOptions = Readonly<{ unenforcedSecurityGroups?: boolean | undefined }>;

export class Observations {
  constructor(
    private readonly pool: pg.Pool,
    private readonly options: ObservationOptions = {},
  ) {}

  /** Stores a report whole or not at all. */
  async store(host: string, agent: AgentKind, report: Report): Promise<Stored> {
    const client = await this.pool.connect();
    let failed: Error | undefined;
    try {
      await client.query('BEGIN');
      const { rowCount } = await client.query(AGENT, [
        host,
        agent,
        report.startedAt,
        JSON.stringify({ ...configurations(report), ...(agentOf(agent).securityGroups && this.enforcement(report)) }),
        report.position,
        report.state,
        report.full,
        report.availabilityZone ?? null,
      ]);
      if (rowCount === 0) {
        await client.query(OUTDATED, [host, agent, report.startedAt]);
        await client.query('COMMIT');
        return 'late';
      }
      const objects = JSON.stringify(report.objects);
      if (report.full) await client.query(FORGET, [host, agent, objects]);
      if (report.objects.length > 0) {
        await client.query(ABSENT, [host, agent, objects]);
        await client.query(STATUSES, [host, agent, objects]);
      }
      await client.query('COMMIT');
      return 'stored';
    } catch (error) {
      failed = error as Error;
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      client.release(failed);
    }
  }

  private enforcement({ securityGroups = false }: Report): Record<string, unknown> {
    const waived = this.options.unenforcedSecurityGroups === true;
    return { security_groups: securityGroups, ...(waived && { unenforced_security_groups: true }) };
  }

  /** Every agent whose row is of its current run, by host. */
  async agents(): Promise<ReadonlyMap<string, ReadonlySet<AgentKind>>> {
    const { rows } = await this.pool.query<{ host: string; kind: AgentKind }>(
      "SELECT host, kind FROM plumbline.agents WHERE NOT configurations ? 'outdated'",
    );
    const byHost = new Map<string, Set<AgentKind>>();
    for (const { host, kind } of rows) byHost.set(host, (byHost.get(host) ?? new Set()).add(kind));
    return byHost;
  }
}

/** What the API shows as an agent's `configurations`; the reference's names where it has them. */
function configurations(report: Report): Record<string, unknown> {
  const { node, log, sequence, frozen, driftRepaired } = report;
  return {
    ...(node && {
      bridge_mappings: node.bridgeMappings,
      datapath_type: node.datapathType,
      tunneling_ip: node.tunnelIp ?? '',
      tunnel_types: node.tunnelIp === null ? [] : ['vxlan'],
    }),
    log,
    sequence,
    frozen,
    drift_repaired: driftRepaired,
  };
}
