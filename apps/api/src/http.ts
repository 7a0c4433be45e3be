/** The HTTP side of the process: Fastify under Nest, with limits, and bodies left as bytes so that one place says what is wrong with them. */
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import { NestFactory } from '@nestjs/core';
import { Logger, NestLogger } from '@plumbline/telemetry';
import { randomUUID } from 'node:crypto';
import { Gate } from './auth/gate.js';
import { ErrorsFilter } from './neutron/errors.filter.js';

/** As the reference implementation has it. */
const BODY_LIMIT_BYTES = 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 65_000;

/** A Nest application on Fastify, not yet listening. `module` provides what NeutronModule asks for, and the gate that stands before every route. */
export async function createHttpApp(
  module: Parameters<typeof NestFactory.create>[0],
  logger: Logger,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    genReqId: () => `req-${randomUUID()}`,
    routerOptions: { maxParamLength: 4096 },
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
  app.useGlobalFilters(new ErrorsFilter(logger));
  fastify.decorateRequest('identity', null);
  fastify.addHook('onRequest', app.get(Gate).admit);
  return app;
}
