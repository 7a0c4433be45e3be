/** One controller for the whole built-in identity: takes a request apart, hands it to libs/identity, sends the answer. */
import { All, Controller, Inject, Req, Res } from '@nestjs/common';
import { IdentityApi } from '@plumbline/identity/login';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import { CONFIG } from '../core.module.js';
import { STATUS_OF_OUTCOME } from '../errors/errors.filter.js';
import { parseJson } from '../json-body.js';
import { originOf } from '../origin.js';
import { countedAddress } from './client-address.js';
import { IDENTITY_ROUTES } from './identity-paths.js';

@Controller()
export class IdentityController {
  constructor(
    @Inject(IdentityApi) private readonly api: IdentityApi,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @All(IDENTITY_ROUTES)
  async answer(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const url = new URL(request.url, 'http://localhost');
    const { outcome, body, headers } = await this.api.answer({
      method: request.method,
      path: url.pathname,
      search: url.searchParams,
      origin: originOf(request, this.config.publicUrl),
      headers: request.headers,
      body: () => parseJson(request.body),
      address: countedAddress(request, this.config.trustedProxies),
    });
    reply
      .status(STATUS_OF_OUTCOME[outcome])
      .headers({ ...headers, 'x-openstack-request-id': request.id, 'cache-control': 'no-store' });
    if (body === undefined) void reply.send();
    else void reply.header('content-type', 'application/json').send(JSON.stringify(body));
  }
}
