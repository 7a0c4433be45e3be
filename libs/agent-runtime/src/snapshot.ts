/**
 * The view on disk, so that a node boots without the control plane (invariant 13). It only caches what the log says: it may be deleted at any moment.
 *
 * Format: one line of JSON (host, log, position, and the SHA-256 of all of it), then the view as JSON. Written to a second file, synced, renamed: after a crash
 * either the old snapshot or the new one is there, complete. The text is made in slices: at the view of a large node it takes some ten milliseconds, and a change that comes
 * meanwhile does not wait for it.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as others } from 'node:timers/promises';
import { AnyObject, CATALOGUE_VERSION, Hash, HostName, Id, ObjectKey, Position } from '@plumbline/contracts';
import { Frozen, HostView } from '@plumbline/topology';
import { z } from 'zod';

/** The file is damaged, of another host, or from a newer release. It is not used; the view comes from the control plane instead. */
export class SnapshotRefused extends Error {
  override readonly name = 'SnapshotRefused';
}

/** The view could not be written; what was on the disk before is still there. The message says who can mend it. */
export class SnapshotNotSaved extends Error {
  override readonly name = 'SnapshotNotSaved';
}

export interface SnapshotStore {
  /** Null: there is no snapshot. Rejects with SnapshotRefused. */
  load(host: string): Promise<HostView | null>;
  /** Durable when it resolves. The caller makes one call at a time. Rejects with SnapshotNotSaved. */
  save(view: HostView): Promise<void>;
  /** False: what was loaded or saved last is not there any more, or was changed by others. */
  untouched(): Promise<boolean>;
}

const Header = z.object({
  format: z.literal('plumbline-snapshot-1'),
  sha256: Hash,
  host: HostName,
  log: Id,
  position: Position,
  hash: Hash,
  catalogue: z.number().int(),
});
type Body = Readonly<{ objects: readonly AnyObject[]; frozen: readonly (readonly [ObjectKey, Frozen])[] }>;

type Bound = Readonly<{ host: string; log: string | null; position: number; hash: string | null; catalogue: number }>;

/** Covers the header and the body: the caller adds the body's pieces. */
const checksumOf = ({ host, log, position, hash, catalogue }: Bound) =>
  createHash('sha256').update(`${host} ${log} ${position} ${hash} ${catalogue}\n`);

/** Objects whose text is made in one go. */
const SLICE = 100;

/** Makes the text of a snapshot, of the view as it was at the first `next`, step by step: whoever steps through it may do other things between two steps. */
function* writing(view: HostView): Generator<void, string> {
  const { host, log, position, hash, catalogue } = view;
  // The objects themselves are never changed, only replaced.
  const objects = [...view.objects.values()];
  const frozen = JSON.stringify([...view.frozen] satisfies Body['frozen']);
  const checksum = checksumOf(view);
  const body: string[] = [];
  const add = (text: string): void => {
    checksum.update(text);
    body.push(text);
  };
  add('{"objects":[');
  for (let at = 0; at < objects.length; at += SLICE) {
    add(`${at === 0 ? '' : ','}${JSON.stringify(objects.slice(at, at + SLICE)).slice(1, -1)}`);
    yield;
  }
  add(`],"frozen":${frozen}}`);
  const header = {
    format: 'plumbline-snapshot-1',
    sha256: checksum.digest('hex'),
    host,
    log,
    position,
    hash,
    catalogue,
  };
  return `${JSON.stringify(header)}\n${body.join('')}\n`;
}

/** The text of a snapshot. The view must be bound to a log. */
export function writeSnapshot(view: HostView): string {
  const steps = writing(view);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** As the view is at the call. */
async function inSlices(view: HostView): Promise<string> {
  const steps = writing(view);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await others();
  }
}

/** Reads a snapshot back. Throws SnapshotRefused with the reason and what to do. */
export function readSnapshot(text: string, host: string, where: string): HostView {
  const refuse = (why: string): never => {
    throw new SnapshotRefused(
      `The snapshot ${where} ${why}; it is not used. The agent gets its view from the control plane; the file may be removed.`,
    );
  };
  const [first = '', body = '', end] = text.split('\n');
  const header = Header.safeParse(parse(first));
  if (!header.success || end !== '') return refuse('is incomplete, or not a snapshot');
  const { log, position, hash, catalogue } = header.data;
  if (checksumOf(header.data).update(body).digest('hex') !== header.data.sha256)
    return refuse('is damaged: its checksum differs');
  if (header.data.host !== host) return refuse(`is of host ${header.data.host}, this is ${host}`);
  if (catalogue > CATALOGUE_VERSION)
    return refuse(`was written by a newer release (catalogue ${catalogue}, this one knows ${CATALOGUE_VERSION})`);
  const { objects, frozen } = JSON.parse(body) as Body;
  return {
    host,
    log,
    position,
    hash,
    catalogue,
    objects: new Map(objects.map((object) => [`${object.kind}/${object.id}`, object])),
    frozen: new Map(frozen),
    elsewhere: new Set(),
  };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** A snapshot in a file. `save` makes the directory when it is absent. */
export class SnapshotFile implements SnapshotStore {
  /** What the file was when it was loaded or saved last; null: there was none. */
  private left: string | null = null;

  constructor(readonly path: string) {}

  async untouched(): Promise<boolean> {
    return (await this.mark()) === this.left;
  }

  /** Another one after each change of the file, whoever makes it. */
  private async mark(): Promise<string | null> {
    const found = await stat(this.path, { bigint: true }).catch(() => null);
    return found && `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
  }

  async load(host: string): Promise<HostView | null> {
    const text = await readFile(this.path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw new SnapshotRefused(`The snapshot ${this.path} cannot be read (${error.message}); it is not used.`);
    });
    if (text === null) return null;
    const view = readSnapshot(text, host, this.path);
    this.left = await this.mark();
    return view;
  }

  async save(view: HostView): Promise<void> {
    try {
      await this.write(view);
      this.left = await this.mark();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const mend =
        code === 'ENOSPC' || code === 'EDQUOT' ? 'make room on its disk' : 'make its folder one that can be written';
      throw new SnapshotNotSaved(
        `the view cannot be saved as ${this.path} (${message}): if this node boots now without its control plane, it comes up as it was saved last, or not at all; an operator must ${mend}`,
        { cause: error },
      );
    }
  }

  private async write(view: HostView): Promise<void> {
    const text = await inSlices(view);
    const beside = `${this.path}.new`;
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    const file = await open(beside, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    await rename(beside, this.path);
    const directory = await open(dirname(this.path), 'r');
    await directory.sync().finally(() => directory.close());
  }
}
