/**
 * What every API process needs whatever it serves: the log with its ledger and follower, the feeds of the nodes and their reports, as one module. It is global,
 * because the resources inject `Ledger`.
 *
 * At the start the log is loaded first, then NATS is connected in the background. At the end beacons and NATS are stopped first, then the log is closed.
 */
import {
  DynamicModule,
  Inject,
  Injectable,
  Module,
  OnApplicationBootstrap,
  OnApplicationShutdown,
} from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { MicroserviceOptions, Transport } from '@nestjs/microservices';
import { PostgresCheckpoints, PostgresEventStore, type CheckpointStore, type EventStore } from '@plumbline/event-store';
import { Fleet } from '@plumbline/domain';
import { Checkpointer, Follower, Ledger } from '@plumbline/ledger';
import { leaveWhenStale, natsOptions, NatsWire, type NatsAccess } from '@plumbline/messaging/nats';
import type { Logger } from '@plumbline/telemetry';
import type pg from 'pg';
import { EVENT_STORE, LOGGER } from '../tokens.js';
import { sayOf } from '../nova/server-ports.js';
import { KnownAgents } from '../observations/known-agents.js';
import { Observations } from '../observations/observations.js';
import { Owners } from '../observations/owners.js';
import { Nodes } from '../observations/nodes.js';
import { NodesController } from '../observations/nodes.controller.js';
import { ReportsController } from '../observations/reports.controller.js';
import { type DhcpFleetSource, DhcpSchedule } from '../observations/dhcp-schedule.js';
import { FLEET } from '../observations/tokens.js';
import { answersController } from '../questions/answers.controller.js';
import { NodeQuestions } from '../questions/node-questions.js';
import { QuestionsController } from '../questions/questions.controller.js';
import { Reasons } from '../reasons/reasons.js';
import { Changes } from './changes.js';
import { Beacons } from './beacons.js';
import { FeedPruner } from './feed-pruner.js';
import { Past } from './past.js';
import { FeedPublisher } from './publisher.js';
import { ReplayController } from './replay.controller.js';
import { ViewController } from './view.controller.js';
import { CHECKPOINTS, OUTLET } from './tokens.js';

export type FeedOptions = Readonly<{
  /** Of the service login. */
  databaseUrl: string;
  /** For observations. The caller closes it. */
  pool: pg.Pool;
  nats: NatsAccess;
  fleet: () => Promise<Fleet>;
  dhcpFleet: DhcpFleetSource;
  /** Nova hears of its servers' ports. Default false. */
  servers?: boolean;
  /** Time between looks at what of the feeds nobody needs. Default ten minutes. */
  pruneEveryMs?: number | undefined;
  logger: Logger;
}>;

/** Processes of one control plane share replay requests and reports. */
const QUEUE = 'plumb-api';

@Injectable()
class FeedLifecycle implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(Beacons) private readonly beacons: Beacons,
    @Inject(FeedPruner) private readonly pruner: FeedPruner,
    @Inject(KnownAgents) private readonly known: KnownAgents,
    @Inject(Owners) private readonly owners: Owners,
    @Inject(OUTLET) private readonly wire: NatsWire,
    @Inject(NodeQuestions) private readonly questions: NodeQuestions,
    @Inject(Follower) private readonly follower: Follower,
    @Inject(Checkpointer) private readonly checkpointer: Checkpointer,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  onApplicationBootstrap(): void {
    this.checkpointer.start();
    this.wire.start();
    this.known.start();
    this.owners.start();
    this.beacons.start();
    this.pruner.start();
  }

  async onApplicationShutdown(): Promise<void> {
    this.beacons.stop();
    this.pruner.stop();
    this.known.stop();
    this.owners.stop();
    this.questions.close();
    await this.wire.close();
    await this.checkpointer.stop();
    await this.follower.close();
    await this.store.close();
  }
}

@Module({})
export class FeedModule {
  static with(options: FeedOptions): DynamicModule {
    const { logger, nats, servers = false } = options;
    const wire = new NatsWire(nats, 'plumb-api', logger);
    const changes = new Changes();
    const publisher = new FeedPublisher(wire, changes);
    const questions = new NodeQuestions(wire, logger, changes);
    return {
      module: FeedModule,
      global: true,
      controllers: [
        ...[ReplayController, ReportsController, NodesController, ViewController],
        ...[QuestionsController, answersController(questions.asker)],
      ],
      providers: [
        { provide: LOGGER, useValue: logger },
        { provide: FLEET, useValue: options.fleet },
        {
          provide: DhcpSchedule,
          inject: [Ledger],
          useFactory: (ledger: Ledger) => new DhcpSchedule(ledger, options.dhcpFleet, logger),
        },
        { provide: EVENT_STORE, useFactory: () => new PostgresEventStore(options.databaseUrl) },
        { provide: CHECKPOINTS, useFactory: () => new PostgresCheckpoints(options.databaseUrl) },
        { provide: OUTLET, useValue: wire },
        { provide: NodeQuestions, useValue: questions },
        { provide: FeedPublisher, useValue: publisher },
        {
          provide: Follower,
          inject: [EVENT_STORE, CHECKPOINTS, FeedPublisher],
          useFactory: (store: EventStore, checkpoints: CheckpointStore, publisher: FeedPublisher) =>
            Follower.open({ store, checkpoints, logger, publish: (messages) => publisher.publish(messages) }),
        },
        {
          provide: Checkpointer,
          inject: [Follower, CHECKPOINTS],
          useFactory: (follower: Follower, checkpoints: CheckpointStore) =>
            new Checkpointer({ follower, checkpoints, logger }),
        },
        {
          provide: Past,
          inject: [EVENT_STORE, CHECKPOINTS],
          useFactory: (store: EventStore, checkpoints: CheckpointStore) => new Past(store, checkpoints, logger),
        },
        {
          provide: Ledger,
          inject: [EVENT_STORE, Follower],
          useFactory: (store: EventStore, follower: Follower) =>
            new Ledger({ store, follower, logger, servers, onCommand: () => changes.note() }),
        },
        { provide: Observations, useFactory: () => new Observations(options.pool, servers ? sayOf : undefined) },
        {
          provide: KnownAgents,
          inject: [Observations],
          useFactory: (observations: Observations) => new KnownAgents(observations, logger),
        },
        {
          provide: Reasons,
          inject: [Ledger, EVENT_STORE, KnownAgents],
          useFactory: (ledger: Ledger, store: EventStore, known: KnownAgents) =>
            new Reasons(ledger, store, questions, known),
        },
        { provide: Owners, useFactory: () => new Owners(options.pool, logger) },
        { provide: Nodes, useFactory: () => new Nodes(options.pool) },
        {
          provide: Beacons,
          inject: [Follower, OUTLET, KnownAgents, Owners],
          useFactory: (follower: Follower, wire: NatsWire, known: KnownAgents, owners: Owners) =>
            new Beacons(follower, wire, known, owners),
        },
        {
          provide: FeedPruner,
          inject: [EVENT_STORE, Follower, KnownAgents],
          useFactory: (store: EventStore, follower: Follower, known: KnownAgents) =>
            new FeedPruner(store, follower, known, logger, options.pruneEveryMs),
        },
        FeedLifecycle,
      ],
      exports: [Ledger, Follower, EVENT_STORE, LOGGER, Observations, KnownAgents, OUTLET, NodeQuestions, Reasons],
    };
  }
}

/** Makes the application receive what nodes send. Call it before the application listens; the returned function connects to NATS and retries in the background for ever. */
export function hearNodes(app: INestApplication, nats: NatsAccess, logger: Logger): () => void {
  const listener = app.connectMicroservice<MicroserviceOptions>({
    transport: Transport.NATS,
    options: natsOptions(nats, 'plumb-api nodes', QUEUE),
  });
  const connect = (): void => {
    app
      .startAllMicroservices()
      .then(() => leaveWhenStale(listener.unwrap()))
      .catch((err: unknown) => {
        logger.warn({ err, step: 'nats' }, 'cannot subscribe to what nodes send over NATS; retrying every second');
        setTimeout(connect, 1_000).unref();
      });
  };
  return connect;
}
