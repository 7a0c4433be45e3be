/** Turns errors and outcomes into HTTP status codes and the reference's error bodies. No other file knows status codes. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ArgumentsHost, Catch, ExceptionFilter, HttpException } from '@nestjs/common';
import { DomainError, ErrorKind } from '@plumbline/domain';
import { LogDiffers, StoreUnavailable, WrongGeneration } from '@plumbline/event-store';
import { IdentityError, type IdentityErrorKind } from '@plumbline/identity/login';
import { LedgerBusy } from '@plumbline/ledger';
import type { Logger } from '@plumbline/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isIdentityPath } from '../identity/identity-paths.js';
import { ClientGone } from './client-gone.js';
import { EdgeError, EdgeErrorKind, methodNotAllowed, noSuchPath, unavailable } from './edge-error.js';

export const STATUS_OF_OUTCOME = { ok: 200, created: 201, 'no-content': 204 } as const;
/** What became of a request that was served. */
export type Outcome = keyof typeof STATUS_OF_OUTCOME;

export const STATUS_OF_HEALTH: Readonly<Record<'ok' | 'degraded' | 'failing', number>> = {
  ok: 200,
  degraded: 200,
  failing: 503,
};

const STATUS_OF_KIND: Readonly<Record<ErrorKind | EdgeErrorKind | IdentityErrorKind, number>> = {
  'bad-request': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  conflict: 409,
  'precondition-failed': 412,
  'too-large': 413,
  unprocessable: 422,
  'too-many-requests': 429,
  fault: 500,
  unavailable: 503,
  exhausted: 503,
};

/** Errors of the connection to PostgreSQL: its own classes 08, 53, 57, and the system's. */
const DATABASE_AWAY = /^(08|53|57)|^E(CONN|PIPE|TIMEDOUT|NOTFOUND|HOSTUNREACH|AI_)/;

@Catch()
export class ErrorsFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    this.answer(
      thrown,
      host.switchToHttp().getRequest<FastifyRequest>(),
      host.switchToHttp().getResponse<FastifyReply>(),
    );
  }

  /** Also what Fastify refuses before it looks for a route. */
  readonly answer = (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    // Nobody hears the answer.
    if (thrown instanceof ClientGone) return void reply.hijack();
    if (reply.raw.headersSent) {
      this.logger.error(
        { err: thrown, requestId: request.id, method: request.method, url: request.url },
        'answer broken off',
      );
      // Not closed in good order: to a client of HTTP/1.0 that would be the end of a whole answer.
      return void (request.raw.socket as Socket).resetAndDestroy();
    }
    const refusal = asRefusal(thrown);
    const status = STATUS_OF_KIND[refusal.kind];
    if (status === 500)
      this.logger.error(
        { err: thrown, requestId: request.id, method: request.method, url: request.url },
        'request failed',
      );
    else if (status === 503) this.logger.warn({ err: thrown, requestId: request.id }, 'request could not be served');
    void reply
      .status(status)
      .headers('headers' in refusal ? refusal.headers : {})
      .header('content-type', 'application/json')
      .header('x-openstack-request-id', request.id)
      .send(JSON.stringify(bodyOf(refusal, status, isIdentityPath(request.url))));
  };
}

/** Of a connection on which no request came whole, by Node's error code: the answer's bytes, after which it is closed. */
export function answerToNoRequest(code: string | undefined): string {
  const [status, type, message] =
    code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'HTTPRequestHeaderFieldsTooLarge', 'The request line and headers are too long.']
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'HTTPRequestTimeout', 'The request did not come in time.']
        : [400, 'HTTPBadRequest', 'This is not a request of HTTP/1.1.'];
  const body = JSON.stringify({ NeutronError: { type, message, detail: '' } });
  return `HTTP/1.1 ${status} ${STATUS_CODES[status as number]}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`;
}

type Refusal = DomainError | EdgeError | IdentityError;

/** Keystone's form on the identity side and for whoever is not let in, the reference's elsewhere. */
function bodyOf(refusal: Refusal, status: number, identitySide: boolean): unknown {
  const { message } = refusal;
  if (identitySide || refusal instanceof IdentityError)
    return { error: { code: status, message, title: STATUS_CODES[status] } };
  return { NeutronError: { type: refusal.type, message, detail: refusal.detail } };
}

function asRefusal(thrown: unknown): Refusal {
  if (thrown instanceof DomainError || thrown instanceof EdgeError) return thrown;
  // It is not known who asks. That is no refusal of the caller, and is answered like any other part of the service that does not work.
  if (thrown instanceof IdentityError) return thrown.kind === 'unavailable' ? unavailable(thrown.message) : thrown;
  if (thrown instanceof StoreUnavailable || thrown instanceof LedgerBusy) return unavailable(thrown.message);
  if (thrown instanceof LogDiffers || thrown instanceof WrongGeneration)
    return unavailable(`${thrown.message} Nothing was stored.`);
  if (thrown instanceof HttpException) return ofStatus(thrown.getStatus(), thrown.message);
  const { code, statusCode, message } = thrown as { code?: unknown; statusCode?: unknown; message?: string };
  if (code === 'FST_ERR_BAD_URL') return noSuchPath();
  if (typeof statusCode === 'number' && statusCode < 500) return ofStatus(statusCode, message ?? '');
  if (
    (typeof code === 'string' && DATABASE_AWAY.test(code)) ||
    /timeout exceeded when trying to connect|Connection terminated/.test(message ?? '')
  )
    return unavailable('The database cannot be reached. Nothing was stored.');
  return new EdgeError(
    'HTTPInternalServerError',
    'fault',
    'Request Failed: internal server error while processing your request.',
  );
}

/** Messages of Nest and Fastify may contain a whole URL. */
const LONGEST_MESSAGE = 300;

/** Refusals of Nest and Fastify, before our own code sees the request. */
function ofStatus(status: number, message: string): EdgeError {
  if (status === 404) return noSuchPath();
  if (status === 405) return methodNotAllowed();
  if (status === 413) return new EdgeError('HTTPRequestEntityTooLarge', 'too-large', 'Request body is too large.');
  return new EdgeError(
    'HTTPBadRequest',
    'bad-request',
    message.slice(0, LONGEST_MESSAGE) || 'The request is malformed.',
  );
}
