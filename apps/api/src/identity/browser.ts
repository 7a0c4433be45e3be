/**
 * With `auth=none` only loopback protects the API, and a web page in a browser on this machine can reach loopback. Three things let such a page act: requests
 * that need no preflight (form content types), requests across origins, and a host name that the page's owner points to 127.0.0.1 (DNS rebinding). Each is
 * refused here. No client of the Networking API does any of them, except `curl -d`, which sends JSON as a form; the message says what to do then.
 *
 * Road not taken: ignoring Content-Type as the reference does. There a web page would also need a token.
 */
import { isIP } from 'node:net';
import { badRequest } from '../errors/edge-error.js';
import { IdentityError } from '@plumbline/identity/login';

const FORM_TYPES = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain'];

/** Headers, lower case names. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Throws with what to do instead. */
export function refuseBrowsers(headers: Headers): void {
  const host = text(headers['host']);
  if (host !== '' && !isLoopbackName(hostOf(host)))
    throw refused(
      `Host '${host.slice(0, 255)}' is not a name of loopback, and PLUMB_AUTH=none answers to those alone: ask 127.0.0.1 or localhost, or let people log in (PLUMB_AUTH=builtin)`,
    );
  const origin = text(headers['origin']);
  if (origin !== '' && !isLoopbackName(hostOf(origin.replace(/^https?:\/\//, ''))))
    throw refused(`a web page of '${origin.slice(0, 255)}' may not use an API that asks nobody to log in`);
  const contentType = text(headers['content-type']).split(';')[0]?.trim().toLowerCase() ?? '';
  if (FORM_TYPES.includes(contentType))
    throw badRequest(
      `Content-Type ${contentType} is what any web page may send, and PLUMB_AUTH=none asks nobody to log in: send application/json (curl: -H 'Content-Type: application/json')`,
    );
}

const refused = (why: string) => new IdentityError('forbidden', `Refused: ${why}.`);
const text = (value: Headers[string]): string => (typeof value === 'string' ? value : (value?.[0] ?? ''));

/** `host`, `host:port`, `[address]:port`. */
function hostOf(authority: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(authority)?.[1] ?? authority.replace(/:\d+$/, '');
}

function isLoopbackName(host: string): boolean {
  return host.toLowerCase() === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
