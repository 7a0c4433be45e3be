/** Plants a forbidden import in each kind of place and expects lint to report it, so that a boundary cannot silently stop being checked. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync, spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
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

  it('accepts what is allowed', async () => {
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

  it.each(['libs/contracts/src/planted.ts', 'apps/api/src/neutron/planted.ts', 'apps/cli/src/planted.ts'])(
    '%s looks for no name that somebody chose with "in"',
    async (file) => {
      const looked = (what: string) => `export const seen = (it: object, name: string): boolean => ${what};\n`;
      expect(await lint(file, looked('name in it'))).toContainEqual(expect.stringContaining('Object.hasOwn'));
      expect(await lint(file, looked(`'name' in it && name !== ''`))).toEqual([]);
    },
  );

  it('the Networking API has no enum either', async () => {
    const planted = await lint('apps/api/src/neutron/planted.ts', 'export enum Seen { One }\n');
    expect(planted).toContainEqual(expect.stringContaining('no-restricted-syntax'));
  });

  it.each(['libs/l3-core/src/planted.ts', 'apps/api/src/neutron/planted.ts', 'libs/lab/src/planted.unit.spec.ts'])(
    '%s writes `private` and not #name',
    async (file) => {
      const planted = await lint(file, 'export class Seen {\n  #count = 0;\n  next = () => (this.#count += 1);\n}\n');
      expect(planted).toContainEqual(expect.stringContaining('no-restricted-syntax'));
    },
  );

  it.each(['libs/l3-driver/src/planted.ts', 'apps/api/src/planted.ts'])(
    '%s starts no process of its own',
    async (file) => {
      expect(
        await lint(file, `import { spawn } from 'node:child_process';\nexport const seen = spawn;\n`),
      ).toContainEqual(expect.stringContaining('no-restricted-imports'));
    },
  );

  it.each([
    ['apps/api/src/planted.ts', `import pg from 'pg';\nexport const seen = pg;\n`],
    ['libs/event-store/src/postgres/planted.ts', `import { Pool } from 'pg';\nexport const seen = Pool;\n`],
    ['libs/identity/src/planted.ts', `import { DataSource } from 'typeorm';\nexport const seen = DataSource;\n`],
    ['apps/cli/src/planted.ts', `import { connect } from '@nats-io/transport-node';\nexport const seen = connect;\n`],
    [
      'libs/agent-runtime/src/planted.ts',
      `import { ClientNats } from '@nestjs/microservices';\nexport const seen = ClientNats;\n`,
    ],
  ])('%s connects to the database and the broker only where calls have deadlines', async (file, source) => {
    expect(await lint(file, source)).toContainEqual(expect.stringContaining('has a deadline'));
  });

  const importOf = (name: string) => `import * as planted from '${name}';\nexport const seen = planted;\n`;
  it.each([
    ['libs/agent-runtime/src/planted.ts', importOf('@plumbline/topology/testing')],
    ['libs/agent-runtime/src/nest/planted.ts', importOf('../testing/index.js')],
    ['libs/topology/src/planted.ts', importOf('./testing/world.js')],
    ['apps/api/src/feed/planted.ts', importOf('@plumbline/event-store/testing')],
    ['libs/domain/src/planted.ts', importOf('fast-check')],
    ['apps/l3-agent/src/planted.ts', `export const seen = await import('@plumbline/l3-core/testing');\n`],
  ])('%s is a source and must not use what is made for specs', async (file, source) => {
    expect(await lint(file, source)).toContainEqual(expect.stringContaining('What is made for specs is for specs'));
  });

  it.each([
    ['libs/agent-runtime/src/planted.unit.spec.ts', '@plumbline/topology/testing'],
    ['libs/agent-runtime/src/testing/planted.ts', '@plumbline/host-feeds'],
  ])('%s may import %s', async (file, imported) => {
    expect(await lint(file, importOf(imported))).toEqual([]);
  });

  it('a source may not import what only the specs of its project may', async () => {
    expect(await lint('libs/agent-runtime/src/planted.ts', importOf('@plumbline/host-feeds'))).toContainEqual(
      expect.stringContaining('@nx/enforce-module-boundaries'),
    );
  });
});

describe('circles', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'plumb-circles-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** The check's messages about these files, each a path below `libs` and a text. */
  function circlesOf(files: Readonly<Record<string, string>>): { code: number | null; said: string[] } {
    for (const name of new Set(Object.keys(files).map((file) => file.split('/')[0]!))) {
      const exports = { '.': { 'plumb-source': './src/index.ts' } };
      mkdirSync(path.join(folder, 'libs', name), { recursive: true });
      writeFileSync(
        path.join(folder, 'libs', name, 'package.json'),
        JSON.stringify({ name: `@plumbline/${name}`, exports }),
      );
    }
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(folder, 'libs', file)), { recursive: true });
      writeFileSync(path.join(folder, 'libs', file), text);
    }
    const run = spawnSync(process.execPath, ['tools/import-cycles.mjs', folder], { cwd: root, encoding: 'utf8' });
    return { code: run.status, said: run.stdout.split('\n').filter(Boolean) };
  }

  it('names files that import each other, by types too', () => {
    const { code, said } = circlesOf({
      'a/src/index.ts': `export { one } from './one.js';\n`,
      'a/src/one.ts': `import { two } from './two.js';\nexport const one = two;\n`,
      'a/src/two.ts': `import type { Three } from './three.js';\nexport const two: Three = 2;\n`,
      'a/src/three.ts': `export type Three = number;\nexport const late = () => import('./one.js');\n`,
    });
    expect({ code, said }).toEqual({
      code: 1,
      said: [
        'imports itself in a circle: libs/a/src/one.ts -> libs/a/src/two.ts -> libs/a/src/three.ts -> libs/a/src/one.ts',
      ],
    });
  });

  it('names projects that import each other, be it in a spec only', () => {
    const { code, said } = circlesOf({
      'a/src/index.ts': `export const a = 1;\n`,
      'a/src/a.unit.spec.ts': `import { b } from '@plumbline/b';\nexport const seen = b;\n`,
      'b/src/index.ts': `import { a } from '@plumbline/a';\nexport const b = a;\n`,
    });
    expect({ code, said }).toEqual({ code: 1, said: ['imports itself in a circle: libs/a -> libs/b -> libs/a'] });
  });

  it('has nothing to say of files that import one way', () => {
    const files = {
      'a/src/index.ts': `export { one } from './one.js';\n`,
      'a/src/one.ts': `export const one = 1;\n`,
      'b/src/index.ts': `import { one } from '@plumbline/a';\nexport const b = one;\n`,
    };
    expect(circlesOf(files)).toEqual({ code: 0, said: [] });
  });
});
