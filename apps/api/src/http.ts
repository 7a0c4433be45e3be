/** The HTTP side of the process: Fastify under Nest, with limits, and bodies left as bytes so that one place says what is wrong with them. */
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import { NestFactory } from '@nestjs/core';
import { Logger, NestLogger } from '@plumbline/telemetry';
import { randomUUID } from 'node:crypto';
import { Gate } from './identity/gate.js';
import { answerToNoRequest, ErrorsFilter } from './errors/errors.filter.js';
import { LogGuard } from './log-guard.js';

/** As the reference implementation has it. */
const BODY_LIMIT_BYTES = 1024 * 1024;
const KEEP_ALIVE_MS = 65_000;
/** A connection on which nothing moves for so long is closed: its client does not take its answer. */
const SILENT_MS = 120_000;
/** How often Node looks for connections whose request takes too long. */
const LOOK_EVERY_MS = 1000;

/**
 * A Nest application on Fastify, not yet listening. `module` provides what NeutronModule asks for, and the guard and the gate that stand before every route.
 * `requestTimeoutMs`: within which a request must have come whole, first byte of the headers to last of the body; a client that drips holds a connection no longer.
 */
export async function createHttpApp(
  module: Parameters<typeof NestFactory.create>[0],
  logger: Logger,
  requestTimeoutMs: number,
): Promise<NestFastifyApplication> {
  const filter = new ErrorsFilter(logger);
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: SILENT_MS,
    http: { headersTimeout: requestTimeoutMs, connectionsCheckingInterval: LOOK_EVERY_MS },
    frameworkErrors: filter.answer,
    clientErrorHandler: ({ code }, socket) => {
      if (socket.writable) socket.end(answerToNoRequest(code));
      else socket.destroy();
    },
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    genReqId: () => `req-${randomUUID()}`,
    routerOptions: { maxParamLength: 4096 },
    rewriteUrl: ({ url = '/' }) => singleSlashed(url),
  });
  const fastify = adapter.getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT_BYTES }, (_request, body, done) =>
    done(null, body),
  );
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger: new NestLogger(logger),
    bodyParser: false,
    abortOnError: false,
  });
  app.useGlobalFilters(filter);
  fastify.decorateRequest('identity', null);
  fastify.addHook('onRequest', app.get(LogGuard).serve);
  fastify.addHook('onRequest', app.get(Gate).admit);
  return app;
}

/**
 * Slashes too many in a path do not count, as in the reference (Paste's urlmap): clients join an address that ends in one with a path that begins with one.
 * Before routing, so that the gate and whatever reads the path see the same. What a query says stays, and so does an absolute URL.
 */
const singleSlashed = (url: string): string =>
  url.startsWith('/') ? url.replace(/^[^?]+/, (path) => path.replace(/\/{2,}/g, '/')) : url;
