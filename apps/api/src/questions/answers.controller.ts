/** Receives what agents answer to this process of the API. A function, because the subject holds the process's name. */
import { Controller, Inject, type Type } from '@nestjs/common';
import { Ctx, EventPattern, NatsContext, Payload } from '@nestjs/microservices';
import { answererOf, subjects } from '@plumbline/contracts';
import { NodeQuestions } from './node-questions.js';

export function answersController(asker: string): Type {
  @Controller()
  class AnswersController {
    constructor(@Inject(NodeQuestions) private readonly questions: NodeQuestions) {}

    @EventPattern<string>(subjects.answersTo(asker))
    answered(@Payload() body: unknown, @Ctx() context: NatsContext): void {
      const from = answererOf(context.getSubject());
      if (from) this.questions.hear(from.host, from.agent, body);
    }
  }
  return AnswersController;
}
