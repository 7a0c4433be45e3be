/** Answers agents that ask for all messages of their feed after a position. The host is the one in the subject, which the broker has checked, never one in the message. */
import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, NatsContext, Payload } from '@nestjs/microservices';
import { ReplayRequest, senderOf, subjects } from '@plumbline/contracts';
import type { EventStore } from '@plumbline/event-store';
import { Follower } from '@plumbline/ledger';
import type { Logger } from '@plumbline/telemetry';
import { EVENT_STORE, LOGGER } from '../tokens.js';
import { Beacons } from './beacons.js';
import { FeedPublisher } from './publisher.js';
import { OUTLET } from './tokens.js';
import type { Outlet } from './publisher.js';

@Controller()
export class ReplayController {
  constructor(
    @Inject(Follower) private readonly follower: Follower,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(OUTLET) private readonly outlet: Outlet,
    @Inject(Beacons) private readonly beacons: Beacons,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @EventPattern<string>(subjects.allReplays)
  async replay(@Payload() body: unknown, @Ctx() context: NatsContext): Promise<void> {
    const sender = senderOf(context.getSubject());
    const request = ReplayRequest.safeParse(body);
    if (!sender || !request.success) {
      this.logger.warn({ subject: context.getSubject(), step: 'replay' }, 'not a replay request');
      return;
    }
    const { host, agent } = sender;
    const { position } = request.data;
    try {
      // Another API process may have published events that this one has not read yet.
      if (position > this.follower.topology.position || position > this.follower.feeds.headOf(host))
        await this.follower.catchUp();
      if (this.follower.unusable) throw this.follower.unusable;
      const { feeds, topology, memory } = this.follower;
      // Hashes of the database go with objects of this memory only while both are of one log.
      const facts = { topology, hashAt: (at: number) => this.store.hashAt(at, this.follower.head) };
      const answer = await feeds.answer(host, request.data, facts, agent).catch((error: unknown) => {
        this.follower.heed(error, memory);
        throw error;
      });
      if (memory !== this.follower.memory) throw new Error('the log was loaded anew meanwhile');
      if ('refused' in answer) {
        this.logger.warn({ host, agent, position, refused: answer.refused, step: 'replay' }, 'replay refused');
        this.outlet.send(subjects.feed(host), answer);
      } else {
        this.logger.debug({ host, agent, position, messages: answer.length, step: 'replay' }, 'replay answered');
        new FeedPublisher(this.outlet).publish(answer);
      }
      this.beacons.send(host);
    } catch (err) {
      this.logger.warn({ err, host, agent, position, step: 'replay' }, 'replay not answered; the agent asks again');
    }
  }
}
