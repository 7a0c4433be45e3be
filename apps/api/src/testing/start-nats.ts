import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A broker of the test's own on a free port of loopback. `kill` is kill -9; `start` on the same port. */
export class TestNats {
  private child: ChildProcess | null = null;

  private folder: string | null = null;

  private constructor(
    readonly port: number,
    private readonly config: string,
  ) {}

  /** `running` false: only the port is chosen. `config`: in the server's own language. */
  static async make(running = true, config = ''): Promise<TestNats> {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as { port: number };
    probe.close();
    await once(probe, 'close');
    const nats = new TestNats(port, config);
    if (running) await nats.start();
    return nats;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.folder ??= await mkdtemp(join(tmpdir(), 'plumb-nats-'));
    const file = join(this.folder, 'nats.conf');
    await writeFile(file, this.config);
    this.child = spawn('nats-server', ['-a', '127.0.0.1', '-p', String(this.port), '-c', file], { stdio: 'ignore' });
    while (!(await answers(this.port))) await delay(10);
  }

  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (!child) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    if (this.folder !== null) await rm(this.folder, { recursive: true, force: true });
    this.folder = null;
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
