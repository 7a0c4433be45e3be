/** Types of the built-in identity's routes, and how a path finds its route. */
import { methodNotAllowed, notFound } from '../identity-error.js';
import type { Session } from './builtin-identity.js';

export type IdentityAnswer = Readonly<{
  outcome: 'ok' | 'created' | 'no-content';
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
}>;

export type IdentityRequest = Readonly<{
  method: string;
  /** Path without query. */
  path: string;
  search: URLSearchParams;
  origin: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The parsed body; throws when it is missing or not JSON. */
  body(): unknown;
  /** The client's address. */
  address: string;
}>;

/** A request and the parameters of its path: `params` has the values of the parts with a colon, in order. */
export type Asked = IdentityRequest & Readonly<{ prefix: string; params: readonly string[] }>;
export type AskedBy = Asked & Readonly<{ session: Session }>;

type Answer<A> = (asked: A) => IdentityAnswer | Promise<IdentityAnswer>;
export type Route = Readonly<{ method: string; path: string }> &
  (Readonly<{ open: true; answer: Answer<Asked> }> | Readonly<{ open: false; answer: Answer<AskedBy> }>);

export const open = (method: string, path: string, answer: Answer<Asked>): Route => ({
  method,
  path,
  open: true,
  answer,
});
/** A route that needs a valid token. */
export const closed = (method: string, path: string, answer: Answer<AskedBy>): Route => ({
  method,
  path,
  open: false,
  answer,
});

/** The route of a path and its parameters. Throws 'not-found' and 'method-not-allowed'. */
export function find(routes: readonly Route[], method: string, segments: readonly string[]): [Route, string[]] {
  const matching = routes.flatMap((route) => {
    const parts = route.path.split('/').filter((part) => part !== '');
    const fits =
      parts.length === segments.length && parts.every((part, at) => part.startsWith(':') || part === segments[at]);
    return fits ? [[route, segments.filter((_, at) => parts[at]?.startsWith(':'))] as [Route, string[]]] : [];
  });
  if (matching.length === 0)
    throw notFound('The resource could not be found: Plumbline has a small part of Identity v3.');
  const found = matching.find(([route]) => route.method === method);
  if (!found) throw methodNotAllowed();
  return found;
}
