import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, type RunResult } from '@plumbline/exec';
import { makeNetns, type ScratchNetns } from '@plumbline/exec/testing';

/** Where a test's Open vSwitch is to live. */
export interface StartOvsOptions {
  /** The network namespace, by name or path. Default: one of its own, removed at `stop`. */
  readonly netns?: string;
  /** The directory for database, sockets and logs; removed at `stop`. Default: one below the system's temporary directory. */
  readonly dir?: string;
}

/** An ovsdb-server and an ovs-vswitchd of a test's own. Use bridges with `datapath_type: 'netdev'`. */
export interface OwnOvs {
  /** The database's address: `unix:DIR/db.sock`. */
  readonly remote: string;
  readonly dir: string;
  readonly netns: string;
  /** What ovs-ofctl, ovs-vsctl and ovs-appctl need in their environment to find this switch and no other. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs a tool of Open vSwitch against this switch. */
  tool(argv: readonly string[], stdin?: string): Promise<RunResult>;
  startDatabase(): Promise<void>;
  /** Ends ovsdb-server; with SIGKILL when `kill`. The database file stays. */
  stopDatabase(kill?: boolean): Promise<void>;
  startSwitch(): Promise<void>;
  stopSwitch(kill?: boolean): Promise<void>;
  /** Ends exactly what was started here and removes the directory and the namespace made here. May be called again. */
  stop(): Promise<void>;
}

const schema = '/usr/share/openvswitch/vswitch.ovsschema';

/** Starts both daemons; they answer when it resolves. What was begun is undone when it fails. Needs root. */
export async function startOvs(options: StartOvsOptions = {}): Promise<OwnOvs> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'plumb-ovs-')));
  const own: ScratchNetns | undefined = options.netns === undefined ? await makeNetns('ovs') : undefined;
  const netns = options.netns ?? own?.name ?? '';
  const remote = `unix:${join(dir, 'db.sock')}`;
  const env = { OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir };
  const tool = (argv: readonly string[], stdin?: string): Promise<RunResult> =>
    run(argv, { netns, env, ...(stdin !== undefined && { stdin }) });
  const daemon = (name: string, ...rest: string[]): Promise<RunResult> => {
    const files = [`--pidfile=${join(dir, `${name}.pid`)}`, `--log-file=${join(dir, `${name}.log`)}`];
    const control = `--unixctl=${join(dir, `${name}.ctl`)}`;
    return tool([name, ...rest, '--detach', '--no-chdir', '-vconsole:off', control, ...files]);
  };
  const ovs: OwnOvs = {
    remote,
    dir,
    netns,
    env,
    tool,
    startDatabase: async () => void (await daemon('ovsdb-server', join(dir, 'conf.db'), `--remote=p${remote}`)),
    stopDatabase: (kill) => endDaemon(join(dir, 'ovsdb-server.pid'), kill),
    startSwitch: async () => void (await daemon('ovs-vswitchd', remote)),
    stopSwitch: (kill) => endDaemon(join(dir, 'ovs-vswitchd.pid'), kill),
    async stop() {
      await ovs.stopSwitch();
      await ovs.stopDatabase();
      await rm(dir, { recursive: true, force: true });
      await own?.remove();
    },
  };
  try {
    await run(['ovsdb-tool', 'create', join(dir, 'conf.db'), schema]);
    await ovs.startDatabase();
    await tool(['ovs-vsctl', `--db=${remote}`, '--no-wait', 'init']);
    await ovs.startSwitch();
    return ovs;
  } catch (error) {
    await ovs.stop();
    throw error;
  }
}

async function endDaemon(pidFile: string, kill = false): Promise<void> {
  const text = await readFile(pidFile, 'utf8').catch(() => '');
  const pid = Number(text.trim());
  if (!Number.isInteger(pid) || pid <= 1) return;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (!command.includes(pidFile)) return; // the number belongs to another process by now
  const alive = (): boolean => existsSync(`/proc/${pid}`);
  const ends = async (withinMs: number): Promise<boolean> => {
    for (const until = Date.now() + withinMs; alive() && Date.now() < until;) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return !alive();
  };
  if (alive()) {
    process.kill(pid, kill ? 'SIGKILL' : 'SIGTERM');
    if (!(await ends(5000))) process.kill(pid, 'SIGKILL');
    await ends(5000);
  }
  await rm(pidFile, { force: true });
}
