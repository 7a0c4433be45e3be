/** Receives what nodes ask about instances. The host is the one in the subject, which the broker has checked, never one in the message. */
import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, NatsContext, Payload } from '@nestjs/microservices';
import { askerOf, InstanceAsk, subjects } from '@plumbline/contracts';
import type { Logger } from '@plumbline/telemetry';
import { LOGGER } from '../tokens.js';
import { InstanceAnswers } from './instance-answers.js';

@Controller()
export class InstancesController {
  constructor(
    @Inject(InstanceAnswers) private readonly answers: InstanceAnswers,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @EventPattern<string>(subjects.allInstanceAsks)
  asked(@Payload() body: unknown, @Ctx() context: NatsContext): void {
    const host = askerOf(context.getSubject());
    const ask = InstanceAsk.safeParse(body);
    if (host && ask.success) this.answers.hear(host, ask.data);
    else this.logger.warn({ subject: context.getSubject(), step: 'instances' }, 'not a question about instances');
  }
}
