/**
 * Who may log in to the lab: `admin`, and `demo`, a member of a project of its own. Each lab makes new passwords. The ids are always the same, so that the objects
 * in a database that outlives the lab keep their owners.
 */
import { createHash, randomBytes } from 'node:crypto';
import { chownSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { ensureTokenKey, hashPassword, RoleName, writeIdentityFile } from '@plumbline/identity';
import { placeFolder, type Place } from './place.js';
import type { LabSpec } from './spec.js';
import type { LabState } from './state.js';
import { userIds } from './users.js';

const labUsers = [
  { name: 'admin', role: 'admin' },
  { name: 'demo', role: 'member' },
] as const satisfies readonly { name: string; role: RoleName }[];

const fixedId = (what: string): string =>
  createHash('sha256').update(`plumbline lab ${what}`).digest('hex').slice(0, 32);
const file = (spec: LabSpec, name: string): string => path.join(placeFolder(spec, 'control'), name);

/** Writes users and key for the API, which runs as `nobody`. Answers the logins with their passwords. */
export async function makeLogins(spec: LabSpec): Promise<NonNullable<LabState['logins']>> {
  const logins = labUsers.map(({ name }) => ({
    userName: name,
    projectName: name,
    password: randomBytes(18).toString('base64url'),
  }));
  const now = new Date().toISOString();
  mkdirSync(placeFolder(spec, 'control'), { recursive: true, mode: 0o755 });
  writeIdentityFile(file(spec, 'identity.json'), {
    format: 1,
    projects: labUsers.map(({ name }) => ({ id: fixedId(`project ${name}`), name })),
    users: await Promise.all(
      labUsers.map(async ({ name, role }, at) => ({
        id: fixedId(`user ${name}`),
        name,
        password: await hashPassword(logins[at]?.password ?? ''),
        passwordSetAt: now,
        enabled: true,
        roles: [{ project: name, role }],
      })),
    ),
  });
  ensureTokenKey(file(spec, 'token.key'));
  const { uid, gid } = await userIds('nobody');
  for (const name of ['identity.json', 'token.key']) chownSync(file(spec, name), uid, gid);
  return logins;
}

/** The API's environment variables for these logins. */
export const identityEnvironment = ({ paths }: Place): Record<string, string> => ({
  PLUMB_AUTH: 'builtin',
  PLUMB_IDENTITY_FILE: `${paths.var}/identity.json`,
  PLUMB_TOKEN_KEY_FILE: `${paths.var}/token.key`,
});
