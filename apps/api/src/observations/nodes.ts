/** What is known of the nodes beside the log: who owns each host's name, who was refused, which agents report. For operators (`plumb node`). */
import { NODE_AGENT } from '@plumbline/contracts';
import type pg from 'pg';
import { IS_ALIVE } from '../neutron/alive.js';

export type AgentSeen = Readonly<{ agent: string; alive: boolean; heardAt: string; state: string }>;
export type MachineRefused = Readonly<{
  agent: string;
  /** '' for a machine without an identity. */
  machine: string;
  reason: string;
  since: string;
  heardAt: string;
}>;
export type NodeSeen = Readonly<{
  host: string;
  /** The machine that owns the name; null: none. */
  machine: string | null;
  /** Two machines were alive with this identity: neither owns. */
  contested: boolean;
  since: string | null;
  agents: readonly AgentSeen[];
  refused: readonly MachineRefused[];
  /** The bridge mappings of its last report; null: none was heard. */
  said: Readonly<Record<string, string>> | null;
}>;

const instant = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const SEEN = `
SELECT h.host, o.machine, coalesce(o.contested, false) AS contested, ${instant('o.since')} AS since,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('agent', a.kind, 'alive', a.${IS_ALIVE}, 'heardAt', ${instant('a.heartbeat_at')}, 'state', a.sync) ORDER BY a.kind), '[]')
     FROM plumbline.agents a WHERE a.host = h.host) AS agents,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('agent', n.agent_kind, 'machine', n.machine, 'reason', n.reason,
       'since', ${instant('n.since')}, 'heardAt', ${instant('n.heard_at')}) ORDER BY n.agent_kind, n.machine), '[]')
     FROM plumbline.node_refused n WHERE n.host = h.host) AS refused,
  (SELECT a.configurations -> 'bridge_mappings' FROM plumbline.agents a WHERE a.host = h.host AND a.kind = '${NODE_AGENT}') AS said
FROM (SELECT host FROM plumbline.agents UNION SELECT host FROM plumbline.node_owners UNION SELECT host FROM plumbline.node_refused) h
LEFT JOIN plumbline.node_owners o ON o.host = h.host WHERE $1::text IS NULL OR h.host = $1 ORDER BY h.host`;

/** Everything that was observed of a host. `agents` last: its rows say whether somebody still reports. */
const OBSERVED = ['object_status', 'report_pages', 'node_owners', 'node_refused', 'agents'];

export class Nodes {
  constructor(private readonly pool: pg.Pool) {}

  /** Of one host, or of all that anything is known of; sorted by host. */
  async seen(host: string | null): Promise<NodeSeen[]> {
    return (await this.pool.query<NodeSeen>(SEEN, [host])).rows;
  }

  /** Forgets all that was observed of a host. An agent that still reports is seen again. */
  async forget(host: string): Promise<void> {
    for (const table of OBSERVED) await this.pool.query(`DELETE FROM plumbline.${table} WHERE host = $1`, [host]);
  }
}
