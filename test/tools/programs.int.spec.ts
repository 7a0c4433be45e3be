/** The programs that `npm run build` makes (docs/adr/0008-bundled-programs.md), started without their settings. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from '@jest/globals';
import { runAndTellLoaded, sourcesOf } from './loaded-files.js';

const apps = path.resolve(import.meta.dirname, '../../apps');
const programs = readdirSync(apps);
const distOf = (name: string): string => path.join(apps, name, 'dist');

it.each(programs.filter((name) => name !== 'cli'))('%s starts from few files and says what it lacks', async (name) => {
  const main = path.join(distOf(name), 'main.js');
  const { stdout, stderr, files } = await runAndTellLoaded([main], {
    env: { DATABASE_URL: '', PLUMB_HOST: '' },
    okCodes: [1, 2, 78],
    timeoutMs: 30_000,
  });
  expect(stdout + stderr).toMatch(/DATABASE_URL|PLUMB_HOST/);
  expect(files).toContain(main);
  expect(files.length).toBeLessThan(30);
});

it.each(programs)('%s: a stack leads to its sources', (name) => {
  expect(sourcesOf(path.join(distOf(name), 'main.js'))).toContain(`apps/${name}/out-tsc/main.js`);
  for (const file of readdirSync(distOf(name)).filter((each) => each.endsWith('.js')))
    expect(readFileSync(path.join(distOf(name), file), 'utf8')).toContain(`sourceMappingURL=${file}.map`);
});
