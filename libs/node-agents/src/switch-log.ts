/** The log that a node is bound to, in the switch's own database: it outlives the agents' snapshots, and all agents of the node read the same. */
import { type OvsdbMirror, setRootKeys } from '@plumbline/ovsdb';

/** `external_ids` key of the switch's root row. */
const LOG_KEY = 'plumb-log';

/** Null: to none. Changes nothing. */
export const boundLog = (mirror: OvsdbMirror): string | null => mirror.root?.external_ids[LOG_KEY] ?? null;

/** Again to the same log is success, and changes nothing. */
export async function bindLog(mirror: OvsdbMirror, log: string): Promise<void> {
  if (boundLog(mirror) === log) return;
  await mirror.commit(setRootKeys('external_ids', { [LOG_KEY]: log }), { wait: false });
}
