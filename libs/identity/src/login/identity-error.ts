/**
 * What log-in refuses, in Keystone's words. Which status code and which body each kind becomes is the HTTP side's knowledge
 * (apps/api/src/errors): `{"error": {"code", "message", "title"}}` for whoever is not let in.
 */
export type IdentityErrorKind =
  | 'bad-request'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'method-not-allowed'
  | 'conflict'
  | 'too-many-requests'
  | 'unavailable';

export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  constructor(
    readonly kind: IdentityErrorKind,
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
export const methodNotAllowed = () =>
  new IdentityError(
    'method-not-allowed',
    'The server could not comply with the request since it is either malformed or otherwise incorrect.',
  );
/** It is not known at the moment whose token this is. Not a refusal: the client should keep its token. */
export const unavailable = (message: string) => new IdentityError('unavailable', message);
