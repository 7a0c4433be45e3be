/**
 * One connection that sends batches. It uses the simple query protocol, where a statement is one message: the server starts when it has all
 * of it and commits without hearing from the client again. (With Parse, Bind, Execute, Sync the transaction would be open until the Sync,
 * and a client that stopped between the two would hold the head row.)
 */
import { drop, openClient } from './connections.js';

/** A command's answer as the function gives it: stored after `b` with hashes `h` and feed links `p`, or what the conflict is about. */
export type Answer = Readonly<
  { b: number; h: string[]; p?: (number | null)[] } | { v: string } | { c: string } | { n: string } | { l: string }
>;

export interface Link {
  /** Sends commands (JSON objects as text) and answers after the commit. Rejects with the database's or socket's error. */
  send(commands: readonly string[]): Promise<readonly Answer[]>;
  /** Drops the connection at once; a batch in flight rejects and its outcome is unknown. */
  destroy(): void;
  end(): Promise<void>;
  readonly broken: boolean;
}

const sessionSettings = `
SET standard_conforming_strings = on;
SET default_transaction_isolation = 'read committed';
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')`;

/** Opens one connection. An answered command must survive a crash, so a commit waits for its WAL whatever the server's default. */
export async function openLink(url: string, connectTimeoutMs: number, deadlineMs = 10_000): Promise<Link> {
  const client = await openClient({ url, name: 'plumbline append', deadlineMs, connectMs: connectTimeoutMs });
  let broken = false;
  client.on('error', () => (broken = true));
  client.on('end', () => (broken = true));
  try {
    await client.query(sessionSettings);
  } catch (error) {
    drop(client);
    throw error;
  }
  return {
    async send(commands) {
      // A string literal is doubled quotes and nothing else while standard_conforming_strings is on; JSON text holds no NUL.
      const literal = `'[${commands.join(',').replaceAll("'", "''")}]'`;
      const { rows } = await client.query<{ answers: Answer[] }>(
        `SELECT plumbline.append_batch(${literal}::jsonb) AS answers`,
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
  };
}

/** True when the same batch may succeed later: connection lost or refused, server starting, stopping, failing over, full, deadlocked, out of time. */
export function isTransient(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code))
    return error instanceof Error && !(error instanceof TypeError);
  return /^(08|53|57P|40|58)/.test(code) || ['25006', '55P03', '57014'].includes(code);
}
