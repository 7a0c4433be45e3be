/** What the whole process uses: configuration, connections to the database, and the log with its ledger and feeds. Global; closed in reverse when the process stops. */
import { DynamicModule, Global, Inject, Module, OnApplicationShutdown } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { createDataSource, openPool } from '@plumbline/event-store';
import { CREDENTIAL_ENTITIES } from '@plumbline/identity/login';
import { Follower } from '@plumbline/ledger';
import type { NatsWire } from '@plumbline/messaging/nats';
import { Health, Logger } from '@plumbline/telemetry';
import type pg from 'pg';
import type { Config } from './config.js';
import { FeedModule } from './feed/feed.module.js';
import { OUTLET } from './feed/tokens.js';
import { readFleet } from './neutron/read-model.js';

export const CONFIG = Symbol('Config');
export const READ_POOL = Symbol('pg.Pool of reads');
export const LOOKUP_POOL = Symbol('pg.Pool of rows by id');

const READ_CONNECTIONS = 8;
const LOOKUP_CONNECTIONS = 4;
/** Of TypeORM, for rows that people change: few at a time. */
const ENTITY_CONNECTIONS = 2;
/** Within which a list is answered; an object by its id has an index. */
const READ_MS = 10_000;
const LOOKUP_MS = 5_000;

/** Just-in-time compilation costs more than any of our statements. */
const READ_SETTINGS = { jit: 'off' };
/**
 * Rows by id are few, and their statements are prepared: one plan of index look-ups is right for ever. Without these settings the server plans while tables are small, chooses to
 * join whole tables, and keeps that plan when they are large.
 */
const LOOKUP_SETTINGS = {
  ...READ_SETTINGS,
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
};

/** A database that is away at the start ends the start, as it does for the log. */
function entitiesOf(url: string): DynamicModule {
  const source = createDataSource(url, { poolSize: ENTITY_CONNECTIONS, entities: CREDENTIAL_ENTITIES });
  return TypeOrmModule.forRootAsync({
    useFactory: () => ({ ...source.options, retryAttempts: 0 }),
    dataSourceFactory: () => source.initialize(),
  });
}

@Global()
@Module({})
export class CoreModule implements OnApplicationShutdown {
  constructor(
    @Inject(READ_POOL) private readonly pool: pg.Pool,
    @Inject(LOOKUP_POOL) private readonly lookups: pg.Pool,
  ) {}

  static with(config: Config, logger: Logger): DynamicModule {
    const shared = {
      url: config.databaseUrl,
      name: 'plumbline api',
      onLoss: (err: Error) => logger.warn({ err, step: 'database' }, 'an idle database connection was lost'),
    };
    const pool = openPool({ ...shared, connections: READ_CONNECTIONS, deadlineMs: READ_MS, settings: READ_SETTINGS });
    const lookups = openPool({
      ...shared,
      connections: LOOKUP_CONNECTIONS,
      deadlineMs: LOOKUP_MS,
      settings: LOOKUP_SETTINGS,
    });
    const feed = FeedModule.with({
      databaseUrl: config.databaseUrl,
      pool,
      nats: config.nats,
      fleet: () => readFleet(pool),
      unenforcedSecurityGroups: config.unenforcedSecurityGroups,
      logger,
    });
    return {
      module: CoreModule,
      imports: [feed, entitiesOf(config.databaseUrl)],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: READ_POOL, useValue: pool },
        { provide: LOOKUP_POOL, useValue: lookups },
        {
          provide: Health,
          inject: [OUTLET, Follower],
          useFactory: (wire: NatsWire, follower: Follower) => healthOf(pool, wire, follower),
        },
      ],
      exports: [CONFIG, READ_POOL, LOOKUP_POOL, Health, feed],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.pool.end(), this.lookups.end()]);
  }
}

/** NATS away is told, not failed: the API works on, and nodes catch up when it is back. */
function healthOf(pool: pg.Pool, wire: NatsWire, follower: Follower): Health {
  const health = new Health();
  health.add('database', async () => {
    const { rows } = await pool.query<{ position: string }>('SELECT position FROM plumbline.log_head');
    return { ok: rows.length === 1, position: Number(rows[0]?.position) };
  });
  // A log that cannot be folded stops every write until the cause is mended: a fault of this release or a damaged log.
  health.add('log', () => ({
    ok: follower.broken === null,
    position: follower.topology.position,
    detail: follower.broken?.message ?? follower.lastError?.message ?? 'followed',
  }));
  health.add('nats', () => ({
    ok: true,
    connected: wire.connected,
    detail: wire.connected ? 'connected' : 'not connected: nodes hear of changes when it is back',
  }));
  return health;
}
