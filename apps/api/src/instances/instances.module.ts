/** What owners give their instances to know, beside the log: kept, removed with the instance, and told to the nodes that serve it. Global, because the Networking API serves it. */
import { Global, Inject, Injectable, Module, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { Follower, Ledger } from '@plumbline/ledger';
import type { Logger } from '@plumbline/telemetry';
import type pg from 'pg';
import { LOOKUP_POOL } from '../core.module.js';
import type { Outlet } from '../feed/publisher.js';
import { OUTLET } from '../feed/tokens.js';
import { LOGGER } from '../tokens.js';
import { InstanceAnswers } from './instance-answers.js';
import { InstanceNews } from './instance-news.js';
import { InstanceRemoval } from './instance-removal.js';
import { InstanceStore } from './instance-store.js';
import { Instances } from './instances.js';
import { InstancesController } from './instances.controller.js';

@Injectable()
class InstancesLifecycle implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(@Inject(InstanceRemoval) private readonly removal: InstanceRemoval) {}

  /** Before the first request: an instance that is made again must not find what its last one was given. */
  onApplicationBootstrap(): Promise<void> {
    return this.removal.start();
  }

  onApplicationShutdown(): void {
    this.removal.stop();
  }
}

@Global()
@Module({
  controllers: [InstancesController],
  providers: [
    { provide: InstanceStore, inject: [LOOKUP_POOL], useFactory: (pool: pg.Pool) => new InstanceStore(pool) },
    {
      provide: InstanceNews,
      inject: [Follower, OUTLET],
      useFactory: (follower: Follower, outlet: Outlet) => new InstanceNews(follower, outlet),
    },
    {
      provide: InstanceRemoval,
      inject: [Follower, InstanceStore, InstanceNews, LOGGER],
      useFactory: (follower: Follower, store: InstanceStore, news: InstanceNews, logger: Logger) =>
        new InstanceRemoval(follower, store, news, logger),
    },
    {
      provide: Instances,
      inject: [Ledger, InstanceRemoval, InstanceStore, InstanceNews],
      useFactory: (ledger: Ledger, removal: InstanceRemoval, store: InstanceStore, news: InstanceNews) =>
        new Instances(ledger, removal, store, news),
    },
    {
      provide: InstanceAnswers,
      inject: [Follower, InstanceRemoval, InstanceStore, OUTLET, LOGGER],
      useFactory: (
        follower: Follower,
        removal: InstanceRemoval,
        store: InstanceStore,
        outlet: Outlet,
        logger: Logger,
      ) => new InstanceAnswers(follower, removal, store, outlet, logger),
    },
    InstancesLifecycle,
  ],
  exports: [Instances],
})
export class InstancesModule {}
