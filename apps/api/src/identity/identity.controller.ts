/** One controller for the whole built-in identity: takes a request apart, hands it on, sends the answer. Under /v3, and under /identity/v3 as other clouds have it. */
import { All, Controller, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import { CONFIG } from '../core.module.js';
import { STATUS_OF_OUTCOME } from '../neutron/errors.filter.js';
import { originOf } from '../origin.js';
import { IdentityApi } from './identity-api.js';

@Controller()
export class IdentityController {
  constructor(
    @Inject(IdentityApi) private readonly api: IdentityApi,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @All(['/v3', '/v3/*', '/identity', '/identity/*'])
  async answer(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const url = new URL(request.url, 'http://localhost');
    const { outcome, body, headers } = await this.api.answer({
      method: request.method,
      path: url.pathname,
      search: url.searchParams,
      origin: originOf(request, this.config.publicUrl),
      headers: request.headers,
      raw: request.body,
      address: request.ip,
    });
    reply
      .status(STATUS_OF_OUTCOME[outcome])
      .headers({ ...headers, 'x-openstack-request-id': request.id, 'cache-control': 'no-store' });
    if (body === undefined) void reply.send();
    else void reply.header('content-type', 'application/json').send(JSON.stringify(body));
  }
}
