/** What a running lab says of itself: for commands that ask it, and do not make it. It loads little: no schema, which takes longer to load than most questions take. */
import type { Login } from '@plumbline/identity';
import { readJson, stateFile } from './files.js';
import type { LabState } from './state.js';

/** By what a lab is asked. */
export type KnownLab = Pick<LabState, 'apiUrl' | 'logins' | 'database'>;

/** The lab of this state folder as the command that made it wrote it down; null: there is none. */
export function readKnownLab(stateDir: string): KnownLab | null {
  const json = readJson(stateFile(stateDir)) as Partial<LabState> | null;
  if (json === null) return null;
  if (json.format !== 1) throw new Error(`${stateFile(stateDir)} was not written by this release`);
  const { apiUrl = null, logins = null, database = null } = json;
  return { apiUrl, logins, database };
}

/** The logins of a running lab; the first one is the administrator's. Throws when there is none yet. */
export function loginsOf({ apiUrl, logins }: Pick<LabState, 'apiUrl' | 'logins'>): [Login, ...Login[]] {
  const [first, ...others] = logins ?? [];
  if (apiUrl === null || first === undefined) throw new Error('the lab has no API yet');
  const withUrl = (login: Omit<Login, 'authUrl'>): Login => ({ ...login, authUrl: `${apiUrl}/v3` });
  return [withUrl(first), ...others.map(withUrl)];
}
