/** One controller for all declared resources: takes a request apart, hands it to the dispatcher, sends the answer. */
import { All, Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { identityOf } from '../identity/gate.js';
import { originOf } from '../origin.js';
import { Dispatcher, versions } from './dispatcher.js';
import { STATUS_OF_OUTCOME } from '../errors/errors.filter.js';
import { NEUTRON_OPTIONS, NeutronOptions } from './neutron-options.js';
import { openApi } from './description/openapi.js';
import { openApiPage, PAGE_HEADERS } from './description/openapi-page.js';

@Controller()
export class NeutronController {
  private document: string | undefined;
  private page: string | undefined;

  constructor(
    @Inject(Dispatcher) private readonly dispatcher: Dispatcher,
    @Inject(NEUTRON_OPTIONS) private readonly options: Pick<NeutronOptions, 'publicUrl'>,
  ) {}

  @Get('/')
  root(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    send(reply, 200, versions(originOf(request, this.options.publicUrl)));
  }

  @Get('/openapi.json')
  description(@Res() reply: FastifyReply): void {
    this.document ??= JSON.stringify(openApi());
    void reply.header('content-type', 'application/json').send(this.document);
  }

  @Get('/docs')
  pageToRead(@Res() reply: FastifyReply): void {
    this.page ??= openApiPage(openApi());
    void reply.headers(PAGE_HEADERS).send(this.page);
  }

  @All(['/v2.0', '/v2.0/*'])
  async resource(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const [path = '/', query = ''] = splitOnce(request.url);
    const { outcome, body } = await this.dispatcher.answer({
      method: request.method,
      path,
      search: new URLSearchParams(query),
      origin: originOf(request, this.options.publicUrl),
      raw: request.body,
      ifMatch: request.headers['if-match'],
      caller: { requestId: request.id, ...identityOf(request) },
    });
    reply.header('x-openstack-request-id', request.id);
    send(reply, STATUS_OF_OUTCOME[outcome], body);
  }
}

function send(reply: FastifyReply, status: number, body: unknown): void {
  reply.status(status);
  if (body === undefined) void reply.send();
  else
    void reply.header('content-type', 'application/json').send(typeof body === 'string' ? body : JSON.stringify(body));
}

function splitOnce(url: string): [string, string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
}
