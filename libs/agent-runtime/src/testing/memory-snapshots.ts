import { HostView } from '@plumbline/topology';
import { readSnapshot, SnapshotNotSaved, SnapshotStore, writeSnapshot } from '../snapshot.js';

/** Keeps the snapshot as text in memory, as a file would hold it. */
export class MemorySnapshots implements SnapshotStore {
  text: string | null = null;
  /** While set, nothing can be saved, for this reason. */
  full: string | null = null;
  private left: string | null = null;

  load = async (host: string): Promise<HostView | null> => {
    const view = this.text === null ? null : readSnapshot(this.text, host, 'in memory');
    this.left = this.text;
    return view;
  };
  save = async (view: HostView): Promise<void> => {
    if (this.full !== null) throw new SnapshotNotSaved(this.full);
    this.left = this.text = writeSnapshot(view);
  };
  untouched = async (): Promise<boolean> => this.text === this.left;
}
