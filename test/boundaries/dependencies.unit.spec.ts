/** Plants a workspace with dependencies that are used in every possible way, and some that nothing uses. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { unusedDependencies } from '../../tools/unused-dependencies.mjs';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), `plumb-dependencies-${process.pid}-`));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(file: string, content: string | object): void {
  const place = path.join(root, file);
  mkdirSync(path.dirname(place), { recursive: true });
  writeFileSync(place, typeof content === 'string' ? content : JSON.stringify(content));
}
const versions = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, '1.0.0']));

describe('dependencies', () => {
  it('that nothing uses are named, of each package and of the root', () => {
    write('package.json', { dependencies: versions('used', 'nowhere'), devDependencies: versions('also-nowhere') });
    write('libs/a/package.json', { dependencies: versions('used', '@scope/part', 'unused') });
    write(
      'libs/a/src/index.ts',
      `import { x } from '@scope/part/deep';\nexport type { Y } from 'used';\nexport const z = x;\n`,
    );
    expect(unusedDependencies(root)).toEqual(['libs/a: unused', '.: nowhere', '.: also-nowhere']);
  });

  it('are not taken for used because another package, or a built file, imports them', () => {
    write('package.json', {});
    write('libs/a/package.json', { dependencies: versions('used') });
    write('libs/a/dist/index.js', `import 'used';\n`);
    write('libs/b/package.json', { dependencies: versions('used') });
    write('libs/b/src/index.ts', `import 'used';\n`);
    expect(unusedDependencies(root)).toEqual(['libs/a: used']);
  });

  it('that a used one asks for as a peer, commands of scripts, and types are used', () => {
    write('package.json', {
      devDependencies: versions('tool', 'by-path', '@types/used', '@types/other'),
      scripts: { go: 'tool --fast', run: 'node node_modules/by-path/bin.js' },
    });
    write('node_modules/tool/package.json', { bin: { tool: 'tool.js' } });
    write('node_modules/used/package.json', { peerDependencies: versions('peer') });
    write('node_modules/idle/package.json', { peerDependencies: versions('peer-of-idle') });
    write('libs/a/package.json', { dependencies: versions('used', 'peer', 'idle', 'peer-of-idle') });
    write('libs/a/src/index.ts', `export const later = () => import('used');\n`);
    write('test/a.ts', `import 'used';\n`);
    expect(unusedDependencies(root)).toEqual(['libs/a: idle', 'libs/a: peer-of-idle', '.: @types/other']);
  });
});
