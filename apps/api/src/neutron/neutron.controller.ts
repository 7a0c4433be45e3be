/** One controller for all declared resources: takes a request apart, hands it to the dispatcher, sends the answer. */
import { All, Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Dispatcher, versions } from './dispatcher.js';
import { STATUS_OF_OUTCOME } from './errors.filter.js';
import { openApi } from './openapi.js';

/** User and project of every request while `auth` is `none`: the API then listens on loopback only, and who reaches it is the administrator. */
export const ANONYMOUS = { userId: 'admin', projectId: 'admin' } as const;

@Controller()
export class NeutronController {
  private document: string | undefined;

  constructor(@Inject(Dispatcher) private readonly dispatcher: Dispatcher) {}

  @Get('/')
  root(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    send(reply, 200, versions(originOf(request)));
  }

  @Get('/openapi.json')
  description(@Res() reply: FastifyReply): void {
    this.document ??= JSON.stringify(openApi());
    void reply.header('content-type', 'application/json').send(this.document);
  }

  @All(['/v2.0', '/v2.0/*'])
  async resource(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const [path = '/', query = ''] = splitOnce(request.url);
    const { outcome, body } = await this.dispatcher.answer({
      method: request.method,
      path,
      search: new URLSearchParams(query),
      origin: originOf(request),
      raw: request.body,
      caller: { requestId: request.id, ...ANONYMOUS },
    });
    reply.header('x-openstack-request-id', request.id);
    send(reply, STATUS_OF_OUTCOME[outcome], body);
  }
}

function send(reply: FastifyReply, status: number, body: unknown): void {
  reply.status(status);
  if (body === undefined) void reply.send();
  else void reply.header('content-type', 'application/json').send(JSON.stringify(body));
}

/** As the client named us: clients follow the links we give. */
const originOf = (request: FastifyRequest): string => `${request.protocol}://${request.host}`;

function splitOnce(url: string): [string, string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
}
