/** The agent of nothing but processes (testing/process-agent.ts) with real programs in a namespace. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Spawner } from '@plumbline/exec';
import { makeNetns, type ScratchNetns } from '@plumbline/exec/testing';
import { Backoff, type Run } from '@plumbline/reconcile';
import { filesFolder, NodeProcesses, processOwner, type WantedProcess } from './index.js';
import { ProcessAgent } from './testing/index.js';

// Specs that run side by side see each other's processes: what an owner finds must be of this spec alone.
const OWNER = `dhcp-step-${process.pid}`;
let netns: ScratchNetns;
let runDir: string;
const agents: NodeAgent[] = [];

/** Everything that one process of the agent has. `run`: the loop of an agent, which looks when a process ended, and again at what failed. */
class NodeAgent {
  readonly spawner = new Spawner();
  readonly processes: NodeProcesses;
  readonly engine: ProcessAgent;
  readonly runs: Run[] = [];
  private readonly backoff = new Backoff({ firstMs: 20, maxMs: 200 });
  private timer: NodeJS.Timeout | null = null;
  private looking: Promise<void> | null = null;

  constructor(...wanted: WantedProcess[]) {
    const restarts = { firstMs: 200, maxMs: 60_000 };
    this.processes = new NodeProcesses(this.spawner, { owner: OWNER, runDir, stopMs: 2_000, restarts });
    this.engine = new ProcessAgent(this.processes);
    this.engine.wanted = wanted;
    agents.push(this);
  }

  run(): void {
    this.processes.watch(() => this.look());
    this.look();
  }

  private look(): void {
    if (this.timer) clearTimeout(this.timer);
    this.looking = (this.looking ?? Promise.resolve()).then(async () => {
      const run = await this.engine.converge();
      this.runs.push(run);
      if (run.failures.size > 0) this.timer = setTimeout(() => this.look(), this.backoff.next(0));
      else this.backoff.reset();
    });
  }

  async close(): Promise<void> {
    this.processes.close();
    for (let last = null; last !== this.looking;) await (last = this.looking);
    if (this.timer) clearTimeout(this.timer);
    await this.spawner.close();
  }
}

/** Process ids by name, as an agent without memory finds them: of what was started, not of its children. */
async function pids(): Promise<Record<string, number>> {
  const { processes } = await new NodeProcesses({ startDetached: nobody }, { owner: OWNER, runDir }).observe();
  return Object.fromEntries(processes.filter(({ main }) => main).map(({ name, pid }) => [name, pid]));
}
const nobody = async (): Promise<number> => {
  throw new Error('nothing is started here');
};

/** Says what it reads of its file, at its start and at each SIGHUP. */
const PROGRAM = `
  $| = 1;
  sub say_it { open my $file, '<', $ARGV[0] or die "no file: $!"; print "read: ", <$file>, "\\n" }
  $SIG{HUP} = \\&say_it;
  say_it();
  sleep 1000 while 1;
`;
const server = (name: string, content = 'one', more: Partial<WantedProcess> = {}): WantedProcess => ({
  name,
  netns: netns.name,
  argv: ['perl', '-e', PROGRAM, path.join(filesFolder(OWNER, name, runDir), 'conf')],
  files: [{ name: 'conf', content, mode: 0o644 }],
  reload: 'signal',
  ...more,
});
const logOf = (name: string): string => {
  const file = path.join(runDir, OWNER, name, 'log');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  for (const end = performance.now() + 30_000; !(await condition()); await new Promise((go) => setTimeout(go, 5)))
    if (performance.now() > end) throw new Error(`not within 30 s: ${condition}; a: ${logOf('a')}; b: ${logOf('b')}`);
};

beforeAll(async () => {
  netns = await makeNetns('plumbstep');
});
afterAll(() => netns.remove());
beforeEach(() => {
  runDir = mkdtempSync('/tmp/plumb-processes-');
});
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.close();
  const last = new NodeAgent();
  await last.engine.converge();
  expect(await pids()).toEqual({});
  await agents.pop()?.close();
  rmSync(runDir, { recursive: true });
});

describe('an agent of processes on a real node', () => {
  it('starts them; its helper and itself may end in any way, and the next one applies nothing to the same processes', async () => {
    const wanted = [server('a'), server('b', 'one', { reload: 'restart' }), server('c', 'one', { netns: null })];
    const first = new NodeAgent(...wanted);
    expect(await first.engine.converge()).toMatchObject({ applied: 6, failures: new Map() });
    const before = await pids();
    expect(Object.keys(before).sort()).toEqual(['a', 'b', 'c']);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const { helperPid = 0 } = first.spawner;
      process.kill(helperPid, signal);
      // It does not hear SIGTERM: its program ends it.
      if (signal === 'SIGKILL') await until(() => first.spawner.helperPid !== helperPid);
      expect(await first.engine.converge()).toMatchObject({ applied: 0, failures: new Map() });
      await first.spawner.start();
    }
    await first.close();
    const second = new NodeAgent(...wanted);
    expect(await second.engine.converge()).toMatchObject({ applied: 0, drift: 0, failures: new Map() });
    expect(await pids()).toEqual(before);
    await until(() => ['a', 'b', 'c'].every((name) => logOf(name) === 'read: one\n'));
  });

  it('has one that was killed back within two seconds, counts it as drift, and leaves the other alone', async () => {
    const agent = new NodeAgent(server('a'), server('b'));
    agent.run();
    // Killed before the agent has read it back, it was never in place: no drift.
    await until(() => agent.runs.length === 1 && logOf('a') === 'read: one\n' && logOf('b') === 'read: one\n');
    const { a = 0, b } = await pids();
    const start = performance.now();
    process.kill(a, 'SIGKILL');
    await until(async () => ![undefined, a].includes((await pids())['a']));
    expect(performance.now() - start).toBeLessThan(2000);
    expect((await pids())['b']).toBe(b);
    await until(() => agent.runs.some(({ drift }) => drift > 0));
    expect(agent.runs.map(({ drift }) => drift)).toEqual([0, 1]);
    expect(agent.runs.every(({ failures }) => failures.size === 0)).toBe(true);
  });

  it('tells a program of changed files where that is enough, and starts it anew where it is not', async () => {
    const agent = new NodeAgent(server('told'), server('anew', 'one', { reload: 'restart' }));
    await agent.engine.converge();
    await until(() => logOf('told') === 'read: one\n' && logOf('anew') === 'read: one\n');
    const before = await pids();
    agent.engine.wanted = [server('told', 'two'), server('anew', 'two', { reload: 'restart' })];
    expect(await agent.engine.converge()).toMatchObject({ applied: 5, drift: 0, failures: new Map() });
    await until(() => logOf('told') === 'read: one\nread: two\n' && logOf('anew') === 'read: two\n');
    const after = await pids();
    expect(after['told']).toBe(before['told']);
    expect(after['anew']).not.toBe(before['anew']);
  });

  it('reports one that is not installed, alone and with the reason; the others run', async () => {
    const agent = new NodeAgent(server('a'), server('b', 'one', { argv: ['/nope/server'] }), server('c'));
    const { failures } = await agent.engine.converge();
    expect([...failures.keys()]).toEqual([processOwner('b')]);
    expect(failures.get(processOwner('b'))?.reason).toMatch(/^program b: it does not run: .*\/nope\/server.*ENOENT/);
    expect(Object.keys(await pids()).sort()).toEqual(['a', 'c']);
  });

  it('ends what nobody asks for, with its folder, and nothing without leave', async () => {
    const agent = new NodeAgent(server('a'), server('b'));
    await agent.engine.converge();
    const before = await pids();
    agent.engine.wanted = [server('a')];
    expect(await agent.engine.converge(false)).toMatchObject({ applied: 0, failures: new Map() });
    expect(await pids()).toEqual(before);
    expect(await agent.engine.converge()).toMatchObject({ applied: 2, failures: new Map() });
    expect(await pids()).toEqual({ a: before['a'] });
    expect(existsSync(path.join(runDir, OWNER, 'b'))).toBe(false);
  });

  it('starts a program that ends at once with growing pauses, says what it said, and harms no other', async () => {
    const times = path.join(runDir, 'times');
    const argv = ['sh', '-c', `date +%s%N >> ${times}; echo no lease file; exit 3`];
    const agent = new NodeAgent(server('a'), server('b', 'one', { argv }));
    agent.run();
    const starts = (): number[] =>
      existsSync(times)
        ? readFileSync(times, 'utf8')
            .trim()
            .split('\n')
            .map((ns) => Number(ns) / 1e6)
        : [];
    await until(() => starts().length >= 4);
    const [first = 0, second = 0, third = 0, fourth = 0] = starts();
    // From start to start as the agent counts it; a program may be slower to say when it began the one time than the other.
    expect(second - first).toBeGreaterThan(100);
    expect(third - second).toBeGreaterThan(300);
    expect(fourth - third).toBeGreaterThan(700);
    // A run that starts it may see it end at once: it says so, and the next run says when it is started again.
    const held =
      /^program b: it does not run: it ended .* in a row; it is started again .* The last it said: no lease file$/;
    await until(() => held.test(agent.runs.at(-1)?.failures.get(processOwner('b'))?.reason ?? ''));
    expect([...(agent.runs.at(-1)?.failures.keys() ?? [])]).toEqual([processOwner('b')]);
    expect(Object.keys(await pids())).toEqual(['a']);
    expect(logOf('a')).toBe('read: one\n');
  });
});
