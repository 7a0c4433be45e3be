import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run, Spawner } from '@plumbline/exec';
import { makeNetns, type ScratchNetns } from '@plumbline/exec/testing';
import { filesFolder, NodeProcesses, planProcesses, type WantedProcess } from './index.js';
import { isRunning, statOf } from './proc.js';

// Specs that run side by side see each other's processes: what an owner finds must be of this spec alone.
const [OWNER, OTHER, THIRD] = [`dhcp-${process.pid}`, `dhcp-${process.pid}-2`, `lb-${process.pid}`];
let netns: ScratchNetns;
let runDir: string;
/** Everything that an agent process has. */
class Agent {
  readonly spawner = new Spawner();
  readonly processes: NodeProcesses;
  readonly ended: string[] = [];

  constructor(owner = OWNER) {
    this.processes = new NodeProcesses(this.spawner, {
      owner,
      runDir,
      stopMs: 2_000,
      restarts: { firstMs: 20, maxMs: 1000 },
    });
    this.processes.watch((names) => this.ended.push(...names));
    agents.push(this);
  }

  async converge(...wanted: WantedProcess[]): Promise<string[]> {
    const steps = planProcesses(wanted, await this.processes.observe(), true);
    await this.processes.apply(steps);
    return steps.map(({ op }) => op);
  }

  async pids(name: string): Promise<number[]> {
    const { processes } = await this.processes.observe();
    return processes.filter((each) => each.name === name).map(({ pid }) => pid);
  }

  async die(): Promise<void> {
    this.processes.close();
    const { helperPid } = this.spawner;
    if (helperPid !== undefined) process.kill(helperPid, 'SIGKILL');
    await this.spawner.close();
  }
}
const agents: Agent[] = [];

beforeAll(async () => {
  netns = await makeNetns('plumbproc');
});
afterAll(() => netns.remove());
beforeEach(() => {
  runDir = mkdtempSync('/tmp/plumb-processes-');
});
afterEach(async () => {
  for (const owner of [OWNER, OTHER, THIRD]) {
    const agent = new Agent(owner);
    await agent.converge();
  }
  for (const agent of agents.splice(0)) {
    agent.processes.close();
    await agent.spawner.close();
  }
  rmSync(runDir, { recursive: true });
});

/** Says what it reads of its file, at its start and at each SIGHUP, and has a child. */
const PROGRAM = `
  $| = 1;
  sub say_it { my $file; print "read: ", open($file, '<', $ARGV[0]) ? <$file> : "nothing", "\\n" }
  $SIG{HUP} = \\&say_it;
  say_it();
  if (!fork) { $SIG{HUP} = 'IGNORE'; sleep 1000; exit }
  sleep 1000 while 1;
`;
const server = (content: string, more: Partial<WantedProcess> = {}): WantedProcess => ({
  name: 'server',
  netns: netns.name,
  argv: ['perl', '-e', PROGRAM, path.join(filesFolder(OWNER, 'server', runDir), 'conf')],
  files: [{ name: 'conf', content, mode: 0o640 }],
  reload: 'signal',
  ...more,
});
const idle = (name: string, seconds = '1000'): WantedProcess => ({
  name,
  netns: null,
  argv: ['sleep', seconds],
  files: [],
  reload: 'none',
});
const logOf = (name: string, owner = OWNER): string => {
  const file = path.join(runDir, owner, name, 'log');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe('processes on a real node', () => {
  it('run in their namespace and session, with an environment of their own and their files', async () => {
    process.env['PLUMB_TEST_SECRET'] = 'secret';
    const agent = new Agent();
    await agent.converge(server('one'));
    await until(() => logOf('server') === 'read: one\n');
    const found = await agent.processes.observe();
    const main = found.processes.find((each) => each.main);
    const pid = main?.pid ?? 0;
    expect(readlinkSync(`/proc/${pid}/ns/net`)).toBe(
      (await run(['readlink', '/proc/self/ns/net'], { netns: netns.name })).stdout.trim(),
    );
    expect(statOf(pid)?.session).toBe(pid);
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
    expect(environment.map((each) => each.split('=')[0]).sort()).toEqual(['LC_ALL', 'PATH', 'PLUMB_PROCESS']);
    const file = path.join(filesFolder(OWNER, 'server', runDir), 'conf');
    expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).toEqual(['one', 0o640]);
    delete process.env['PLUMB_TEST_SECRET'];
  });

  it('are found and left alone by the next agent, whether the last one ended or was killed', async () => {
    const first = new Agent();
    await first.converge(server('one'), idle('quiet'));
    await until(async () => (await first.pids('server')).length === 2);
    const before = [...(await first.pids('server')), ...(await first.pids('quiet'))];
    await first.spawner.close();
    const second = new Agent();
    expect(await second.converge(server('one'), idle('quiet'))).toEqual([]);
    await second.die();
    const third = new Agent();
    expect(await third.converge(server('one'), idle('quiet'))).toEqual([]);
    expect([...(await third.pids('server')), ...(await third.pids('quiet'))]).toEqual(before);
    expect(logOf('server')).toBe('read: one\n');
  });

  it('killed: it is told within two seconds, and the next converge brings it back without what was left of it', async () => {
    const agent = new Agent();
    await agent.converge(server('one'));
    await until(async () => (await agent.pids('server')).length === 2);
    const before = await agent.pids('server');
    const main = before.find((pid) => statOf(pid)?.session === pid) ?? 0;
    const start = performance.now();
    process.kill(main, 'SIGKILL');
    await until(() => agent.ended.length > 0);
    expect(performance.now() - start).toBeLessThan(2000);
    expect(agent.ended).toEqual(['server']);
    expect(await agent.converge(server('one'))).toEqual(['stop-process', 'start-process']);
    await until(async () => (await agent.pids('server')).length === 2);
    expect((await agent.pids('server')).some((pid) => before.includes(pid))).toBe(false);
    expect(await agent.converge(server('one'))).toEqual([]);
  });

  it('killed: it is told also when it was seen to be gone before, and of two names only the one', async () => {
    const agent = new Agent();
    await agent.converge(idle('quiet'), idle('other'));
    const [pid = 0] = await agent.pids('quiet');
    process.kill(pid, 'SIGKILL');
    await until(async () => (await agent.pids('quiet')).length === 0);
    await until(() => agent.ended.length > 0);
    expect(agent.ended).toEqual(['quiet']);
  });

  it('whose files change are told, and go on', async () => {
    const agent = new Agent();
    await agent.converge(server('one'));
    await until(() => logOf('server') === 'read: one\n');
    await until(async () => (await agent.pids('server')).length === 2);
    const before = await agent.pids('server');
    expect(await agent.converge(server('two'))).toEqual(['write-files', 'reload-process']);
    await until(() => logOf('server') === 'read: one\nread: two\n');
    expect(await agent.pids('server')).toEqual(before);
    expect(await new Agent().converge(server('two'))).toEqual([]);
  });

  it('that found no files as they started, or what somebody else wrote, read ours', async () => {
    const agent = new Agent();
    const wanted = server('one');
    for (const step of planProcesses([wanted], await agent.processes.observe(), true)) {
      await agent.processes.apply([step]);
      if (step.op === 'write-files') rmSync(path.join(runDir, OWNER), { recursive: true });
    }
    const file = path.join(filesFolder(OWNER, 'server', runDir), 'conf');
    expect(existsSync(file)).toBe(false);
    await until(() => logOf('server') === 'read: nothing\n');
    expect(await agent.converge(wanted)).toEqual(['write-files', 'reload-process']);
    await until(() => logOf('server') === 'read: nothing\nread: one\n');
    writeFileSync(file, 'theirs');
    expect(await new Agent().converge(wanted)).toEqual(['write-files', 'reload-process']);
    await until(() => logOf('server').endsWith('read: one\nread: one\n'));
  });

  it('whose command line changes are started anew', async () => {
    const agent = new Agent();
    await agent.converge(idle('quiet'));
    const [before] = await agent.pids('quiet');
    expect(await agent.converge(idle('quiet', '2000'))).toEqual(['stop-process', 'start-process']);
    const [after] = await agent.pids('quiet');
    expect(readFileSync(`/proc/${after}/cmdline`, 'utf8')).toBe('sleep\x002000\0');
    expect(statOf(before ?? 0)).toBe(null);
    expect(agent.ended).toEqual([]);
  });

  it('no longer wanted are gone with what they started and with their folder; also one that ignores SIGTERM', async () => {
    const agent = new Agent();
    const deaf = { ...idle('deaf'), argv: ['perl', '-e', '$SIG{TERM} = "IGNORE"; sleep 1000 while 1'] };
    await agent.converge(server('one'), deaf);
    await until(async () => (await agent.pids('server')).length === 2);
    const all = (await agent.processes.observe()).processes;
    expect(all).toHaveLength(3);
    await agent.converge();
    expect(all.filter(isRunning)).toEqual([]);
    expect(existsSync(path.join(runDir, OWNER, 'server'))).toBe(false);
  });

  it("of another owner, of nobody, or with somebody else's name for a mark are not seen and not touched", async () => {
    const [mine, other, third] = [new Agent(), new Agent(OTHER), new Agent(THIRD)];
    for (const agent of [mine, other, third]) await agent.converge(idle('quiet'));
    const stranger = await mine.spawner.startDetached(['sleep', '1000'], {
      logFile: '/dev/null',
      env: { PLUMB_PROCESS: 'dhcp/quiet:0', NOT_PLUMB_PROCESS: `${OWNER}/quiet:0` },
    });
    const [theirs] = await other.pids('quiet');
    await mine.converge();
    expect(await mine.pids('quiet')).toEqual([]);
    expect([await other.pids('quiet'), (await third.pids('quiet')).length]).toEqual([[theirs], 1]);
    expect(await other.converge(idle('quiet'))).toEqual([]);
    expect(statOf(stranger)).not.toBe(null);
    process.kill(stranger, 'SIGKILL');
  });

  it('are started once, however often they are asked for', async () => {
    const agent = new Agent();
    const steps = planProcesses([server('one')], await agent.processes.observe(), true);
    await agent.processes.apply(steps);
    await agent.processes.apply(steps);
    const { processes } = await agent.processes.observe();
    expect(processes.filter(({ main }) => main)).toHaveLength(1);
  });

  it('that cannot be started say why', async () => {
    const agent = new Agent();
    await expect(agent.converge({ ...idle('none'), argv: ['/nope/server'] })).rejects.toThrow(
      'could not be started (ENOENT',
    );
    await expect(agent.converge({ ...idle('none'), netns: 'plumbproc-none' })).rejects.toThrow(
      'namespace could not be entered',
    );
    await expect(agent.converge({ ...idle('../etc') })).rejects.toThrow('cannot name a process');
    expect((await agent.processes.observe()).processes).toEqual([]);
  });

  it('are asked for in a time that does not matter', async () => {
    const agent = new Agent();
    await agent.converge(...Array.from({ length: 50 }, (_, n) => idle(`p${n}`)));
    const start = performance.now();
    expect((await agent.processes.observe()).processes).toHaveLength(50);
    console.log(`50 processes observed in ${(performance.now() - start).toFixed(1)} ms`);
  });
});
