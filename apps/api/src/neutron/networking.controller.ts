/** Takes a request for the Networking API apart, hands it to the dispatcher, sends the answer. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { All, Controller, Inject, Req, Res, type Type } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { STATUS_OF_OUTCOME } from '../errors/errors.filter.js';
import { identityOf } from '../identity/gate.js';
import { originOf } from '../origin.js';
import { requestMade } from '../request-made.js';
import { Dispatcher } from './dispatcher.js';
import { beginning, ListAnswer, oneText, sendInPortions } from './long-answer.js';
import { NEUTRON_OPTIONS, NeutronOptions } from './neutron-options.js';
import { Turns } from './turns.js';

/** A controller of everything under this prefix. */
export function networkingController(prefix: string): Type<unknown> {
  @Controller()
  class NetworkingController {
    constructor(
      @Inject(Dispatcher) private readonly dispatcher: Dispatcher,
      @Inject(Turns) private readonly turns: Turns,
      @Inject(NEUTRON_OPTIONS) private readonly options: Pick<NeutronOptions, 'publicUrl'>,
    ) {}

    @All([prefix, `${prefix}/*`])
    async answer(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
      const [path, query] = splitOnce(request.url);
      const made = requestMade(request.method, path, request.body);
      const caller = { requestId: request.id, ...identityOf(request), ...(made && { request: made }) };
      let leaving: AbortSignal | undefined;
      const { outcome, body } = await this.dispatcher.answer({
        method: request.method,
        path,
        search: new URLSearchParams(query),
        origin: originOf(request, this.options.publicUrl),
        raw: request.body,
        ifMatch: request.headers['if-match'],
        idempotencyKey: headerOf(request, 'idempotency-key'),
        caller,
        // Made when somebody asks for it: most requests are over before anybody would.
        get signal() {
          return (leaving ??= gone(reply.raw));
        },
      });
      reply.header('x-openstack-request-id', request.id).status(STATUS_OF_OUTCOME[outcome]);
      if (body === undefined) return void reply.send();
      reply.header('content-type', 'application/json');
      if (body instanceof ListAnswer) return this.sendLong(reply, body, caller.projectId);
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      this.unsent(reply, caller.projectId, text.length);
      void reply.send(text);
    }

    private async sendLong(reply: FastifyReply, answer: ListAnswer, projectId: string): Promise<void> {
      this.unsent(reply, projectId, answer.heldBytes);
      const { text, rest } = await beginning(answer);
      if (!rest) return void reply.send(oneText(text));
      reply.hijack();
      reply.raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders);
      await sendInPortions(reply.raw, text, rest);
    }

    /** Until the answer is sent, or the client left before that. */
    private unsent({ raw }: FastifyReply, projectId: string, bytes: number): void {
      if (!raw.closed) raw.once('close', this.turns.unsent(projectId, bytes));
    }
  }
  return NetworkingController;
}

/** Aborted when the connection is closed before the answer is sent. */
function gone(response: ServerResponse): AbortSignal {
  const leaving = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) leaving.abort();
  });
  if (response.closed) leaving.abort();
  return leaving.signal;
}

/** Sent twice it is one value, as for every header that Node does not know. */
function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function splitOnce(url: string): [string, string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
}
