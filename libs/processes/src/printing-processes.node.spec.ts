/** A printed script, run by a shell, leaves what the steps themselves would leave: whoever looks then has nothing to do. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { run, Spawner } from '@plumbline/exec';
import { makeNetns, type ScratchNetns } from '@plumbline/exec/testing';
import { filesFolder, NodeProcesses, planProcesses, PrintingProcesses, type WantedProcess } from './index.js';

const owner = `printed-${process.pid}`;
const spawner = new Spawner();
let netns: ScratchNetns;
let runDir: string;
let real: NodeProcesses;

beforeAll(async () => {
  netns = await makeNetns('plumbprint');
  runDir = mkdtempSync('/tmp/plumb-printed-');
  real = new NodeProcesses(spawner, { owner, runDir, env: { PLUMB_LAB_ID: 'x' }, stopMs: 2_000 });
});
afterAll(async () => {
  await real.apply(planProcesses([], await real.observe(), true));
  await spawner.close();
  rmSync(runDir, { recursive: true });
  await netns.remove();
});

const server = (content: string, seconds = '1000'): WantedProcess => ({
  name: 'server',
  netns: netns.name,
  argv: ['perl', '-e', '$SIG{HUP} = sub {}; sleep $ARGV[0] while 1; # it\'s "quoted"', seconds],
  files: [
    { name: 'conf', content, mode: 0o640 },
    { name: 'empty', content: '', mode: 0o644 },
    { name: 'no-newline', content: "it's 100%", mode: 0o644 },
  ],
  reload: 'signal',
});
const plain: WantedProcess = { name: 'plain', netns: null, argv: ['sleep', '1000'], files: [], reload: 'none' };

/** Prints what is to do, has a shell do it, and answers what is left to do. */
async function played(wanted: readonly WantedProcess[], from: NodeProcesses | null = real): Promise<string[]> {
  const lines: string[] = [];
  const printing = new PrintingProcesses(
    (line) => lines.push(line),
    { owner, runDir, env: { PLUMB_LAB_ID: 'x' } },
    from,
  );
  await printing.apply(planProcesses(wanted, await printing.observe(), true));
  await run(['sh', '-eu'], { stdin: `umask 077\n${lines.join('\n')}\n` });
  return planProcesses(wanted, await real.observe(), true).map(({ op }) => op);
}
const pids = async () => (await real.observe()).processes.filter(({ main }) => main).map(({ pid }) => pid);

it('makes programs from nothing, tells them of changes, starts them anew and ends them', async () => {
  expect(await played([server('one\n'), plain], null)).toEqual([]);
  const first = await pids();
  expect(first).toHaveLength(2);
  const inside = await run(['ip', 'netns', 'pids', netns.name]);
  expect(first.filter((pid) => inside.stdout.split('\n').includes(String(pid)))).toHaveLength(1);
  const folder = path.dirname(filesFolder(owner, 'server', runDir));
  expect((await run(['stat', '-c', '%a', folder, path.join(folder, 'files')])).stdout).toBe('755\n755\n');

  expect(await played([server('two\n'), plain])).toEqual([]);
  expect(await pids()).toEqual(first);
  expect(await played([server('two\n', '2000'), plain])).toEqual([]);
  expect((await pids()).filter((pid) => first.includes(pid))).toHaveLength(1);
  expect(await played([{ ...server('two\n', '2000'), files: server('two\n').files.slice(0, 1) }, plain])).toEqual([]);
  expect(await played([])).toEqual([]);
  expect(await pids()).toEqual([]);
  expect(existsSync(folder)).toBe(false);
}, 60_000);
