import type { MachineIdentity } from '../machine.js';
import type { OwnerRecord, OwnerStatus } from '../owner-file.js';

/** Keeps what the control plane said of the ownership in memory, as the file does on a node. */
export class MemoryOwnerRecord implements OwnerRecord {
  status: OwnerStatus | null = null;

  load = async (): Promise<OwnerStatus | null> => this.status;
  save = async (status: OwnerStatus): Promise<void> => {
    this.status = status;
  };
}

/** A machine with an identity, at its first boot. */
export const aMachine = (n = 1): MachineIdentity => ({
  id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
  boot: `boot ${n}`,
  fault: null,
});
