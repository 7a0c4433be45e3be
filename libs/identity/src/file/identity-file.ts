/**
 * Users, projects and roles of the built-in identity, in one JSON file that operators may read and `plumb user` edits.
 *
 * Ids never change, because objects in the log have them. A user who is removed and added again gets another id. A file that breaks a rule is refused as a whole,
 * and the error names every fault. Written in one step (0600), so that a running API reads the old text or the new one, never half of it.
 */
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { isPasswordHash } from './password.js';
import { RoleName } from './roles.js';

const Name = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\x00-\x1f\x7f]+$/, { error: 'a name has no control characters' });
const Id = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, { error: 'an id is 1 to 64 letters, digits, dots, dashes' });

export const Project = z.strictObject({ id: Id, name: Name });
export type Project = z.infer<typeof Project>;

export const User = z.strictObject({
  id: Id,
  name: Name,
  /** A hash made by `hashPassword`. */
  password: z.string().refine(isPasswordHash, { error: 'is no scrypt hash: set it with "plumb user passwd"' }),
  /** Tokens issued before this time are not valid. */
  passwordSetAt: z.iso.datetime(),
  enabled: z.boolean().default(true),
  /** At most one role in each project: a role implies the weaker ones. */
  roles: z.array(z.strictObject({ project: Name, role: RoleName })),
});
export type User = z.infer<typeof User>;

export const IdentityFile = z
  .strictObject({ format: z.literal(1), projects: z.array(Project), users: z.array(User) })
  .superRefine((file, context) => {
    const fault = (message: string) => context.addIssue({ code: 'custom', message });
    for (const [what, list] of [
      ['project', file.projects],
      ['user', file.users],
    ] as const)
      for (const key of ['id', 'name'] as const)
        for (const twice of twiceIn(list.map((each) => each[key]))) fault(`two ${what}s have the ${key} '${twice}'`);
    const known = new Set(file.projects.map(({ name }) => name));
    for (const { name, roles } of file.users) {
      for (const { project } of roles)
        if (!known.has(project)) fault(`user '${name}' has a role in project '${project}', which is not in the file`);
      for (const twice of twiceIn(roles.map(({ project }) => project)))
        fault(`user '${name}' has two roles in project '${twice}': give the stronger one`);
    }
  });
export type IdentityFile = z.infer<typeof IdentityFile>;

function twiceIn(names: readonly string[]): Set<string> {
  return new Set(names.filter((name, index) => names.indexOf(name) !== index));
}

export const emptyIdentityFile = (): IdentityFile => ({ format: 1, projects: [], users: [] });

/** A new id in Keystone's form. */
export const newId = (): string => randomBytes(16).toString('hex');

/** Throws an error that names the file and all that is wrong with it. */
export function readIdentityFile(file: string): IdentityFile {
  return parseIdentityFile(readFileSync(file, 'utf8'), file);
}

/** `file`: only for error messages. */
export function parseIdentityFile(text: string, file: string): IdentityFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
  const parsed = IdentityFile.safeParse(json);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': '));
  throw new Error(`${file} is not an identity file: ${faults.join('; ')}`);
}

/** The file, or an empty one when there is none. */
export function readIdentityFileOrEmpty(file: string): IdentityFile {
  try {
    return readIdentityFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return emptyIdentityFile();
    throw error;
  }
}

/** Writes the file in one step, mode 0600. A file that is there keeps its owner. Throws on content that could not be read back. */
export function writeIdentityFile(file: string, content: IdentityFile): void {
  const faults = IdentityFile.safeParse(content);
  if (!faults.success) throw new Error(faults.error.issues.map(({ message }) => message).join('; '));
  writeSecret(file, `${JSON.stringify(content, null, 2)}\n`);
}

/** Writes a file that only its owner may read, in one step. A file that is there keeps its owner (root edits what the service's user owns). */
export function writeSecret(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
  const next = `${file}.${process.pid}.next`;
  writeFileSync(next, text, { mode: 0o600 });
  const owner = ownerOf(file) ?? ownerOf(path.dirname(file));
  if (owner !== undefined && process.getuid?.() === 0) chownSync(next, owner.uid, owner.gid);
  renameSync(next, file);
}

function ownerOf(file: string): { uid: number; gid: number } | undefined {
  return statSync(file, { throwIfNoEntry: false });
}
