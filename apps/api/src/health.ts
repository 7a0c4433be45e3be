/** `GET /healthz`: whether this process can do its work, and if not, what is away. `GET /metrics`: what it counts, for Prometheus. Neither asks for a login. */
import { Controller, Get, Inject, Res } from '@nestjs/common';
import { Health, type HealthReport, Metrics, METRICS_TYPE } from '@plumbline/telemetry';
import type { FastifyReply } from 'fastify';
import { STATUS_OF_HEALTH } from './errors/errors.filter.js';

@Controller()
export class HealthController {
  /** Whoever asks while the checks run hears what they find: asking needs no login, so many may ask. */
  private running: Promise<HealthReport> | null = null;

  constructor(
    @Inject(Health) private readonly health: Health,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {}

  @Get('/metrics')
  measure(@Res() reply: FastifyReply): void {
    void reply.header('content-type', METRICS_TYPE).send(this.metrics.text());
  }

  @Get('/healthz')
  async check(@Res() reply: FastifyReply): Promise<void> {
    const report = await (this.running ??= this.health.report().finally(() => (this.running = null)));
    void reply
      .status(STATUS_OF_HEALTH[report.status])
      .header('content-type', 'application/json')
      .send(JSON.stringify(report));
  }
}
