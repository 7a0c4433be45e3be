/** An agent as it is installed, a process of its own, on a spec's own node without a control plane: it works by the snapshot that it finds. */
import { mkdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { SnapshotFile } from '@plumbline/agent-runtime';
import type { AgentKind } from '@plumbline/contracts';
import { until } from '@plumbline/dhcp-driver/testing';
import type { Spawner } from '@plumbline/exec';
import type { HostView } from '@plumbline/topology';

const APPS = path.resolve(import.meta.dirname, '../../../apps');
/** A port that nobody listens at. */
const NO_BROKER = 'nats://127.0.0.1:1';

export type LoneAgentOptions = Readonly<{
  kind: AgentKind;
  host: string;
  /** Of the node: the agent runs where its commands do. */
  spawner: Spawner;
  /** The agent's state folder and its log are made in it. */
  folder: string;
  env: Readonly<Record<string, string>>;
}>;

export class LoneAgent {
  private pid: number | null = null;

  constructor(private readonly options: LoneAgentOptions) {}

  private get stateDir(): string {
    return path.join(this.options.folder, 'state');
  }

  /** Where a metadata agent keeps what owners gave. */
  get instancesFolder(): string {
    return path.join(this.stateDir, 'metadata.instances');
  }

  /** What the agent knows when it starts. The view must be bound to a log. */
  async knows(view: HostView): Promise<void> {
    mkdirSync(this.stateDir, { recursive: true });
    await new SnapshotFile(path.join(this.stateDir, `${this.options.kind}.snapshot`)).save(view);
  }

  /** Resolves when it is started, long before it works. `more`: environment variables of this start alone. */
  async start(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const { kind, host, spawner, env } = this.options;
    this.pid = await spawner.startDetached([process.execPath, path.join(APPS, `${kind}-agent/dist/main.js`)], {
      logFile: this.logFile,
      env: {
        ...{ PLUMB_HOST: host, NATS_URL: NO_BROKER, PLUMB_STATE_DIR: this.stateDir, PLUMB_HEALTH_SOCKET: this.socket },
        ...env,
        ...more,
      },
    });
  }

  /** Resolves when it has ended. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { pid } = this;
    if (pid === null) return;
    process.kill(pid, signal);
    await until(`the end of the ${this.options.kind} agent`, () => !isThere(pid));
    this.pid = null;
  }

  /** Resolves when it has begun from its snapshot and its last look at the node has left nothing to do. */
  async works(): Promise<void> {
    let last = '';
    await until(`the ${this.options.kind} agent to work`, async () => {
      last = await this.health();
      return last.includes('"state":"restored"') && last.includes('"status":"ok"');
    }).catch((error: Error) => {
      throw new Error(`${error.message}: ${last}\n${this.log()}`);
    });
  }

  /** What it answers at /health; the reason where it does not. */
  health(): Promise<string> {
    return new Promise((resolve) => {
      const request = http.get({ socketPath: this.socket, path: '/health', agent: false }, async (answer) => {
        let body = '';
        for await (const part of answer) body += String(part);
        resolve(body);
      });
      request.on('error', (error) => resolve(error.message));
    });
  }

  /** The last that this process, or the one before, said. */
  log(): string {
    return readFileSync(this.logFile, 'utf8').split('\n').slice(-60).join('\n');
  }

  private get socket(): string {
    return path.join(this.options.folder, `${this.options.kind}.health`);
  }

  private get logFile(): string {
    return path.join(this.options.folder, `${this.options.kind}.log`);
  }
}

/** A process that ended and was not waited for yet is gone. */
function isThere(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
