/** What the identity side refuses, in Keystone's body: `{"error": {"code", "message", "title"}}`. Status codes are errors.filter.ts's knowledge. */
import type { ErrorKind } from '@plumbline/domain';
import type { EdgeErrorKind } from '../neutron/edge-error.js';

export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  constructor(
    readonly kind: ErrorKind | EdgeErrorKind,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

/** The words every client knows. */
export const NOT_AUTHENTICATED = 'The request you have made requires authentication.';

/** `more`: what a person may do about it; says nothing that helps to guess. */
export const unauthorized = (more = '') =>
  new IdentityError('unauthorized', more === '' ? NOT_AUTHENTICATED : `${NOT_AUTHENTICATED} ${more}`);
/** `action`: Keystone's or our name of what may not be done. */
export const notAuthorized = (action: string) =>
  new IdentityError('forbidden', `You are not authorized to perform the requested action: ${action}.`);
export const notFound = (message: string) => new IdentityError('not-found', message);
export const malformed = (message: string) => new IdentityError('bad-request', message);

/** Whether a request is for the built-in identity, and its errors are to be in Keystone's form. */
export const isIdentityPath = (url: string): boolean => /^\/(v3|identity)([/?]|$)/.test(url);
