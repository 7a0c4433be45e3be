/** NodeFeed over NATS. A Nest controller receives; NatsWire sends. */
import { Controller, Inject, type Type } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { AgentKind, ReplayRequest, Report, subjects } from '@plumbline/contracts';
import type { Logger } from '@plumbline/telemetry';
import { FeedListener, NodeFeed } from '../node-feed.js';
import { parseBeacon, parseFeed } from '@plumbline/messaging';
import { NatsWire } from '@plumbline/messaging/nats';

export class NatsFeed implements NodeFeed {
  private listener: FeedListener | null = null;
  /** What is published to this host arrives here. */
  private hears = false;

  constructor(
    private readonly host: string,
    private readonly agent: AgentKind,
    private readonly wire: NatsWire,
    private readonly logger: Logger,
  ) {
    wire.whenConnected(() => this.ready());
  }

  /** Nest has subscribed. */
  subscribed(): void {
    this.hears = true;
    this.ready();
  }

  private ready(): void {
    if (this.hears && this.wire.connected) this.listener?.connected();
  }

  subscribe(listener: FeedListener): () => void {
    this.listener = listener;
    return () => (this.listener = null);
  }

  requestReplay(request: ReplayRequest): void {
    this.wire.send(subjects.replay(this.host, this.agent), request);
  }

  get maxBodyBytes(): number {
    return this.wire.maxBodyBytes;
  }

  report(report: Report): void {
    this.wire.send(subjects.report(this.host, this.agent), report);
  }

  heardFeed(body: unknown): void {
    const message = parseFeed(body);
    if (!message)
      this.logger.warn({ step: 'feed', host: this.host }, 'ignored what arrived on the feed: it is not a feed message');
    else if ('refused' in message) this.listener?.refusal(message);
    else this.listener?.message(message);
  }

  heardBeacon(body: unknown): void {
    const beacon = parseBeacon(body);
    if (beacon) this.listener?.beacon(beacon);
  }
}

/** The controller that receives one host's feed. A function, because the subjects hold the host's name, which is configuration. */
export function feedController(host: string): Type {
  @Controller()
  class FeedController {
    constructor(@Inject(NatsFeed) private readonly feed: NatsFeed) {}

    @EventPattern<string>(subjects.feed(host))
    message(@Payload() body: unknown): void {
      this.feed.heardFeed(body);
    }

    @EventPattern<string>(subjects.beacon(host))
    beacon(@Payload() body: unknown): void {
      this.feed.heardBeacon(body);
    }
  }
  return FeedController;
}
