/**
 * What the control plane last said about who owns this host's name, in a file of the state folder: for people who look at the node, and so that a machine that
 * was refused does not make its node at its next boot, before it hears the control plane.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';

const OwnerStatus = z.object({
  host: z.string(),
  /** This machine's identity; null: it has none. */
  machine: z.string().nullable(),
  /** The machine that owns the name; null: nobody does yet. */
  owner: z.string().nullable(),
  /** Why this machine changes nothing on its node; null: it may. */
  refused: z.string().nullable(),
  at: z.string(),
});
export type OwnerStatus = Readonly<z.infer<typeof OwnerStatus>>;

export interface OwnerRecord {
  /** Null: nothing was kept, or nothing readable. Does not reject. */
  load(): Promise<OwnerStatus | null>;
  /** One call at a time. */
  save(status: OwnerStatus): Promise<void>;
}

export class OwnerFile implements OwnerRecord {
  constructor(readonly path: string) {}

  async load(): Promise<OwnerStatus | null> {
    try {
      return OwnerStatus.parse(JSON.parse(await readFile(this.path, 'utf8')));
    } catch {
      return null;
    }
  }

  async save(status: OwnerStatus): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    await writeFile(`${this.path}.new`, `${JSON.stringify(status, null, 2)}\n`, { mode: 0o600 });
    await rename(`${this.path}.new`, this.path);
  }
}
