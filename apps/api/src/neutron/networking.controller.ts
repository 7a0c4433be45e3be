/** Takes a request for the Networking API apart, hands it to the dispatcher, sends the answer. */
import { All, Controller, Inject, Req, Res, type Type } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { STATUS_OF_OUTCOME } from '../errors/errors.filter.js';
import { identityOf } from '../identity/gate.js';
import { originOf } from '../origin.js';
import { Dispatcher } from './dispatcher.js';
import { NEUTRON_OPTIONS, NeutronOptions } from './neutron-options.js';

/** A controller of everything under this prefix. */
export function networkingController(prefix: string): Type<unknown> {
  @Controller()
  class NetworkingController {
    constructor(
      @Inject(Dispatcher) private readonly dispatcher: Dispatcher,
      @Inject(NEUTRON_OPTIONS) private readonly options: Pick<NeutronOptions, 'publicUrl'>,
    ) {}

    @All([prefix, `${prefix}/*`])
    async answer(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
      const [path, query] = splitOnce(request.url);
      const { outcome, body } = await this.dispatcher.answer({
        method: request.method,
        path,
        search: new URLSearchParams(query),
        origin: originOf(request, this.options.publicUrl),
        raw: request.body,
        ifMatch: request.headers['if-match'],
        caller: { requestId: request.id, ...identityOf(request) },
      });
      reply.header('x-openstack-request-id', request.id).status(STATUS_OF_OUTCOME[outcome]);
      if (body === undefined) void reply.send();
      else
        void reply
          .header('content-type', 'application/json')
          .send(typeof body === 'string' ? body : JSON.stringify(body));
    }
  }
  return NetworkingController;
}

function splitOnce(url: string): [string, string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
}
