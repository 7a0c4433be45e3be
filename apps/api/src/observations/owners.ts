/**
 * Which machine owns each host's name, in the database. The rule is ownership.ts.
 *
 * A process keeps what the tables say in memory and reads them every two seconds, so that a heartbeat costs no look-up. A report that memory does not answer for (a
 * new run, a name that nobody owns) is judged in a transaction that locks the host's name, and whose commit is durable: an ownership that a crash forgets could be
 * given to two machines.
 */
import { AGENT_KINDS, type AgentKind, type Owner, type Report, runOf } from '@plumbline/contracts';
import type { Logger } from '@plumbline/telemetry';
import type pg from 'pg';
import { type Claim, judge, type Judgement, type Standing } from './ownership.js';

type Owned = {
  machine: string;
  contested: boolean;
  term: number;
  runs: Map<string, { run: string; term: number; past: string[] }>;
};

const everyMs = 2_000;
/** A refused machine is written down at most so often. */
const noteEveryMs = 5_000;
const mostPast = 8;
/** Machines that are remembered as refused, for each host and kind. */
const mostRefused = 8;

const ALL = `
SELECT o.host, o.machine, o.contested, o.term::float8 AS since, r.agent_kind AS kind, r.run, r.term::float8 AS term, r.past
FROM plumbline.node_owners o LEFT JOIN plumbline.node_runs r ON r.host = o.host`;
const LOCK = `SELECT pg_advisory_xact_lock(hashtextextended('plumbline owner of ' || $1, 0))`;
const OWN = `
INSERT INTO plumbline.node_owners (host, machine) VALUES ($1, $2) ON CONFLICT (host) DO NOTHING`;
const RUN = `
INSERT INTO plumbline.node_runs AS r (host, agent_kind, run, term) VALUES ($1, $2, $3, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
ON CONFLICT (host, agent_kind) DO UPDATE SET run = excluded.run, term = greatest(r.term + 1, excluded.term), past = $4`;
const CONTEST = `
WITH held AS (UPDATE plumbline.node_owners SET contested = true WHERE host = $1)
UPDATE plumbline.node_runs SET term = term + 1 WHERE host = $1`;
const REFUSED = `
INSERT INTO plumbline.node_refused AS n (host, agent_kind, machine, run, reason) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (host, agent_kind, machine) DO UPDATE SET run = excluded.run, reason = excluded.reason, heard_at = now()`;
const FEWER = `
DELETE FROM plumbline.node_refused WHERE host = $1 AND agent_kind = $2 AND machine NOT IN
  (SELECT machine FROM plumbline.node_refused WHERE host = $1 AND agent_kind = $2 ORDER BY heard_at DESC LIMIT ${mostRefused})`;

export type Verdict = Exclude<Judgement, { is: 'new-owner' | 'contest' }> | Readonly<{ is: 'new-owner' }>;

export class Owners {
  private known: ReadonlyMap<string, Owned> | null = null;
  private timer: NodeJS.Timeout | undefined;
  private readonly noted = new Map<string, number>();

  constructor(
    private readonly pool: pg.Pool,
    private readonly logger: Logger,
  ) {}

  start(): void {
    void this.look();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** For the beacons of a host; undefined until the tables were read for the first time. */
  of(host: string): Readonly<Record<string, Owner>> | undefined {
    if (!this.known) return undefined;
    const owned = this.known.get(host);
    if (!owned) return {};
    const { machine, contested } = owned;
    return Object.fromEntries(
      AGENT_KINDS.map((kind) => {
        const { run, term } = owned.runs.get(kind) ?? { run: null, term: owned.term };
        return [kind, { machine, run, term, contested }];
      }),
    );
  }

  /** Whether a report of this host is taken. Rejects when that cannot be found out now. */
  async judge(host: string, agent: AgentKind, report: Pick<Report, 'machine' | 'startedAt'>): Promise<Verdict> {
    const claim = claimOf(report);
    if (!this.known) await this.read();
    const now = judge(this.standing(host, agent), claim);
    const judged = now.is === 'owner' || now.is === 'refused' ? now : await this.decide(host, agent, claim as Claim);
    const verdict: Verdict = judged.is === 'contest' ? { is: 'refused', reason: judged.reason } : judged;
    if (verdict.is === 'refused') await this.note(host, agent, claim, verdict.reason);
    return verdict;
  }

  /** The name is nobody's again; or `machine`'s. Every process says so within two seconds. */
  async release(host: string, machine: string | null): Promise<void> {
    await this.locked(host, async (client) => {
      await client.query('DELETE FROM plumbline.node_owners WHERE host = $1', [host]);
      await client.query('DELETE FROM plumbline.node_refused WHERE host = $1', [host]);
      if (machine !== null) await client.query(OWN, [host, machine]);
    });
    this.noted.clear();
    await this.read();
    this.logger.info({ host, machine, step: 'owner' }, 'the name of this host was released');
  }

  private standing(host: string, agent: AgentKind): Standing | null {
    const owned = this.known?.get(host);
    return owned ? standingOf(owned, agent) : null;
  }

  /** Judged anew with what the tables say, and written. */
  private async decide(host: string, agent: AgentKind, claim: Claim): Promise<Judgement> {
    const judged = await this.locked(host, async (client) => {
      const { rows } = await client.query<OwnerRow>(`${ALL} WHERE o.host = $1`, [host]);
      const owned = byHost(rows).get(host);
      const standing = owned ? standingOf(owned, agent) : null;
      const judgement = judge(standing, claim);
      if (judgement.is === 'new-owner') {
        const past = [...(standing?.past ?? []), ...(standing?.run ? [standing.run] : [])].slice(-mostPast);
        await client.query(OWN, [host, claim.machine]);
        await client.query(RUN, [host, agent, claim.run, JSON.stringify(past)]);
        await client.query('DELETE FROM plumbline.node_refused WHERE host = $1 AND agent_kind = $2 AND machine = $3', [
          host,
          agent,
          claim.machine,
        ]);
      }
      if (judgement.is === 'contest') await client.query(CONTEST, [host]);
      return judgement;
    });
    const line = { host, agent, machine: claim.machine, run: claim.run, step: 'owner' };
    if (judged.is === 'new-owner') this.logger.info(line, 'this run owns its host name');
    if (judged.is === 'contest')
      this.logger.error(line, 'two machines with one identity are alive: neither owns its host name');
    await this.read();
    return judged;
  }

  /** Refused machines are shown to the operator; the log has each once in a while. */
  private async note(host: string, agent: AgentKind, claim: Claim | null, reason: string): Promise<void> {
    const machine = claim?.machine ?? '';
    const name = `${host} ${agent} ${machine}`;
    const last = this.noted.get(name);
    if (last !== undefined && performance.now() - last < noteEveryMs) return;
    if (last === undefined)
      this.logger.error(
        { host, agent, machine, run: claim?.run, reason, step: 'owner' },
        'reports of this machine are refused',
      );
    if (this.noted.size > 10_000) this.noted.clear();
    this.noted.set(name, performance.now());
    await this.pool.query(REFUSED, [host, agent, machine, claim?.run ?? '', reason]);
    if (last === undefined) await this.pool.query(FEWER, [host, agent]);
  }

  private async locked<T>(host: string, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let failed: Error | undefined;
    try {
      await client.query('BEGIN');
      await client.query('SET LOCAL synchronous_commit = on');
      await client.query(LOCK, [host]);
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      failed = error as Error;
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      client.release(failed);
    }
  }

  private async read(): Promise<void> {
    const { rows } = await this.pool.query<OwnerRow>(ALL);
    this.known = byHost(rows);
  }

  private async look(): Promise<void> {
    this.timer = setTimeout(() => void this.look(), everyMs);
    this.timer.unref();
    try {
      await this.read();
    } catch (err) {
      this.logger.debug({ err, step: 'owner' }, 'the table of owners cannot be read; retrying in two seconds');
    }
  }
}

type OwnerRow = Readonly<{
  host: string;
  machine: string;
  contested: boolean;
  since: number;
  kind: string | null;
  run: string;
  term: number;
  past: string[];
}>;

function byHost(rows: readonly OwnerRow[]): Map<string, Owned> {
  const hosts = new Map<string, Owned>();
  for (const { host, machine, contested, since, kind, run, term, past } of rows) {
    const owned = hosts.get(host) ?? { machine, contested, term: since, runs: new Map() };
    if (kind !== null) owned.runs.set(kind, { run, term, past });
    hosts.set(host, owned);
  }
  return hosts;
}

function standingOf({ machine, contested, runs }: Owned, agent: AgentKind): Standing {
  const heard = runs.get(agent);
  return { machine, contested, run: heard?.run ?? null, term: heard?.term ?? 0, past: heard?.past ?? [] };
}

function claimOf({ machine, startedAt }: Pick<Report, 'machine' | 'startedAt'>): Claim | null {
  if (!machine) return null;
  return { machine: machine.id, run: runOf(machine.boot, startedAt), heard: machine.heard, fault: machine.fault };
}
