/** `GET /healthz`: whether this process can do its work, and if not, what is away. */
import { Controller, Get, Inject, Res } from '@nestjs/common';
import { Health } from '@plumbline/telemetry';
import type { FastifyReply } from 'fastify';
import { STATUS_OF_HEALTH } from './errors/errors.filter.js';

@Controller()
export class HealthController {
  constructor(@Inject(Health) private readonly health: Health) {}

  @Get('/healthz')
  async check(@Res() reply: FastifyReply): Promise<void> {
    const report = await this.health.report();
    void reply
      .status(STATUS_OF_HEALTH[report.status])
      .header('content-type', 'application/json')
      .send(JSON.stringify(report));
  }
}
