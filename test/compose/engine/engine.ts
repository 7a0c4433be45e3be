/**
 * A container engine of the test's own, in namespaces of its own (engine.sh says which).
 *
 * Road not taken: the machine's own engine: building there would leave images and volumes beside the user's, its networks would change the host's rules,
 * and a CI machine seldom has one.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CommandFailed, run, type RunResult } from '@plumbline/exec';

const startTimeoutMs = 20_000;
const stopTimeoutMs = 10_000;
const cgroupRoot = '/sys/fs/cgroup';

export interface Engine {
  /** A folder for files of the test; gone with the engine. */
  readonly folder: string;
  /** Environment that points Docker's programs to this engine. */
  readonly env: Readonly<Record<string, string>>;
  docker(
    argv: readonly string[],
    options?: { readonly stdin?: string; readonly timeoutMs?: number },
  ): Promise<RunResult>;
  /** Gives the engine's namespace a way out, for what is built in it, until `work` ends. */
  withInternet<T>(work: () => Promise<T>): Promise<T>;
  /** Kills it and with it all containers, networks and images. Leaves nothing. */
  stop(): Promise<void>;
}

/** Starts an engine; resolves when it answers. Rejects with the end of its log when this machine does not allow one; nothing of it is left then. */
export async function startEngine(): Promise<Engine> {
  const folder = mkdtempSync(path.join(tmpdir(), 'plumb-engine-'));
  const cgroup = path.basename(folder);
  const log = path.join(folder, 'log');
  const script = path.resolve('test/compose/engine/engine.sh');
  const unshare = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--', script, folder, cgroup];
  const output = openSync(log, 'a');
  const child = spawn('unshare', unshare, { stdio: ['ignore', output, output] });
  const env = { DOCKER_HOST: `unix://${folder}/docker.sock`, DOCKER_CONFIG: folder };

  const docker: Engine['docker'] = (argv, options = {}) =>
    run(['docker', ...argv], { timeoutMs: 60_000, ...options, env });
  const stop = async (): Promise<void> => {
    await ended(child, 'SIGKILL');
    await removeCgroups(cgroup);
    rmSync(folder, { recursive: true, force: true });
  };

  for (const until = Date.now() + startTimeoutMs; ; await delay(50)) {
    if (child.exitCode === null && existsSync(`${folder}/docker.sock`) && (await answers(docker))) break;
    if (child.exitCode === null && Date.now() < until) continue;
    const end = readFileSync(log, 'utf8').trimEnd().split('\n').at(-1);
    await stop();
    throw new Error(`no container engine can be started here: ${end}`);
  }
  return { folder, env, docker, stop, withInternet: (work) => withInternet(child.pid ?? 0, work) };
}

const answers = (docker: Engine['docker']): Promise<boolean> =>
  docker(['info']).then(
    () => true,
    (error: unknown) => {
      if (error instanceof CommandFailed) return false;
      throw error;
    },
  );

async function withInternet<T>(pid: number, work: () => Promise<T>): Promise<T> {
  const slirp = spawn('slirp4netns', ['--configure', '--mtu=65520', '--disable-host-loopback', String(pid), 'tap0'], {
    stdio: 'ignore',
  });
  try {
    const out = ['nsenter', `--net=/proc/${pid}/ns/net`, 'ip', 'route', 'show', 'default'];
    for (const until = Date.now() + startTimeoutMs; (await run(out)).stdout === ''; await delay(20)) {
      if (Date.now() > until || slirp.exitCode !== null) throw new Error('slirp4netns gave the engine no way out');
    }
    return await work();
  } finally {
    await ended(slirp, 'SIGTERM');
  }
}

/** Ends a child process and waits for it. */
async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await exit;
}

/** Removes the engine's cgroups: a killed engine leaves them. They are empty once its last process is gone. */
async function removeCgroups(name: string): Promise<void> {
  const tops = [cgroupRoot, ...readdirSync(cgroupRoot).map((controller) => path.join(cgroupRoot, controller))]
    .map((parent) => path.join(parent, name))
    .filter((folder) => existsSync(folder));
  for (const until = Date.now() + stopTimeoutMs; ; await delay(20)) {
    const left = tops.filter((top) => !removed(top));
    if (left.length === 0) return;
    if (Date.now() > until) throw new Error(`cgroups of the engine cannot be removed: ${left.join(' ')}`);
  }
}

function removed(folder: string): boolean {
  if (!existsSync(folder)) return true;
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) removed(path.join(folder, entry.name));
    }
    rmdirSync(folder);
    return true;
  } catch {
    return false; // busy still
  }
}
