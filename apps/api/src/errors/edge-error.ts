/** Refusals of the API itself, not of the domain: malformed requests, unknown paths, too many requests. errors.filter.ts maps each kind to a status code. */
export type EdgeErrorKind =
  | 'bad-request'
  | 'unauthorized'
  | 'not-found'
  | 'method-not-allowed'
  | 'precondition-failed'
  | 'too-large'
  | 'unprocessable'
  | 'too-many-requests'
  | 'unavailable'
  | 'fault';

export class EdgeError extends Error {
  override readonly name = 'EdgeError';
  constructor(
    /** The reference implementation's exception name. */
    readonly type: string,
    readonly kind: EdgeErrorKind,
    message: string,
    readonly detail: string = '',
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

export const badRequest = (message: string, detail = '') =>
  new EdgeError('HTTPBadRequest', 'bad-request', message, detail);
/** `Invalid input for <attribute>. Reason: <reason>.` */
export const invalidAttribute = (attribute: string, reason: string) =>
  badRequest(`Invalid input for ${attribute}. Reason: ${reason}.`);
export const noSuchPath = () => new EdgeError('HTTPNotFound', 'not-found', 'The resource could not be found.');
export const methodNotAllowed = () =>
  new EdgeError(
    'HTTPMethodNotAllowed',
    'method-not-allowed',
    'The server could not comply with the request since it is either malformed or otherwise incorrect.',
  );
export const unavailable = (message: string) => new EdgeError('ServiceUnavailable', 'unavailable', message);
export const tooManyRequests = (message: string, retryAfterSeconds: number) =>
  new EdgeError('OverLimit', 'too-many-requests', message, '', { 'retry-after': String(retryAfterSeconds) });
