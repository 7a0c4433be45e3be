/** A command line client: one process for each command, as a person types them, or one process for many. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { run } from '@plumbline/exec';
import { MEMBER, PYTHON, type Cloud } from './cloud.js';

export type Program = 'openstack' | 'neutron';
/** Who types, and with which program: the administrator with either program, or a member of another project with `openstack`. */
export type Seat = Program | 'member';
export type Said = Readonly<{ code: number; stdout: string; stderr: string }>;
export interface Client {
  /** Runs one command to its end, whatever its exit code. One at a time. */
  run(argv: readonly string[]): Promise<Said>;
  stop(): Promise<void>;
}

const SERVER = fileURLToPath(new URL('shell-server.py', import.meta.url));
const PATIENCE_MS = 60_000;
/** Every exit code is accepted: the journey checks it. */
const ANY_CODE = Array.from({ length: 256 }, (_, code) => code);

/** Each command is a process of `/usr/bin/<program>`. */
export const typed = (program: Program, cloud: Cloud): Client => ({
  run: async (argv) => {
    const { code, stdout, stderr } = await run([`/usr/bin/${program}`, ...argv], {
      env: cloud.environment,
      timeoutMs: PATIENCE_MS,
      okCodes: ANY_CODE,
    });
    return { code: code ?? -1, stdout, stderr };
  },
  stop: async () => undefined,
});

/** All commands in one process: see shell-server.py. One cloud a process: the client goes on with the one it first logged in to. */
export class Served implements Client {
  private readonly answers: AsyncIterator<string>;
  private said = '';

  private constructor(private readonly child: ChildProcessWithoutNullStreams) {
    this.answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.on('data', (chunk: Buffer) => (this.said += chunk.toString()));
  }

  static start(seat: Seat, cloud: Cloud): Served {
    const as = seat === 'member' ? { OS_CLOUD: MEMBER } : {};
    const env = { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', ...cloud.environment, ...as };
    const program: Program = seat === 'member' ? 'openstack' : seat;
    return new Served(spawn(PYTHON, [SERVER, program], { env, stdio: ['pipe', 'pipe', 'pipe'] }));
  }

  async run(argv: readonly string[]): Promise<Said> {
    this.child.stdin.write(`${JSON.stringify(argv)}\n`);
    const { value, done } = await this.answers.next();
    if (done) throw new Error(`the client's process ended at "${argv.join(' ')}": ${this.said}`);
    return JSON.parse(value) as Said;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.stdin.end();
    await gone;
  }
}
