import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WriterOptions, WriterReport } from './writer-process.js';

export type WriterProcess = Readonly<{ pid: number; finish(): Promise<WriterReport>; kill(): void }>;

const lib = join(import.meta.dirname, '..', '..');

/** Compiles what the processes run: jest runs the sources, node needs the build. Does nothing when it is up to date. */
export function buildWriters(): void {
  const tsc = join(lib, '..', '..', 'node_modules', 'typescript', 'bin', 'tsc');
  const built = spawnSync(process.execPath, [tsc, '--build', lib], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`tsc --build failed:\n${built.stdout}${built.stderr}`);
}

/** Starts writers in a process of their own and waits until they write. The caller ends it by `finish` or `kill`. */
export async function spawnWriters(options: WriterOptions): Promise<WriterProcess> {
  const program = join(lib, 'dist', 'testing', 'writer-process.js');
  const child = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = await lines.next();
    if (next.done) throw new Error('the writer process ended early');
    return next.value;
  };
  await line();
  return {
    pid: child.pid as number,
    async finish() {
      const ended = once(child, 'exit');
      child.stdin.write('stop\n');
      const report = JSON.parse(await line()) as WriterReport;
      await ended;
      return report;
    },
    kill: () => void child.kill('SIGKILL'),
  };
}
