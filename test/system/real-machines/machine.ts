/**
 * A machine made of namespaces: network, mounts, processes, IPC and host name of its own, with a freshly installed Debian's empty folders. Two of them share
 * nothing but the wires that are laid between them.
 *
 * Not a place of the lab: here a person's commands start daemons that fork away (PostgreSQL, Open vSwitch), so processes get a namespace too. Its first
 * process is a keeper; when that ends, the kernel ends all others and takes the interfaces, mounts and wires along. The keeper ends with the test process.
 *
 *     /run      tmpfs; /run/etc is a copy of /etc, seen as /etc
 *     /opt, /root, /tmp, /var/lib, /var/log, /dev/shm    tmpfs
 *     /opt/plumbline    the clone, read only
 */
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run, type RunOptions, type RunResult } from '@plumbline/exec';
import { allPids, identify, signal, startDetached, waitGone, type ProcessIdentity } from '@plumbline/lab';
import { until } from './until.js';

const projectDir = path.resolve(import.meta.dirname, '../../..');
const readyMark = '/run/machine-is-ready';

const setUp = `
set -eu
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/etc /run/project /run/bin
mount -o bind,ro "$PROJECT" /run/project
touch /run/bin/node && mount -o bind,ro "$NODE" /run/bin/node
cp -a /etc/. /run/etc && mount --bind /run/etc /etc
rm -rf /etc/postgresql/* /etc/postgresql-common/createcluster.conf /etc/plumbline
hostname "$NAME"
for each in /opt /root /var/lib /var/log; do mount -t tmpfs -o mode=755 tmpfs "$each"; done
for each in /tmp /dev/shm; do mount -t tmpfs -o mode=1777 tmpfs "$each"; done
mount -t sysfs sysfs /sys
mkdir /opt/plumbline /var/lib/openvswitch /var/log/openvswitch
mount --bind /run/project /opt/plumbline
install -d -o postgres -g postgres /var/lib/postgresql
install -d -o root -g postgres -m 1775 /var/log/postgresql
ip link set lo up
touch ${readyMark}
while :; do sleep 3600 & wait; done
`;

/** Environment of the machine's shell: nothing of the test's own. */
const environment = [
  'PATH=/run/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'HOME=/root',
  'USER=root',
  'LC_ALL=C.UTF-8',
];

export class Machine {
  private constructor(
    readonly name: string,
    private readonly keeper: ProcessIdentity,
    /** The first process inside, by the host's number. */
    private readonly init: ProcessIdentity,
    private readonly folder: string,
  ) {}

  /** Makes it, without any wire. Needs root. */
  static async start(name: string): Promise<Machine> {
    const folder = mkdtempSync(path.join(tmpdir(), `plumb-${name}-`));
    const namespaces = ['--mount', '--net', '--pid', '--ipc', '--uts', '--fork', '--kill-child', '--mount-proc'];
    const child = startDetached(
      [
        'setpriv',
        '--pdeathsig',
        'KILL',
        'unshare',
        ...namespaces,
        '--propagation',
        'private',
        '--',
        'bash',
        '-c',
        setUp,
      ],
      {
        logFile: path.join(folder, 'machine.log'),
        env: { PATH: process.env['PATH'] ?? '', PROJECT: projectDir, NODE: process.execPath, NAME: name },
      },
    );
    const keeper = identify(child.pid ?? 0);
    if (keeper === null) throw new Error(`no machine ${name}: unshare(1) did not start`);
    const log = (): string => readFileSync(path.join(folder, 'machine.log'), 'utf8');
    let init: ProcessIdentity | null = null;
    await until(
      async () => {
        init ??= identify(Number(readFileSync(`/proc/${keeper.pid}/task/${keeper.pid}/children`, 'utf8').trim()));
        if (init === null) return false;
        const inside = ['nsenter', '--target', String(init.pid), '--mount', '--', 'test', '-e', readyMark];
        return (await run(inside, { okCodes: [0, 1] })).code === 0;
      },
      () => `machine ${name} does not come up: ${log()}`,
    );
    if (init === null) throw new Error(`no machine ${name}: ${log()}`);
    return new Machine(name, keeper, init, folder);
  }

  /** Lays a wire: a veth between an interface of this machine and one of the other, both up, without addresses. */
  async wire(device: string, other: Machine, otherDevice: string): Promise<void> {
    await run([
      ...['ip', 'link', 'add', device, 'netns', String(this.init.pid), 'type', 'veth'],
      ...['peer', 'name', otherDevice, 'netns', String(other.init.pid)],
    ]);
    await this.at(['ip', 'link', 'set', device, 'up']);
    await other.at(['ip', 'link', 'set', otherDevice, 'up']);
  }

  /** Runs a command in the machine. */
  at(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const enter = ['nsenter', '--target', String(this.init.pid), '--mount', '--net', '--pid', '--ipc', '--uts', '--'];
    return run([...enter, 'env', '-i', ...environment, ...argv], { timeoutMs: 40_000, ...options });
  }

  /** Standard output of a command in the machine. */
  async text(...argv: string[]): Promise<string> {
    return (await this.at(argv)).stdout;
  }

  /**
   * Types lines into the machine's one shell and answers what they print. Variables, functions, umask and folder last from one call to the next. Throws at
   * the first command that fails.
   */
  async type(lines: string): Promise<string> {
    const keep = `
kept=$(compgen -v | grep -E '^[a-z][a-z_]*$' | grep -vx kept || true)
{ [ -z "$kept" ] || declare -p $kept; declare -f; umask -p; printf 'cd %q\\n' "$PWD"; } >/run/shell`;
    const script = `set -eo pipefail\n[ ! -e /run/shell ] || . /run/shell\n${lines}\n${keep}\n`;
    const typed = await this.at(['bash', '-c', script]).catch(async (error: unknown) => {
      const logs = await this.at(['sh', '-c', 'tail -n 8 /var/log/plumbline/*.log'], { okCodes: [0, 1] });
      throw new Error(`on ${this.name}: ${String(error)}\n${logs.stdout}`);
    });
    return typed.stdout;
  }

  /** Ends it with everything in it; throws when a process of it survives. */
  async stop(): Promise<void> {
    const inhabitants = inhabitantsOf(this.init.pid);
    signal(this.keeper, 'SIGKILL');
    if (!(await waitGone([this.keeper, ...inhabitants], 5_000))) throw new Error(`machine ${this.name} does not end`);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** All processes in the namespace whose first process this is. */
function inhabitantsOf(init: number): ProcessIdentity[] {
  const namespace = pidNamespaceOf(init);
  return allPids()
    .filter((pid) => namespace !== null && pidNamespaceOf(pid) === namespace)
    .map(identify)
    .filter((found) => found !== null);
}

function pidNamespaceOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return null;
  }
}
