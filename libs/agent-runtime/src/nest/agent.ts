/**
 * An agent as a Nest microservice: a session that follows the feed and has a backend change the node. Kinds of agents differ only in their settings and their
 * backend.
 *
 * Start: first the snapshot and the node, then the network. Nothing waits for `listen`, because `listen` waits for the broker, and the node must not. Stop: the
 * running converge ends, the snapshot is written, the connections close.
 */
import { join } from 'node:path';
import {
  Inject,
  Injectable,
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { AgentKind, agentOf, ObjectKey, type QuestionName } from '@plumbline/contracts';
import type { HostView } from '@plumbline/topology';
import {
  createLogger,
  Health,
  Metrics,
  NestLogger,
  serveHealth,
  type CheckResult,
  type HealthServer,
  type Logger,
} from '@plumbline/telemetry';
import { machineClock } from '../clock.js';
import { machineIdentity } from '../machine.js';
import { OwnerFile } from '../owner-file.js';
import type { LogBinding, Reconciler } from '../reconciler.js';
import type { NodeFacts } from '../reporter.js';
import { type Answers, QuestionDesk } from '../questions.js';
import { NodeSession, RESYNC_MS } from '../session.js';
import { SnapshotFile } from '../snapshot.js';
import { readAgentConfig, type AgentConfig, type SettingsShape } from './agent-config.js';
import { leaveWhenStale, metricsOf, natsOptions, NatsWire } from '@plumbline/messaging/nats';
import { feedController, NatsFeed } from './nats-feed.js';
import { type InstanceAsks, instancesController, NatsInstances } from './nats-instances.js';
import { NatsQuestions, questionsController } from './nats-questions.js';

/** What one kind of agent does on its node. */
export type AgentBackend = Readonly<{
  reconciler: Reconciler;
  binding?: LogBinding;
  /** What this node is (tunnel address, bridges); only the agent that reports it has this. */
  nodeFacts?: () => NodeFacts | null;
  /** Calls `look` with the objects concerned when something on the node changed that this agent did not change. `back`: it was away, and is there again. */
  onNodeChange?(look: (keys: ReadonlySet<ObjectKey> | 'all', back?: boolean) => void): void;
  /** What is not well on this node as of now, a sentence each, with who can mend it. */
  troubles?(view: HostView): readonly string[];
  /** Calls `tell` when `troubles` or `nodeFacts` may say something else. */
  onTold?(tell: () => void): void;
  /** What owners gave instances to know: gets how to ask, returns what hears the answers. Of an agent whose definition says `hearsInstances`. */
  instances?(asks: InstanceAsks): (body: unknown) => void;
  /** How it answers questions about its node: all that its declaration names, but those that every agent answers alike (`state`). */
  answers?: Partial<Answers<QuestionName>>;
  /** Mean time between full resyncs where the operator says nothing, as of now. Default: RESYNC_MS. */
  resyncMs?(): number;
  /** For the health endpoint. */
  check?(): Readonly<{ ok: boolean; detail: string }>;
  close(): Promise<void> | void;
}>;

export type AgentDefinition<S extends SettingsShape = SettingsShape> = Readonly<{
  kind: AgentKind;
  /** The environment variables it reads besides those that every agent reads. */
  settings: S;
  /** It is told what owners gave the instances of its node to know. */
  hearsInstances?: true;
  /** Must not wait until the node can be changed (until Open vSwitch answers): it connects in the background. */
  makeBackend(config: AgentConfig<S>, logger: Logger): Promise<AgentBackend>;
}>;

const CONFIG = Symbol('AgentConfig');
const LOGGER = Symbol('Logger');
const DEFINITION = Symbol('AgentDefinition');

@Injectable()
export class AgentService implements OnApplicationBootstrap, OnApplicationShutdown {
  private backend: AgentBackend | null = null;
  private session: NodeSession | null = null;
  private healthServer: HealthServer | null = null;

  constructor(
    @Inject(DEFINITION) private readonly definition: AgentDefinition,
    @Inject(CONFIG) private readonly config: AgentConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(NatsFeed) private readonly feed: NatsFeed,
    @Inject(NatsWire) private readonly wire: NatsWire,
    @Inject(NatsInstances) private readonly instances: NatsInstances,
    @Inject(NatsQuestions) private readonly questions: NatsQuestions,
  ) {}

  /** What the health endpoint answers about the node. */
  health(): CheckResult {
    return this.session?.health() ?? { ok: false, detail: 'starting' };
  }

  async onApplicationBootstrap(): Promise<void> {
    const { config, logger, definition } = this;
    const backend = (this.backend = await definition.makeBackend(config, logger));
    const machine = await machineIdentity(config.stateDir);
    const session = (this.session = new NodeSession({
      host: config.host,
      agent: definition.kind,
      feed: this.feed,
      reconciler: backend.reconciler,
      snapshots: new SnapshotFile(join(config.stateDir, `${definition.kind}.snapshot`)),
      machine,
      ownerRecord: new OwnerFile(join(config.stateDir, `${definition.kind}.owner`)),
      clock: machineClock,
      logger,
      fullEveryMs: () => config.resyncMs ?? backend.resyncMs?.() ?? RESYNC_MS,
      ...(agentOf(definition.kind).carries !== null && { availabilityZone: config.availabilityZone }),
      ...(backend.binding && { binding: backend.binding }),
      ...(backend.nodeFacts && { nodeFacts: backend.nodeFacts }),
      ...(backend.troubles && { troubles: backend.troubles }),
    }));
    const desk = new QuestionDesk({
      answers: { ...backend.answers, state: () => session.tellState(config.stateDir) },
      now: () => session.now,
      send: (asker, answer) => this.questions.send(asker, answer),
      maxBodyBytes: () => this.questions.maxBodyBytes,
      clock: machineClock,
      logger,
    });
    this.questions.listen((body) => desk.hear(body));
    if (backend.instances) this.instances.listen(backend.instances(this.instances));
    backend.onNodeChange?.((keys, back) => session.touch(keys, back));
    backend.onTold?.(() => session.tellNews());
    const health = new Health();
    health.add('node', () => this.health());
    const metrics = new Metrics();
    metrics.add(...metricsOf(this.wire));
    health.add('nats', () => ({
      ok: true,
      connected: this.wire.connected,
      refused: this.wire.refused,
      detail: this.wire.connected ? 'connected' : 'not connected: the agent keeps this node as the last view says',
    }));
    if (backend.check) health.add('switch', () => ({ ...backend.check!() }));
    if (config.health !== null) this.healthServer = await serveHealth({ listen: config.health, health, metrics });
    this.wire.start();
    await session.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.session?.stop();
    await this.backend?.close();
    await this.healthServer?.close();
    await this.wire.close();
    this.logger.info({ position: this.session?.position, step: 'stop' }, 'stopped');
  }
}

@Module({})
export class AgentModule {
  static of(definition: AgentDefinition, config: AgentConfig, logger: Logger): DynamicModule {
    const name = `${agentOf(definition.kind).binary} ${config.host}`;
    return {
      module: AgentModule,
      controllers: [
        feedController(config.host),
        questionsController(config.host, definition.kind),
        ...(definition.hearsInstances ? [instancesController(config.host)] : []),
      ],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: DEFINITION, useValue: definition },
        { provide: NatsWire, useFactory: () => new NatsWire(config.nats, name, logger) },
        {
          provide: NatsInstances,
          inject: [NatsWire],
          useFactory: (wire: NatsWire) => new NatsInstances(config.host, wire),
        },
        {
          provide: NatsFeed,
          inject: [NatsWire],
          useFactory: (wire: NatsWire) => new NatsFeed(config.host, definition.kind, wire, logger),
        },
        {
          provide: NatsQuestions,
          inject: [NatsWire],
          useFactory: (wire: NatsWire) => new NatsQuestions(config.host, definition.kind, wire),
        },
        AgentService,
      ],
    };
  }
}

/** Runs an agent until SIGTERM or SIGINT. Ends the process with 78 (EX_CONFIG) on a bad environment, 1 when it cannot start. */
export async function runAgent(definition: AgentDefinition): Promise<void> {
  let config: AgentConfig;
  try {
    config = readAgentConfig(process.env, definition.settings);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(78);
  }
  const { binary } = agentOf(definition.kind);
  const logger = createLogger({
    name: binary,
    level: config.logLevel,
    fields: { host: config.host },
  });
  process.on('unhandledRejection', (err) => logger.error({ err, step: 'process' }, 'unhandled promise rejection'));
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AgentModule.of(definition, config, logger), {
    transport: Transport.NATS,
    options: natsOptions(config.nats, `${binary} ${config.host} feed`),
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      logger.info({ signal, step: 'stop' }, 'stopping');
      void app.close().finally(() => process.exit(0));
      setTimeout(() => process.exit(1), 20_000).unref();
    });
  logger.info({ step: 'start', stateDir: config.stateDir }, 'agent is starting');
  // Without a broker nothing else may keep the process running.
  setInterval(() => undefined, 60_000);
  // Not app.init(): Nest's microservice would call the bootstrap hooks twice, once itself and once in registerModules.
  void listenForEver(() => app.listen(), logger).then(() => {
    app.get(NatsFeed).subscribed();
    return leaveWhenStale(app.unwrap());
  });
}

/** Resolves when the transport listens, which may be long after the start. */
async function listenForEver(listen: () => Promise<unknown>, logger: Logger): Promise<void> {
  for (;;) {
    try {
      await listen();
      return;
    } catch (err) {
      logger.warn({ err, step: 'nats' }, 'cannot subscribe on NATS, will be retried');
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}
