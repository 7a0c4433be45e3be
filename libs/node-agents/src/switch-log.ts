/** Which log a node is bound to, kept in the switch's own database: there it outlives the agents' snapshots, and all agents of the node read the same. */
import { type OvsdbMirror, setRootKeys } from '@plumbline/ovsdb';

/** `external_ids` key of the switch's root row. */
const LOG_KEY = 'plumb-log';

/** Null: the node is bound to no log. Changes nothing. */
export const boundLog = (mirror: OvsdbMirror): string | null => mirror.root?.external_ids[LOG_KEY] ?? null;

/** Idempotent: for the log it is bound to already, it changes nothing. */
export async function bindLog(mirror: OvsdbMirror, log: string): Promise<void> {
  if (boundLog(mirror) === log) return;
  await mirror.commit(setRootKeys('external_ids', { [LOG_KEY]: log }), { wait: false });
}
