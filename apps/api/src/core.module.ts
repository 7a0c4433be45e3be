/** What the whole process stands on: configuration, log, database, event store, ledger. Global; closed in reverse when the process stops. */
import { DynamicModule, Global, Inject, Module, OnApplicationShutdown } from '@nestjs/common';
import { type EventStore, PostgresEventStore } from '@plumbline/event-store';
import { Health, Logger } from '@plumbline/telemetry';
import pg from 'pg';
import { Follower } from './commands/follower.js';
import { Ledger } from './commands/ledger.js';
import type { Config } from './config.js';

export const CONFIG = Symbol('Config');
export const LOGGER = Symbol('Logger');
export const EVENT_STORE = Symbol('EventStore');
export const READ_POOL = Symbol('pg.Pool of reads');

const READ_CONNECTIONS = 8;
const CONNECT_TIMEOUT_MS = 5_000;

/** Just-in-time compilation costs more than any of our statements. */
function readPool(url: string, logger: Logger): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: READ_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'plumbline api',
    options: '-c jit=off',
  });
  pool.on('error', (err) => logger.warn({ err, step: 'database' }, 'an idle database connection was lost'));
  return pool;
}

@Global()
@Module({})
export class CoreModule implements OnApplicationShutdown {
  constructor(
    @Inject(READ_POOL) private readonly pool: pg.Pool,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(Follower) private readonly follower: Follower,
  ) {}

  static with(config: Config, logger: Logger): DynamicModule {
    return {
      module: CoreModule,
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: READ_POOL, useFactory: () => readPool(config.databaseUrl, logger) },
        { provide: EVENT_STORE, useFactory: () => new PostgresEventStore(config.databaseUrl) },
        {
          provide: Follower,
          inject: [EVENT_STORE],
          useFactory: (store: EventStore) => Follower.open({ store, logger, publish: () => undefined }),
        },
        {
          provide: Ledger,
          inject: [EVENT_STORE, Follower],
          useFactory: (store: EventStore, follower: Follower) => new Ledger({ store, follower, logger }),
        },
        { provide: Health, inject: [READ_POOL], useFactory: databaseHealth },
      ],
      exports: [CONFIG, LOGGER, EVENT_STORE, READ_POOL, Follower, Ledger, Health],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.follower.close();
    await this.store.close();
    await this.pool.end();
  }
}

function databaseHealth(pool: pg.Pool): Health {
  const health = new Health();
  health.add('database', async () => {
    const { rows } = await pool.query<{ position: string }>('SELECT position FROM plumbline.log_head');
    return { ok: rows.length === 1, position: Number(rows[0]?.position) };
  });
  return health;
}
