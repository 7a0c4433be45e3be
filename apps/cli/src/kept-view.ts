/** What a node knows with the control plane away: the views that its agents keep on its disk. */
import path from 'node:path';
import { SnapshotFile, SnapshotRefused } from '@plumbline/agent-runtime';
import { AGENT_KINDS } from '@plumbline/contracts';
import type { HostView } from '@plumbline/topology';

/** The latest view that an agent of this node keeps; null: there is none. All agents of a node keep the same objects. */
export async function newestView(stateDir: string, host: string): Promise<HostView | null> {
  const views = await Promise.all(
    AGENT_KINDS.map((kind) =>
      new SnapshotFile(path.join(stateDir, `${kind}.snapshot`)).load(host).catch((error: unknown) => {
        if (error instanceof SnapshotRefused) return null;
        throw error;
      }),
    ),
  );
  return views.reduce((best, view) => (view && (!best || view.position > best.position) ? view : best), null);
}
