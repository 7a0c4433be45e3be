/**
 * Refusals of a login, in Keystone's words. The HTTP side (apps/api/src/errors) makes a status code and a body of each kind:
 * `{"error": {"code", "message", "title"}}`.
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

/** Keystone's own text. */
export const NOT_AUTHENTICATED = 'The request you have made requires authentication.';

/** `more`: what the user can do about it. It must not help to guess names or passwords. */
export const unauthorized = (more = '') =>
  new IdentityError('unauthorized', more === '' ? NOT_AUTHENTICATED : `${NOT_AUTHENTICATED} ${more}`);
/** `action`: the policy name of what was refused, Keystone's or ours. */
export const notAuthorized = (action: string) =>
  new IdentityError('forbidden', `You are not authorized to perform the requested action: ${action}.`);
export const notFound = (message: string) => new IdentityError('not-found', message);
export const malformed = (message: string) => new IdentityError('bad-request', message);
export const methodNotAllowed = () =>
  new IdentityError(
    'method-not-allowed',
    'The server could not comply with the request since it is either malformed or otherwise incorrect.',
  );
/** The token cannot be checked at the moment. This does not refuse it: the client should keep it. */
export const unavailable = (message: string) => new IdentityError('unavailable', message);
