/** Telling Nova, where an operator wants it (PLUMB_NOVA_URL). What Nova must hear is made where its causes are stored: by the ledger, and with the agents' reports. */
import {
  DynamicModule,
  Inject,
  Injectable,
  Module,
  OnApplicationBootstrap,
  OnApplicationShutdown,
} from '@nestjs/common';
import { openClient, orNotMigrated } from '@plumbline/event-store';
import { Health, type Logger, Metrics } from '@plumbline/telemetry';
import type pg from 'pg';
import type { NovaConfig } from '../config.js';
import { LOOKUP_POOL, NOBODY_WAITS_FOR_LONG } from '../core.module.js';
import { NovaClient } from './nova-client.js';
import { ANSWER_WITHIN_MS, LONGEST_SECONDS, ServerEventSender } from './server-event-sender.js';
import { backlog } from './server-event-store.js';
import { seedPorts } from './server-ports.js';

/** Of the sender's statements; its largest looks at all ports of servers. */
const DEADLINE_MS = 20_000;
/** What waits for longer is told to operators: Nova is told within a second. */
const LATE_SECONDS = 60;
const SETTINGS = { jit: 'off', max_parallel_workers_per_gather: '0', ...NOBODY_WAITS_FOR_LONG };

const CONNECT = Symbol('connect');
type Connect = () => Promise<pg.Client>;

@Injectable()
class NovaLifecycle implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(CONNECT) private readonly connect: Connect,
    @Inject(ServerEventSender) private readonly sender: ServerEventSender,
    @Inject(LOOKUP_POOL) private readonly lookups: pg.Pool,
    @Inject(Health) private readonly health: Health,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {}

  /** Before the first report of an agent is heard. */
  async onApplicationBootstrap(): Promise<void> {
    const client = await this.connect();
    try {
      await seedPorts(client, LONGEST_SECONDS);
    } catch (error) {
      throw orNotMigrated(error);
    } finally {
      await client.end();
    }
    this.health.add('nova', async () => {
      const { waiting, seconds, trouble, told } = await backlog(this.lookups);
      const late = seconds > LATE_SECONDS;
      const why = trouble || (told ? '' : 'no process of the API tells it');
      const since = `${waiting} events wait for Nova, the oldest for ${Math.round(seconds)} s`;
      return {
        // It is told, not failed: another process of the API would not help.
        ok: true,
        degraded: trouble !== '' || late,
        detail: waiting === 0 ? trouble || 'has heard all' : why ? `${since}: ${why}` : since,
        waiting,
        seconds: Math.round(seconds),
      };
    });
    const { counts } = this.sender;
    const counted = (outcome: keyof typeof counts, help: string) =>
      ({ name: `plumbline_nova_events_${outcome}_total`, type: 'counter', help, read: () => counts[outcome] }) as const;
    this.metrics.add(
      counted('told', 'Events that this process told Nova, and Nova sent on to the host of their server.'),
      counted('gone', 'Events of a server that Nova does not have (404), or has on no host (422).'),
      counted('refused', 'Events that Nova refused (400).'),
      counted('dropped', 'Events that Nova never heard, because too many waited or for too long.'),
    );
    this.sender.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.sender.stop();
  }
}

@Module({})
export class NovaModule {
  /** `databaseUrl`: of the service login. */
  static with(config: NovaConfig, databaseUrl: string, logger: Logger): DynamicModule {
    const connect: Connect = () =>
      openClient({ url: databaseUrl, name: 'plumbline nova', deadlineMs: DEADLINE_MS, settings: SETTINGS });
    return {
      module: NovaModule,
      providers: [
        { provide: CONNECT, useValue: connect },
        {
          provide: ServerEventSender,
          useValue: new ServerEventSender({
            connect,
            nova: new NovaClient({ ...config, deadlineMs: ANSWER_WITHIN_MS }),
            logger,
          }),
        },
        NovaLifecycle,
      ],
    };
  }
}
