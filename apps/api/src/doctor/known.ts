/** What doctor's checks may know without asking a node: the log in memory, what agents reported, how this process is connected. */
import { AGENT_KINDS } from '@plumbline/contracts';
import type { AgentFacts, Known, RefusedMachine, Said } from '@plumbline/reasons';
import type pg from 'pg';
import { ALIVE_SECONDS, IS_ALIVE } from '../neutron/alive.js';

type AgentRow = Readonly<{
  host: string;
  kind: string;
  alive: boolean;
  heard_at: string;
  state: string;
  admin_state_up: boolean;
  troubles: readonly string[] | null;
}>;

const AGENTS = `
SELECT host, kind, ${IS_ALIVE} AS alive, to_char(heartbeat_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS heard_at,
  sync AS state, admin_state_up, configurations -> 'troubles' AS troubles FROM plumbline.agents ORDER BY host, kind`;
/** A machine that was refused and went is no trouble. */
const REFUSED = `
SELECT DISTINCT ON (host, machine) host, machine, reason FROM plumbline.node_refused
WHERE heard_at > now() - interval '${ALIVE_SECONDS} seconds' ORDER BY host, machine, heard_at DESC`;
const SAID = `
SELECT s.object_kind || '/' || s.object_id AS key, s.host, s.agent_kind AS agent, s.status, s.reason, s.position::float8 AS position
FROM unnest($1::text[], $2::text[]) AS named(kind, id)
JOIN plumbline.object_status s ON s.object_kind = named.kind AND s.object_id = named.id`;

/** As a node writes snapshots of some MiB. */
const LEAST_FREE_BYTES = 4 * 1024 * 1024;
/** The database may be away: what the log in memory and the nodes say is then told without it. */
const DATABASE_MS = 600;

export type Reports = Pick<Known, 'agents' | 'refused' | 'said' | 'leastFreeBytes'> & { readonly fault: string | null };

/** `keys`: objects of which reports are read. Does not reject. */
export async function readReports(pool: pg.Pool, keys: readonly string[]): Promise<Reports> {
  const named = keys.map((key) => key.split('/') as [string, string]);
  const reading = (async () => {
    const [agents, refused, said] = await Promise.all([
      pool.query<AgentRow>(AGENTS),
      pool.query<RefusedMachine>(REFUSED),
      pool.query<Said & { key: string }>(SAID, [named.map(([kind]) => kind), named.map(([, id]) => id)]),
    ]);
    return { agents: agents.rows, refused: refused.rows, said: said.rows };
  })();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${DATABASE_MS} ms`)), DATABASE_MS);
  });
  try {
    const { agents, refused, said } = await Promise.race([reading, late]);
    const byKey = new Map<string, Said[]>();
    for (const { key, ...each } of said) byKey.set(key, [...(byKey.get(key) ?? []), each]);
    return { fault: null, agents: agents.flatMap(agentOf), refused, said: byKey, leastFreeBytes: LEAST_FREE_BYTES };
  } catch (error) {
    reading.catch(() => undefined);
    const fault = error instanceof Error ? error.message : String(error);
    return { fault, agents: null, refused: [], said: new Map(), leastFreeBytes: LEAST_FREE_BYTES };
  } finally {
    clearTimeout(timer);
  }
}

/** One of a kind that this release does not know is left out. */
function agentOf({ kind: word, alive, heard_at, host, state, admin_state_up, troubles }: AgentRow): AgentFacts[] {
  const kind = AGENT_KINDS.find((each) => each === word);
  return kind
    ? [{ host, kind, alive, heardAt: heard_at, state, adminStateUp: admin_state_up, troubles: troubles ?? [] }]
    : [];
}
