/** The API as an operator runs it: a process of its own, on a PostgreSQL and a NATS server of its own. All three end with `stop`. */
import { ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres, TestPostgres } from '@plumbline/event-store/testing';
import { admitInDatabase } from '@plumbline/ledger';
import pg from 'pg';

const MAIN = new URL('../../apps/api/dist/main.js', import.meta.url).pathname;
const PATIENCE_MS = 20_000;

export type Answer = Readonly<{ status: number; body: never; headers: Headers }>;

export class ApiProcess {
  url = '';
  /** What it logged until it listened. */
  said = '';
  private readonly others: ChildProcess[] = [];

  private constructor(
    private readonly api: ChildProcess,
    private readonly nats: ChildProcess,
    readonly natsUrl: string,
    private readonly postgres: TestPostgres,
    readonly database: pg.Pool,
    private readonly dir: string,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** `nats-server` must be on the PATH and the project built (`npm run build`). */
  static async start(environment: Readonly<Record<string, string>> = {}): Promise<ApiProcess> {
    const dir = await mkdtemp(join(tmpdir(), `plumb-api-${process.pid}-`));
    const [postgres, { nats, natsUrl }] = await Promise.all([startPostgres(), startNats(dir)]);
    const api = spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env['PATH'],
        DATABASE_URL: postgres.serviceUrl,
        NATS_URL: natsUrl,
        PLUMB_LISTEN: '127.0.0.1:0',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const database = new pg.Pool({ connectionString: postgres.migrationUrl, max: 2 });
    // A connection that `stop` closes may still hear that the server stops; a query that fails rejects by itself.
    database.on('error', () => undefined);
    const started = new ApiProcess(api, nats, natsUrl, postgres, database, dir, environment);
    try {
      ({ url: started.url, said: started.said } = await listening(api));
      return started;
    } catch (error) {
      await started.stop();
      throw error;
    }
  }

  /** Starts another API process on the same database and NATS; it ends with this one. Resolves with its address. */
  async beside(environment: Readonly<Record<string, string>> = {}): Promise<string> {
    const api = spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env['PATH'],
        DATABASE_URL: this.serviceUrl,
        NATS_URL: this.natsUrl,
        PLUMB_LISTEN: '127.0.0.1:0',
        ...this.environment,
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.others.push(api);
    return (await listening(api)).url;
  }

  /** Login that owns the tables. */
  get migrationUrl(): string {
    return this.postgres.migrationUrl;
  }

  /** The API's own login. */
  get serviceUrl(): string {
    return this.postgres.serviceUrl;
  }

  get pid(): number {
    return this.api.pid as number;
  }

  /** Of the process that was started last by `beside`. */
  get pidBeside(): number {
    return this.others.at(-1)?.pid as number;
  }

  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const raw = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const init =
      raw === undefined
        ? { method, headers }
        : { method, headers: { 'content-type': 'application/json', ...headers }, body: raw };
    const response = await fetch(`${this.url}${path}`, init);
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? null : JSON.parse(text)) as never,
    };
  }

  /** Sends a request that must succeed; returns the value of the body's only key. */
  async make<T = Record<string, never>>(method: string, path: string, body: unknown): Promise<T> {
    const answer = await this.call(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    const entries = Object.values(answer.body as object);
    return (entries.length === 1 ? entries[0] : answer.body) as T;
  }

  /** As an operator does on the controller; by default to everything that these tests have. */
  async admit(
    hosts: readonly string[],
    roles = ['compute', 'network'],
    physicalNetworks = ['physnet1'],
  ): Promise<void> {
    for (const host of hosts) await admitInDatabase(this.serviceUrl, { host, roles, physicalNetworks, bridges: {} });
  }

  async head(): Promise<number> {
    const { rows } = await this.database.query<{ position: string }>('SELECT position FROM plumbline.log_head');
    return Number(rows[0]?.position);
  }

  /** Ends the API as an operator would, and says how it ended. */
  async terminate(): Promise<number | null> {
    await end(this.api);
    return this.api.exitCode;
  }

  async stop(): Promise<void> {
    await Promise.all([this.terminate(), ...this.others.map(end)]);
    await this.database.end();
    await end(this.nats);
    await this.postgres.stop();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Ends a process and waits for it. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

/** A NATS server of its own in an empty folder, which it needs for its whole life. */
export async function startNats(dir: string): Promise<{ nats: ChildProcess; natsUrl: string }> {
  const nats = spawn('nats-server', ['-a', '127.0.0.1', '-p', '-1', '--ports_file_dir', dir], { stdio: 'ignore' });
  const ports = await eventually(async () => {
    const file = (await readdir(dir)).find((name) => name.endsWith('.ports'));
    return file === undefined ? undefined : (JSON.parse(await readFile(join(dir, file), 'utf8')) as { nats: string[] });
  });
  return { nats, natsUrl: ports.nats[0] as string };
}

/** The address from the line in which the process logs it, and its output until then. Rejects with the output when it ends before that. */
function listening(api: ChildProcess): Promise<{ url: string; said: string }> {
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (chunk: Buffer) => {
      said += chunk.toString();
      const match = /"listen":"([^"]+)"/.exec(said);
      if (match?.[1]) resolve({ url: match[1], said });
    };
    api.stdout?.on('data', hear);
    api.stderr?.on('data', hear);
    api.once('exit', (code) => reject(new Error(`the API ended with ${code}: ${said}`)));
  });
}

/** Asks until there is an answer. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const dueAt = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    if (performance.now() > dueAt) throw new Error(`waited ${PATIENCE_MS} ms in vain`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Starts the API with an environment that it should refuse; resolves with its exit code and output. */
export async function refusedStart(
  environment: Readonly<Record<string, string>>,
): Promise<{ code: number; said: string }> {
  const api = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  api.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(api, 'exit')) as [number];
  return { code, said };
}
