/**
 * One connection that sends batches. It uses the simple query protocol, where a statement is one message: the server starts when it has all
 * of it and commits without hearing from the client again. (With Parse, Bind, Execute, Sync the transaction would be open until the Sync,
 * and a client that stopped between the two would hold the head row.)
 *
 * A connection that takes the place of a lost one first ends that one's session at the server. Whatever was still on its way there can then no longer be stored, so
 * what is sent again may be answered, also "in conflict", without the first attempt proving it wrong afterwards.
 */
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import type pg from 'pg';
import type { Head } from '../event-store.js';
import { drop, openClient } from './connections.js';

/** A command's answer as the function gives it: stored after `b` with hashes `h` and feed links `p`, or what the conflict is about. */
export type Answer = Readonly<
  | { b: number; h: string[]; p?: (number | null)[] }
  | { v: string }
  | { c: string }
  | { n: string }
  | { w: string }
  | { l: string }
  | { k: string }
>;

/** What a batch is sent under: how long the server may work on it, in ms, and what its commands' writers have read of the log. */
export type Terms = Readonly<{ withinMs: number; known: readonly Head[] }>;

/** A session at the server: pids are used again, their starts are not. */
export type Session = Readonly<{ pid: number; startedAt: string }>;

export interface Link {
  /** Sends commands (JSON objects as text) and answers after the commit. Rejects with the database's or socket's error. */
  send(commands: readonly string[], terms: Terms): Promise<readonly Answer[]>;
  /** Drops the connection at once; a batch in flight rejects and its outcome is unknown. */
  destroy(): void;
  end(): Promise<void>;
  readonly broken: boolean;
  /** For the connection that takes the place of this one. */
  readonly session?: Session;
}

const sessionSettings = `
SET standard_conforming_strings = on;
SET default_transaction_isolation = 'read committed';
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')`;

const ownSession = 'SELECT pid, backend_start::text AS started_at FROM pg_stat_activity WHERE pid = pg_backend_pid()';
/** One that waits for its standby has committed: it is not ended, which would show others what is not replicated yet, and it can no longer lose. */
const endSession = ({ pid, startedAt }: Session): string => `
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid = ${pid} AND backend_start = '${startedAt}'::timestamptz AND wait_event IS DISTINCT FROM 'SyncRep'`;
const lookEveryMs = 20;

/**
 * Opens one connection, and ends the session of the one before it. An answered command must survive a crash, so a commit waits for its WAL whatever the server's
 * default. `attemptMs`: how long one sending of a batch is waited for at most.
 */
export async function openLink(
  url: string,
  connectTimeoutMs: number,
  attemptMs = 5_000,
  before?: Session,
): Promise<Link> {
  const dueAt = performance.now() + connectTimeoutMs;
  const client = await openClient({
    url,
    name: 'plumbline append',
    deadlineMs: attemptMs,
    connectMs: connectTimeoutMs,
  });
  let broken = false;
  client.on('error', () => (broken = true));
  client.on('end', () => (broken = true));
  let session: Session | undefined;
  try {
    // In one message; pg gives an array of results for it.
    const all = [sessionSettings, ownSession, ...(before ? [endSession(before)] : [])];
    const results = (await client.query(all.join(';'))) as unknown as pg.QueryResult[];
    const own = results[3]?.rows[0] as { pid: number; started_at: string } | undefined;
    if (own) session = { pid: own.pid, startedAt: own.started_at };
    let left = before ? (results[4]?.rows.length ?? 0) : 0;
    while (before && left > 0) {
      if (performance.now() > dueAt) throw new Error('the session of the lost connection cannot be ended');
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
      left = (await client.query(endSession(before))).rows.length;
    }
  } catch (error) {
    drop(client);
    throw error;
  }
  return {
    async send(commands, { withinMs, known }) {
      const pairs = JSON.stringify(known.map(({ position, hash }) => [position, hash]));
      const { rows } = await client.query<{ answers: Answer[] }>(
        `SELECT plumbline.append_batch(${CATALOGUE_VERSION}, ${Math.ceil(withinMs)}, ${literal(pairs)}, ${literal(`[${commands.join(',')}]`)}) AS answers`,
      );
      const answers = rows[0]?.answers;
      if (answers?.length !== commands.length) throw new Error('append_batch did not answer every command');
      return answers;
    },
    destroy() {
      broken = true;
      drop(client);
    },
    end: () => client.end(),
    get broken() {
      return broken;
    },
    ...(session && { session }),
  };
}

/** A string literal is doubled quotes and nothing else while standard_conforming_strings is on; JSON text holds no NUL. */
const literal = (json: string): string => `'${json.replaceAll("'", "''")}'::jsonb`;

const codeOf = (error: unknown): string | undefined => {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown };
  // A system's error is none of the database's, though EPIPE has as many letters as an SQLSTATE.
  return syscall === undefined && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
};

/** True when the same batch may succeed later: connection lost or refused, server starting, stopping, failing over, full, deadlocked, out of time. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  if (code === undefined) return error instanceof Error && !(error instanceof TypeError);
  return /^(08|53|57P|40|58)/.test(code) || [READ_ONLY, '55P03', '57014'].includes(code);
}

/** True when the server has said that it did not carry out the statement. What ends the session (FATAL) may have come after the commit. */
export function isRefusal(error: unknown): boolean {
  return codeOf(error) !== undefined && (error as { severity?: unknown }).severity === 'ERROR';
}

/** The server became a standby: others may have taken its place, so the address must be asked again. */
export const isReadOnly = (error: unknown): boolean => codeOf(error) === READ_ONLY;
const READ_ONLY = '25006';

/** The server ended the statement because it took too long. */
export const isTooSlow = (error: unknown): boolean => codeOf(error) === '57014';
