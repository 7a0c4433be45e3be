/** What is there before any version of the API: which versions, and their description, for programs and as a page. */
import { readFileSync } from 'node:fs';
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { originOf } from '../origin.js';
import { openApi } from './description/openapi.js';
import { DOCS, DOCS_HEADERS, type DocsFile } from './description/docs.js';
import { NEUTRON_OPTIONS, NeutronOptions } from './neutron-options.js';

@Controller()
export class DiscoveryController {
  private document: string | undefined;

  constructor(@Inject(NEUTRON_OPTIONS) private readonly options: Pick<NeutronOptions, 'publicUrl' | 'api'>) {}

  @Get('/')
  versions(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const { api, publicUrl } = this.options;
    const self = `${originOf(request, publicUrl)}${api.prefix}/`;
    const versions = [{ id: api.version, status: 'CURRENT', links: [{ rel: 'self', href: self }] }];
    void reply.header('content-type', 'application/json').send(JSON.stringify({ versions }));
  }

  @Get('/openapi.json')
  description(@Res() reply: FastifyReply): void {
    this.document ??= JSON.stringify(openApi(this.options.api));
    void reply.header('content-type', 'application/json').send(this.document);
  }

  @Get([...DOCS.keys()])
  docs(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const { file, type } = DOCS.get(request.routeOptions.url ?? '') as DocsFile;
    void reply.headers({ ...DOCS_HEADERS, 'content-type': type }).send(readFileSync(file));
  }
}
