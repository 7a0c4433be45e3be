/** What a running lab says of itself: for commands that ask it, and do not make it. It loads little. */
import type { Login } from '@plumbline/identity';
import type { LabState } from './state.js';

export { type LabState, readLabState } from './state.js';

/** The logins of a running lab; the first one is the administrator's. Throws when there is none yet. */
export function loginsOf({ apiUrl, logins }: LabState): [Login, ...Login[]] {
  const [first, ...others] = logins ?? [];
  if (apiUrl === null || first === undefined) throw new Error('the lab has no API yet');
  const withUrl = (login: Omit<Login, 'authUrl'>): Login => ({ ...login, authUrl: `${apiUrl}/v3` });
  return [withUrl(first), ...others.map(withUrl)];
}
