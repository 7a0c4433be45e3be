/**
 * Whether a view is of the log that a node has followed: what its agents ask before they apply anything (invariants 5 and 6), asked once more where `plumb replay`
 * does their work. A database that was restored from a backup, or one of another cloud, lacks what was made since, and a replay would remove it.
 *
 * The node says what it knows by the log id in its switch and by the snapshots of its agents. Their hash must be the log's at the same position. A view in a file
 * answers that only for its own position; one that is older than a snapshot is suspect, one that is newer has to be believed.
 */
import path from 'node:path';
import { SnapshotFile, SnapshotRefused } from '@plumbline/agent-runtime';
import { AGENT_KINDS, type FeedMessage } from '@plumbline/contracts';

/** A position that the node has followed its log to. */
export type Known = Readonly<{ log: string; position: number; hash: string }>;
/** The log's hash at a position; null where the log ends before it, `unknown` where that cannot be told. */
export type HashAt = (position: number) => Promise<string | null | 'unknown'>;

/** What the agents' snapshots in this folder say. One that is damaged says nothing; its agent does not use it either. */
export async function knownPast(stateDir: string, host: string): Promise<readonly Known[]> {
  const views = await Promise.all(
    AGENT_KINDS.map((kind) =>
      new SnapshotFile(path.join(stateDir, `${kind}.snapshot`)).load(host).catch((error: unknown) => {
        if (error instanceof SnapshotRefused) return null;
        throw error;
      }),
    ),
  );
  return views.flatMap((view) =>
    view === null || view.log === null || view.hash === null
      ? []
      : [{ log: view.log, position: view.position, hash: view.hash }],
  );
}

/** Why the node's agents would refuse this log, in words; null when they would not. `bound`: the log that the node's switch names. */
export async function whyRefused(
  message: Pick<FeedMessage, 'host' | 'log' | 'position' | 'hash'>,
  node: Readonly<{ bound: string | null; known: readonly Known[] }>,
  hashAt: HashAt,
): Promise<string | null> {
  const other = [node.bound, ...node.known.map(({ log }) => log)].find((log) => log !== null && log !== message.log);
  if (other !== undefined && other !== null)
    return `${message.host} follows log ${other}, and this is log ${message.log}`;
  for (const { position, hash } of node.known) {
    const theirs = position === message.position ? message.hash : await hashAt(position);
    if (theirs === 'unknown') {
      if (position > message.position)
        return `${message.host} has followed its log to position ${position}, and this view is of position ${message.position}`;
    } else if (theirs === null)
      return `${message.host} has followed its log to position ${position}, where this log has not come: was an older database restored?`;
    else if (theirs !== hash)
      return `this log has another past than ${message.host} has followed: they differ at position ${position} or before. Was an older database restored?`;
  }
  return null;
}
