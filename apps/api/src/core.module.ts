/** What the whole process uses: configuration, connections to the database, and the log with its ledger and feeds. Global; closed in reverse when the process stops. */
import { DynamicModule, Global, Inject, Module, OnApplicationShutdown } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { createDataSource, type EventStore, openPool } from '@plumbline/event-store';
import { CREDENTIAL_ENTITIES } from '@plumbline/identity/login';
import { Follower } from '@plumbline/ledger';
import { metricsOf, type NatsWire } from '@plumbline/messaging/nats';
import { Health, Logger, Metrics } from '@plumbline/telemetry';
import type pg from 'pg';
import type { Config } from './config.js';
import { FeedModule } from './feed/feed.module.js';
import { OUTLET } from './feed/tokens.js';
import { KnownAgents } from './observations/known-agents.js';
import { LogGuard } from './log-guard.js';
import { portionTurn } from './loop.js';
import { EVENT_STORE } from './tokens.js';
import { readDhcpFleet, readFleet } from './neutron/read-model.js';

export const CONFIG = Symbol('Config');
/** Pools by what they are for: what is slow or many in one of them takes nothing from the others. */
export const LIST_POOL = Symbol('pg.Pool of lists');
export const LOOKUP_POOL = Symbol('pg.Pool of rows by id');
const POOLS = Symbol('pg.Pools');

/** Of TypeORM, for rows that people change: few at a time. */
const ENTITY_CONNECTIONS = 2;
/** Of health: it says whether the database answers, so it waits for nobody. */
const HEALTH_CONNECTIONS = 1;
const HEALTH_MS = 2_000;
/** An object by its id has an index. */
const LOOKUP_MS = 5_000;
const REPORT_MS = 5_000;

/**
 * For sessions that change rows within transactions which others wait for. A process that stands still in one (stopped, paused with its machine, cut off from the
 * network) would keep an agent's rows locked, and no report of that agent could be stored: the server ends the session, and with it what it began.
 */
export const NOBODY_WAITS_FOR_LONG = { idle_in_transaction_session_timeout: '5s' };

/** Just-in-time compilation costs more than any of our statements; and one list is the work of one processor, not of all. */
const READ_SETTINGS = { jit: 'off', max_parallel_workers_per_gather: '0' };
/**
 * What agents report is no fact that must survive: after a crash they say it again. So nobody waits until it is on the disk. What must survive in this pool's
 * transactions begins with SET LOCAL synchronous_commit = on.
 */
const REPORT_SETTINGS = { jit: 'off', synchronous_commit: 'off', ...NOBODY_WAITS_FOR_LONG };
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
  constructor(@Inject(POOLS) private readonly pools: readonly pg.Pool[]) {}

  static with(config: Config, logger: Logger): DynamicModule {
    const guard = new LogGuard();
    const shared = {
      url: config.databaseUrl,
      name: 'plumbline api',
      admit: guard.admit,
      onLoss: (err: Error) => logger.warn({ err, step: 'database' }, 'an idle database connection was lost'),
    };
    const { lists: listConnections, lookups: lookupConnections, reports: reportConnections } = config.connections;
    const lists = openPool({
      ...shared,
      connections: listConnections,
      deadlineMs: config.listSeconds * 1000,
      settings: READ_SETTINGS,
      turn: portionTurn,
    });
    const lookups = openPool({
      ...shared,
      connections: lookupConnections,
      deadlineMs: LOOKUP_MS,
      settings: LOOKUP_SETTINGS,
    });
    const reports = openPool({
      ...shared,
      connections: reportConnections,
      deadlineMs: REPORT_MS,
      settings: REPORT_SETTINGS,
    });
    const health = openPool({ ...shared, connections: HEALTH_CONNECTIONS, deadlineMs: HEALTH_MS });
    const feed = FeedModule.with({
      databaseUrl: config.databaseUrl,
      pool: reports,
      nats: config.nats,
      servers: config.nova !== null,
      fleet: () => readFleet(lookups),
      dhcpFleet: (silenceCounts) => readDhcpFleet(lookups, { perNetwork: config.dhcpAgentsPerNetwork, silenceCounts }),
      logger,
    });
    return {
      module: CoreModule,
      imports: [feed, entitiesOf(config.databaseUrl)],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LIST_POOL, useValue: lists },
        { provide: LOOKUP_POOL, useValue: lookups },
        { provide: POOLS, useValue: [lists, lookups, reports, health] },
        {
          provide: LogGuard,
          inject: [Follower],
          useFactory: (follower: Follower) => {
            guard.watch(follower);
            return guard;
          },
        },
        {
          provide: Health,
          inject: [OUTLET, Follower, KnownAgents, EVENT_STORE],
          useFactory: (wire: NatsWire, follower: Follower, known: KnownAgents, store: EventStore) =>
            healthOf(health, wire, follower, known, store),
        },
        {
          provide: Metrics,
          inject: [OUTLET, Follower, KnownAgents],
          useFactory: (wire: NatsWire, follower: Follower, known: KnownAgents) => metricsFor(wire, follower, known),
        },
      ],
      exports: [LogGuard, CONFIG, LIST_POOL, LOOKUP_POOL, Health, Metrics, feed],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.pools.map((pool) => pool.end()));
  }
}

/** NATS away is told, not failed: the API works on, and nodes catch up when it is back. */
function healthOf(pool: pg.Pool, wire: NatsWire, follower: Follower, known: KnownAgents, store: EventStore): Health {
  const health = new Health();
  health.add('database', async () => {
    const { rows } = await pool.query<{ position: string }>('SELECT position FROM plumbline.log_head');
    return { ok: rows.length === 1, position: Number(rows[0]?.position) };
  });
  // A log that cannot be folded stops every write until the cause is mended: a fault of this release or a damaged log. One that the database lost the end of is loaded anew.
  health.add('log', async () => {
    const { memory, head, unusable } = follower;
    const found = await (unusable ? Promise.reject(unusable) : store.confirm(head)).then(
      (at) => ({ ok: true, ahead: at.position - head.position, detail: follower.lastError?.message ?? 'followed' }),
      (error: Error) => {
        follower.heed(error, memory);
        return { ok: follower.unusable === null, detail: error.message };
      },
    );
    return { ...found, position: head.position, reloads: follower.memory };
  });
  health.add('nats', () => ({
    ok: true,
    connected: wire.connected,
    detail: wire.connected ? 'connected' : 'not connected: nodes hear of changes when it is back',
  }));
  // An agent that does not come along is told, not failed: this process can do nothing about it.
  health.add('agents', () => {
    const behind = known.behind();
    const troubled = known.troubled();
    const said = [
      ...behind.map(
        ({ host, kind, state, seconds }) => `the ${kind} agent of ${host} is ${state} for ${Math.round(seconds)} s`,
      ),
      ...troubled.map(
        ({ host, kind, troubles }) => `the ${kind} agent of ${host} reports what is not well on its node (${troubles})`,
      ),
    ];
    const more = said.length > MOST_NAMED ? `, and ${said.length - MOST_NAMED} more` : '';
    return {
      ok: true,
      degraded: said.length > 0,
      detail: said.length === 0 ? 'none is behind' : `${said.slice(0, MOST_NAMED).join(', ')}${more}`,
      behind: behind
        .slice(0, MOST_LISTED)
        .map(({ host, kind, state, seconds }) => ({ host, agent: kind, state, seconds })),
      troubled: troubled.slice(0, MOST_LISTED).map(({ host, kind, troubles }) => ({ host, agent: kind, troubles })),
    };
  });
  return health;
}

/** Agents that health names in its sentence, and in its list. */
const MOST_NAMED = 5;
const MOST_LISTED = 100;

function metricsFor(wire: NatsWire, follower: Follower, known: KnownAgents): Metrics {
  const metrics = new Metrics();
  metrics.add(...metricsOf(wire), {
    ...{ name: 'plumbline_log_position', type: 'gauge', help: 'Position of the log that this process has folded.' },
    read: () => follower.topology.position,
  });
  metrics.add({
    name: 'plumbline_log_reloads_total',
    type: 'counter',
    help: 'How often the log was loaded anew because the database had lost the end of what was read.',
    read: () => follower.memory,
  });
  metrics.add({
    ...{ name: 'plumbline_agents_behind', type: 'gauge', help: 'Agents that report and are not in sync for long.' },
    read: () => known.behind().length,
  });
  return metrics;
}
