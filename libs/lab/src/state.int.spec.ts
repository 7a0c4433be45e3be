import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { removeFiles } from './clean.js';
import { newLabState, readLabState, StateKeeper, withLock } from './state.js';

let folder: string;
let stateDir: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'plumb-state-'));
  stateDir = path.join(folder, 'state');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the state of a lab', () => {
  test('is on disk before the change is answered, for its owner alone', () => {
    const keeper = new StateKeeper(stateDir, newLabState('one'));
    keeper.set({ apiUrl: 'http://127.0.0.1:9696' });
    expect(readLabState(stateDir)).toEqual(keeper.state);
    expect(statSync(path.join(stateDir, 'lab.json')).mode & 0o777).toBe(0o600);
    expect(statSync(stateDir).mode & 0o777).toBe(0o700);
  });

  test('damaged, it says which file', () => {
    new StateKeeper(stateDir, newLabState('one'));
    writeFileSync(path.join(stateDir, 'lab.json'), '{');
    expect(() => readLabState(stateDir)).toThrow(/lab\.json is damaged/);
  });

  test('removing it leaves other files of that folder', () => {
    new StateKeeper(stateDir, newLabState('one'));
    writeFileSync(path.join(stateDir, 'diary'), 'dear diary');
    removeFiles(stateDir);
    expect(existsSync(path.join(stateDir, 'diary'))).toBe(true);
    rmSync(path.join(stateDir, 'diary'));
    removeFiles(stateDir);
    expect(existsSync(stateDir)).toBe(false);
  });
});

describe('the lock', () => {
  test('admits one, also while the files are removed, and leaves nothing', async () => {
    await withLock(stateDir, async () => {
      removeFiles(stateDir);
      await expect(withLock(stateDir, async () => {})).rejects.toThrow(/another "plumb lab" command/);
    });
    expect(existsSync(stateDir)).toBe(false);
  });

  test.each([
    ['of a process that is gone', JSON.stringify({ pid: spawnSync('true').pid, startTime: '1' })],
    ['of a number that another process has now', JSON.stringify({ pid: process.pid, startTime: '1' })],
    ['that was broken off', ''],
  ])('%s is taken over', async (_what, text) => {
    new StateKeeper(stateDir, newLabState('one'));
    writeFileSync(path.join(stateDir, 'lock'), text);
    expect(await withLock(stateDir, async () => 'mine')).toBe('mine');
  });
});
