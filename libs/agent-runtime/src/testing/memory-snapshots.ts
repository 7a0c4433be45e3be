import { HostView } from '@plumbline/topology';
import { readSnapshot, SnapshotStore, writeSnapshot } from '../snapshot.js';

/** Keeps the snapshot as text in memory, as a file would hold it. */
export class MemorySnapshots implements SnapshotStore {
  text: string | null = null;

  load = async (host: string): Promise<HostView | null> =>
    this.text === null ? null : readSnapshot(this.text, host, 'in memory');
  save = async (view: HostView): Promise<void> => {
    this.text = writeSnapshot(view);
  };
}
