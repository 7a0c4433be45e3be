/** `plumb why -` as an operator runs it, against a real API: each line has its answer, whatever the others are. */
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { run } from '@plumbline/exec';
import { runAndTellLoaded } from '../tools/loaded-files.js';
import { ApiProcess } from './api-process.js';

const MAIN = path.resolve(import.meta.dirname, '../../apps/cli/dist/main.js');

let api: ApiProcess;
beforeAll(async () => {
  api = await ApiProcess.start();
});
afterAll(() => api?.stop());

const ask = async (lines: readonly string[]) => {
  const { code, stdout } = await run([process.execPath, MAIN, 'why', '--api', api.url, '--json', '-'], {
    env: { OS_TOKEN: '', OS_AUTH_URL: '', PLUMB_API: '', PLUMB_STATE: '/nonexistent' },
    stdin: lines.join('\n'),
    okCodes: [0, 1],
    timeoutMs: 30_000,
  });
  const answers = stdout.trim().split('\n');
  return { code, answers: answers.map((line) => JSON.parse(line) as { asked: string; objects: { key: string }[]; unknown: string[] }) }; // prettier-ignore
};

it('answers a line that is longer than what is looked into, by its beginning', async () => {
  const { id } = await api.make<{ id: string }>('POST', '/v2.0/networks', { network: { name: 'green' } });
  const outputs = Array.from({ length: 500 }, (_, n) => `output:${n}`).join(',');
  const { code, answers } = await ask([`network/${id}`, `of network ${id} actions=${outputs}`, id]);
  expect([code, answers.map(({ objects }) => objects.map(({ key }) => key))]).toEqual([
    0,
    [[`network/${id}`], [`network/${id}`], [`network/${id}`]],
  ]);
});

it('answers the others when one is refused: here, because its address is longer than the server reads', async () => {
  const { id } = await api.make<{ id: string }>('POST', '/v2.0/networks', { network: { name: 'blue' } });
  const { code, answers } = await ask([id, '€'.repeat(2_000), id]);
  expect(code).toBe(1);
  expect(answers.map(({ objects }) => objects.length)).toEqual([1, 0, 1]);
  expect(answers[1]?.unknown).toEqual([expect.stringContaining('the API refused')]);
});

it('loads little for a question that the API answers: whoever asks waits for it each time', async () => {
  const { stdout, sources } = await runAndTellLoaded([MAIN, 'why', '--api', api.url, 'network/x'], {
    env: { OS_TOKEN: 'any', OS_AUTH_URL: '', PLUMB_API: '', PLUMB_STATE: '/nonexistent' },
    okCodes: [0, 1],
    timeoutMs: 30_000,
  });
  expect(stdout).toContain('nothing is known of "network/x"');
  expect(sources).toContain('apps/cli/out-tsc/commands/why.js');
  // A schema library takes longer to load than most answers take.
  expect(sources.filter((name) => /\/zod\/|\/topology\/|\/node-agents\//.test(name))).toEqual([]);
  expect(sources.length).toBeLessThan(60);
});
