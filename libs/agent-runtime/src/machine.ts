/**
 * The identity of a machine: a random id in its state folder, made by whichever agent starts there first and never changed. It tells two machines apart that
 * were given one host name. All agents of a machine share the state folder, and so the identity.
 *
 * The file is complete or not there: it is written beside, synced and then linked to its name, which fails when another agent was first. A damaged or unreadable
 * file is an error that a person must look at, never a reason to make a new identity: that would be another machine to the API.
 * Roads not taken: /etc/machine-id and the firmware's ids, which cloned machines share and containers lack.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

export type MachineIdentity = Readonly<{
  /** Null: it cannot be read, or not be kept. */
  id: string | null;
  /** The kernel's boot id. */
  boot: string;
  /** Why `id` is null, and what to do about it. */
  fault: string | null;
}>;

const FILE = 'node.id';
const TEXT = /^plumbline-node-1 ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\n$/;

/** The identity kept in this folder; made when there is none. Durable when it resolves. Does not reject: what goes wrong is in `fault`. */
export async function machineIdentity(stateDir: string): Promise<MachineIdentity> {
  const boot = await bootId();
  try {
    const id = (await keptIdentity(stateDir)) ?? (await newIdentity(stateDir));
    return { id, boot, fault: null };
  } catch (error) {
    return { id: null, boot, fault: (error as Error).message };
  }
}

/** The identity kept in this folder; null when there is none. Changes nothing. Rejects when the file is damaged or unreadable. */
export async function keptIdentity(stateDir: string): Promise<string | null> {
  const file = join(stateDir, FILE);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new Error(`the identity of this machine cannot be read: ${message}`, { cause: error });
  }
  const id = TEXT.exec(text)?.[1];
  if (id === undefined)
    throw new Error(
      `the identity of this machine, ${file}, is damaged: restore the file; or remove it, restart the agents, and run "plumb node release" on the controller`,
    );
  return id;
}

async function newIdentity(stateDir: string): Promise<string> {
  const file = join(stateDir, FILE);
  const beside = `${file}.${randomUUID()}`;
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    const handle = await open(beside, 'wx', 0o600);
    try {
      await handle.writeFile(`plumbline-node-1 ${randomUUID()}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(beside, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await rm(beside);
    const folder = await open(stateDir, 'r');
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined);
    throw new Error(`the identity of this machine cannot be kept in ${file}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const id = await keptIdentity(stateDir);
  if (id === null) throw new Error(`the identity of this machine vanished from ${file}`);
  return id;
}

async function bootId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    return 'unknown';
  }
}
