/** Plants a forbidden import in each kind of place and expects lint to name it: boundaries that nobody enforces are decoration. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { MAY_IMPORT, PURE } from '../../eslint.config.mjs';

const root = new URL('../..', import.meta.url).pathname;

let eslint: ChildProcessByStdio<Writable, Readable, null>;
let answers: AsyncIterator<string>;

async function lint(file: string, source: string): Promise<string[]> {
  eslint.stdin.write(`${JSON.stringify([file, source])}\n`);
  const { value, done } = await answers.next();
  if (done) throw new Error(`eslint ended at ${file}`);
  return JSON.parse(value) as string[];
}

describe('boundaries', () => {
  // The rule reads nx's project graph; without one it is silently skipped, so make it here as `npm run lint` does.
  beforeAll(() => {
    execFileSync('node_modules/.bin/nx', ['show', 'projects'], { cwd: root, stdio: 'ignore' });
    eslint = spawn(process.execPath, ['test/boundaries/lint.mjs'], { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
    answers = createInterface({ input: eslint.stdout })[Symbol.asyncIterator]();
  });
  afterAll(async () => {
    const ended = once(eslint, 'exit');
    eslint.stdin.end();
    await ended;
  });

  it('names every project of the workspace', () => {
    const listed = execFileSync('node_modules/.bin/nx', ['show', 'projects', '--json'], {
      cwd: root,
      encoding: 'utf8',
    });
    const projects = (JSON.parse(listed) as string[])
      .map((name) => name.replace('@plumbline/', ''))
      .filter((name) => name !== 'plumbline');
    expect(projects.sort()).toEqual(Object.keys(MAY_IMPORT).sort());
  });

  it.each([
    ['libs/l3-core/src/planted.ts', '@plumbline/domain'],
    ['libs/l3-core/src/planted.ts', '@plumbline/ovs-core'],
    ['libs/l3-driver/src/planted.ts', '@plumbline/agent-runtime'],
    ['libs/event-store/src/planted.ts', '@plumbline/domain'],
    ['apps/l3-agent/src/planted.ts', '@plumbline/event-store'],
    ['apps/api/src/planted.ts', '@plumbline/l3-driver'],
    ['libs/reconcile/src/planted.ts', '@plumbline/contracts'],
  ])('%s must not import %s', async (file, imported) => {
    expect(await lint(file, `import * as planted from '${imported}';\nexport const seen = planted;\n`)).toContainEqual(
      expect.stringContaining('@nx/enforce-module-boundaries'),
    );
  });

  it('lets through what is allowed', async () => {
    expect(
      await lint(
        'libs/l3-core/src/planted.ts',
        `import { keyOf } from '@plumbline/contracts';\nexport const seen = keyOf;\n`,
      ),
    ).toEqual([]);
  });

  it.each(PURE)('%s gets time, ids and effects as arguments', async (name) => {
    const source = `import { readFileSync } from 'node:fs';\nexport const seen = [Date.now(), Math.random(), process.pid, readFileSync];\n`;
    const rules = (await lint(`libs/${name}/src/planted.ts`, source)).map((message) => message.split(':')[0]);
    expect(rules).toEqual(
      expect.arrayContaining(['no-restricted-imports', 'no-restricted-globals', 'no-restricted-properties']),
    );
  });

  it.each(["'SELECT 1 FROM plumbline.ports'", '`SELECT ${1} FROM plumbline.ports p`'])(
    'the Networking API names no table: %s',
    async (sql) => {
      const planted = await lint('apps/api/src/neutron/resources/planted.ts', `export const seen = ${sql};\n`);
      expect(planted).toContainEqual(expect.stringContaining('Tables have their names from tables.ts'));
    },
  );

  it('the Networking API has no enum either', async () => {
    const planted = await lint('apps/api/src/neutron/planted.ts', 'export enum Seen { One }\n');
    expect(planted).toContainEqual(expect.stringContaining('no-restricted-syntax'));
  });

  it.each(['libs/l3-driver/src/planted.ts', 'apps/api/src/planted.ts'])(
    '%s starts no process of its own',
    async (file) => {
      expect(
        await lint(file, `import { spawn } from 'node:child_process';\nexport const seen = spawn;\n`),
      ).toContainEqual(expect.stringContaining('no-restricted-imports'));
    },
  );
});
