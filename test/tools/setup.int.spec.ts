/** The setup's own tools (plain JavaScript: they run before anything is installed). */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

type Loan = { path: string; mode: number; text: (before: string, marker: string) => string };
type BorrowedFiles = {
  returnFile(path: string): void;
  withBorrowedFiles<T>(loans: Loan[], work: () => Promise<T>): Promise<T>;
};
type Modules = { modulesMatchLock(folder: string): boolean };

const setup = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../tools/setup');
const url = (name: string) => pathToFileURL(path.join(setup, name)).href;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'plumb-setup-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a borrowed file', () => {
  const loanOf = (file: string): Loan => ({
    path: file,
    mode: 0o755,
    text: (before, marker) => `${marker}\nours\n${before}`,
  });

  test('is restored exactly: text, mode, times, or its absence', async () => {
    const { withBorrowedFiles } = (await import(url('borrowed-file.mjs'))) as BorrowedFiles;
    const there = path.join(folder, 'there');
    const absent = path.join(folder, 'absent');
    writeFileSync(there, 'theirs\n');
    chmodSync(there, 0o640);
    const before = statSync(there);
    await withBorrowedFiles([loanOf(there), loanOf(absent)], async () => {
      expect(readFileSync(there, 'utf8')).toMatch(/ours\ntheirs\n$/);
      expect(readFileSync(absent, 'utf8')).toMatch(/ours\n$/);
    });
    const after = statSync(there);
    expect([after.ino, after.mode, after.mtimeMs]).toEqual([before.ino, before.mode, before.mtimeMs]);
    expect(readFileSync(there, 'utf8')).toBe('theirs\n');
    expect(existsSync(absent)).toBe(false);
  });

  test('is restored when the work fails', async () => {
    const { withBorrowedFiles } = (await import(url('borrowed-file.mjs'))) as BorrowedFiles;
    const absent = path.join(folder, 'absent');
    const work = async () => {
      throw new Error('apt failed');
    };
    await expect(withBorrowedFiles([loanOf(absent)], work)).rejects.toThrow('apt failed');
    expect(existsSync(absent)).toBe(false);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('is restored after %s', async (signal) => {
    const file = path.join(folder, 'policy');
    writeFileSync(file, 'theirs\n');
    const script = `
      import { withBorrowedFiles } from ${JSON.stringify(url('borrowed-file.mjs'))};
      const loan = { path: ${JSON.stringify(file)}, mode: 0o755, text: (before, marker) => marker + before };
      await withBorrowedFiles([loan], async () => {
        console.log('borrowed');
        await new Promise((resolve) => setTimeout(resolve, ${signal === 'SIGKILL' ? 60_000 : 300}));
      });
      console.log('not reached');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      child.kill(signal);
    });
    const [, killedBy] = await new Promise<[number | null, string | null]>((resolve) =>
      child.once('close', (...end) => resolve(end)),
    );
    expect([output, killedBy]).toEqual(['borrowed\n', signal]);
    // A process cannot react to SIGKILL: the next start restores the file first.
    if (signal === 'SIGKILL') {
      const { returnFile } = (await import(url('borrowed-file.mjs'))) as BorrowedFiles;
      expect(readFileSync(file, 'utf8')).not.toBe('theirs\n');
      returnFile(file);
    }
    expect(readFileSync(file, 'utf8')).toBe('theirs\n');
  });
});

describe('node_modules and the lock', () => {
  const write = (file: string, packages: Record<string, unknown>) => {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), JSON.stringify({ packages }));
  };
  const lock = {
    '': {},
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b': { version: '2.0.0', optional: true },
  };

  test.each([
    ['all there', { 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0' } }, true],
    ['an optional one absent', { 'node_modules/a': { version: '1.0.0' } }, true],
    ['one absent', { 'node_modules/b': { version: '2.0.0' } }, false],
    ['another version', { 'node_modules/a': { version: '1.0.1' } }, false],
    ['one too many', { 'node_modules/a': { version: '1.0.0' }, 'node_modules/c': { version: '1.0.0' } }, false],
  ])('%s', async (_what, installed, expected) => {
    const { modulesMatchLock } = (await import(url('modules.mjs'))) as Modules;
    write('package-lock.json', lock);
    write('node_modules/.package-lock.json', installed);
    expect(modulesMatchLock(folder)).toBe(expected);
  });

  test('a broken-off installation', async () => {
    const { modulesMatchLock } = (await import(url('modules.mjs'))) as Modules;
    write('package-lock.json', lock);
    expect(modulesMatchLock(folder)).toBe(false);
  });
});
