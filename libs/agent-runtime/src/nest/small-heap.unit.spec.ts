/** How far the young space of a process grows when it keeps much of what it allocates, with and without a limit set at its start. */
import { expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';

const MEGABYTE = 1024 * 1024;
/** Valid JavaScript as it stands, so that a child process can run it without a build. */
const module = new URL('./small-heap.ts', import.meta.url);

/** Largest size of the young space in MB: both halves. */
function grownTo(nodeOptions: string): number {
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { readFileSync } from 'node:fs';
    await import('data:text/javascript,' + encodeURIComponent(readFileSync(new URL('${module.href}'), 'utf8')));
    let kept = [];
    let most = 0;
    for (let n = 0; n < 1_000_000; n += 1) {
      kept.push({ n, of: [n] });
      if (kept.length > 20_000) kept = kept.slice(15_000);
      if (n % 20_000 === 0) most = Math.max(most, getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size);
    }
    console.log(most);`;
  const text = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: nodeOptions },
  });
  return Number(text) / MEGABYTE;
}

it('stays at twice one megabyte without a limit, and grows to a limit that is set', () => {
  expect(grownTo('')).toBeLessThanOrEqual(2);
  const bounded = grownTo('--max-semi-space-size=4');
  expect(bounded).toBeGreaterThan(2);
  expect(bounded).toBeLessThanOrEqual(8);
});
