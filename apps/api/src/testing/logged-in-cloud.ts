/**
 * PostgreSQL, a broker with the logins of a control plane and its nodes, and any number of processes' worth of the API in this one: what specs of messages between both
 * begin with. Whatever was opened ends with `closeAll`, all of it with `stop`.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { startPostgres, type TestPostgres } from '@plumbline/event-store/testing';
import { apiPermissions, natsConfiguration, newNkeyPair, type Permissions } from '@plumbline/nats-logins';
import type { Logger } from '@plumbline/telemetry';
import { AppModule } from '../app.module.js';
import { readConfig } from '../config.js';
import { hearNodes } from '../feed/feed.module.js';
import { createHttpApp } from '../http.js';
import { TestNats } from './start-nats.js';

const REQUEST_MS = 30_000;
type Login = Readonly<{ publicKey: string }> & Permissions;
type Closable = Readonly<{ close(): Promise<unknown> }>;

export class LoggedInCloud {
  private readonly keys = new Map<string, ReturnType<typeof newNkeyPair>>();
  private readonly open: Closable[] = [];

  private constructor(
    readonly folder: string,
    readonly postgres: TestPostgres,
    private broker: TestNats | null,
  ) {}

  /** `nodes`: login of each by its name; the API has its own, `api`. `adapt`: changes the broker's configuration. */
  static async start(
    nodes: Readonly<Record<string, Permissions>>,
    adapt: (configuration: string) => string = (configuration) => configuration,
  ): Promise<LoggedInCloud> {
    const folder = await mkdtemp(join(tmpdir(), 'plumb-cloud-'));
    const cloud = new LoggedInCloud(folder, await startPostgres(), null);
    try {
      const all = { api: apiPermissions(), ...nodes };
      for (const name of Object.keys(all)) {
        const pair = newNkeyPair();
        cloud.keys.set(name, pair);
        await writeFile(cloud.seedFile(name), `${pair.seed}\n`);
      }
      const logins = Object.entries(all).map(([name, permissions]) => cloud.login(name, permissions));
      cloud.broker = await TestNats.make(true, adapt(natsConfiguration('127.0.0.1:0', logins)));
      return cloud;
    } catch (error) {
      await cloud.stop();
      throw error;
    }
  }

  get natsUrl(): string {
    return this.broker?.url ?? '';
  }

  seedFile(name: string): string {
    return join(this.folder, `${name}.nk`);
  }

  /** As a broker's configuration names it. */
  login(name: string, permissions: Permissions): Login {
    return { publicKey: this.keys.get(name)?.publicKey ?? '', ...permissions };
  }

  /** One process of the API: its own memory of the log, connections and subscriptions. `hear` is done. */
  async api(logger: Logger, natsUrl = this.natsUrl): Promise<Readonly<{ app: NestFastifyApplication; url: string }>> {
    const config = readConfig({
      DATABASE_URL: this.postgres.serviceUrl,
      NATS_URL: natsUrl,
      NATS_NKEY_FILE: this.seedFile('api'),
      PLUMB_LISTEN: '127.0.0.1:0',
    });
    const app = await createHttpApp(AppModule.with(config, logger), logger, REQUEST_MS);
    const hear = hearNodes(app, config.nats, logger);
    await app.listen(config.listen);
    hear();
    return { app, url: await app.getUrl() };
  }

  /** Somebody with that login who writes his own messages; `refused`: what the broker did not let him do. */
  async connectAs(
    name: string,
    natsUrl = this.natsUrl,
  ): Promise<Readonly<{ connection: NatsConnection; refused: string[] }>> {
    const seed = new TextEncoder().encode(this.keys.get(name)?.seed);
    const connection = await connect({ servers: natsUrl, authenticator: nkeyAuthenticator(seed) });
    const refused: string[] = [];
    void (async () => {
      for await (const status of connection.status()) if (status.type === 'error') refused.push(String(status.error));
    })();
    this.closing({ close: () => connection.close() });
    return { connection, refused };
  }

  /** Is closed by `closeAll`, the last first. */
  closing(what: Closable): void {
    this.open.push(what);
  }

  async closeAll(): Promise<void> {
    for (const each of this.open.splice(0).reverse()) await each.close();
  }

  async stop(): Promise<void> {
    await this.closeAll();
    await this.broker?.kill();
    await this.postgres.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
