/** What owners gave instances to know, over NATS: questions go out, answers come in (contracts, instances.ts). A Nest controller receives; NatsWire sends. */
import { Controller, Inject, type Type } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { type InstanceAsk, subjects } from '@plumbline/contracts';
import { NatsWire } from '@plumbline/messaging/nats';

/** How an agent asks for them. */
export type InstanceAsks = Readonly<{
  send(ask: InstanceAsk): void;
  /** The most bytes of JSON that a question may have. */
  readonly maxBodyBytes: number;
  readonly connected: boolean;
}>;

export class NatsInstances implements InstanceAsks {
  private hear: (body: unknown) => void = () => undefined;

  constructor(
    private readonly host: string,
    private readonly wire: NatsWire,
  ) {}

  listen(hear: (body: unknown) => void): void {
    this.hear = hear;
  }

  heard(body: unknown): void {
    this.hear(body);
  }

  send(ask: InstanceAsk): void {
    this.wire.send(subjects.instanceAsk(this.host), ask);
  }

  get maxBodyBytes(): number {
    return this.wire.maxBodyBytes;
  }

  get connected(): boolean {
    return this.wire.connected;
  }
}

/** The controller that receives what a host is told of its instances. A function, because the subject holds the host's name. */
export function instancesController(host: string): Type {
  @Controller()
  class InstancesController {
    constructor(@Inject(NatsInstances) private readonly instances: NatsInstances) {}

    @EventPattern<string>(subjects.instances(host))
    message(@Payload() body: unknown): void {
      this.instances.heard(body);
    }
  }
  return InstancesController;
}
