/** Questions about this node over NATS. A Nest controller receives them; NatsWire sends the answers. */
import { Controller, Inject, type Type } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { type AgentKind, type Answer, subjects } from '@plumbline/contracts';
import { NatsWire } from '@plumbline/messaging/nats';

export class NatsQuestions {
  private hear: (body: unknown) => void = () => undefined;

  constructor(
    private readonly host: string,
    private readonly agent: AgentKind,
    private readonly wire: NatsWire,
  ) {}

  listen(hear: (body: unknown) => void): void {
    this.hear = hear;
  }

  heard(body: unknown): void {
    this.hear(body);
  }

  send(asker: string, answer: Answer): void {
    this.wire.send(subjects.answer(this.host, this.agent, asker), answer);
  }

  get maxBodyBytes(): number {
    return this.wire.maxBodyBytes;
  }
}

/** The controller that receives the questions to one agent. A function, because the subject holds the host's name. */
export function questionsController(host: string, agent: AgentKind): Type {
  @Controller()
  class QuestionsController {
    constructor(@Inject(NatsQuestions) private readonly questions: NatsQuestions) {}

    @EventPattern<string>(subjects.question(host, agent))
    message(@Payload() body: unknown): void {
      this.questions.heard(body);
    }
  }
  return QuestionsController;
}
