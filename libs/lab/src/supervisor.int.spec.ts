import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { identify, isRunning, processesWith, signal } from './process-identity.js';
import {
  ensureUnit,
  labEnvironment,
  removeUnit,
  startSupervisor,
  stopSupervisor,
  supervisorOf,
} from './supervision.js';
import { readRunning, type Unit } from './unit.js';

const projectDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
let stateDir: string;
let labId: string;

const sleeper = (name: string, more: Partial<Unit> = {}): Unit => ({
  name,
  order: 0,
  argv: ['sleep', '600'],
  env: labEnvironment(labId),
  restart: true,
  afterStart: [],
  stopSignal: 'SIGTERM',
  ...more,
});
const until = async (check: () => boolean) => {
  for (const end = Date.now() + 10_000; !check(); await delay(5)) if (Date.now() > end) throw new Error('not in time');
};

beforeEach(() => {
  stateDir = mkdtempSync(path.join(tmpdir(), 'plumb-supervisor-'));
  labId = randomUUID();
  startSupervisor(projectDir, stateDir, labId);
});
afterEach(async () => {
  await stopSupervisor(stateDir);
  expect(processesWith('PLUMB_LAB_ID', labId)).toEqual([]);
  rmSync(stateDir, { recursive: true, force: true });
});

describe('the supervisor', () => {
  test('starts what is wanted once, and stops what is no longer', async () => {
    const first = await ensureUnit(stateDir, sleeper('one'));
    expect(await ensureUnit(stateDir, sleeper('one'))).toEqual(first);
    await removeUnit(stateDir, 'one');
    expect(isRunning(first)).toBe(false);
  });

  test('restarts a killed unit, and one whose file changed', async () => {
    const first = await ensureUnit(stateDir, sleeper('one'));
    signal(first, 'SIGKILL');
    await until(
      () =>
        (readRunning(stateDir, 'one')?.pid ?? first.pid) !== first.pid &&
        readRunning(stateDir, 'one')?.phase === 'running',
    );
    const second = readRunning(stateDir, 'one');
    expect(second).toMatchObject({ restarts: 1, lastEnd: 'SIGKILL' });
    const third = await ensureUnit(stateDir, sleeper('one', { argv: ['sleep', '601'] }));
    expect(third.pid).not.toBe(second?.pid);
    expect(second !== null && isRunning(second)).toBe(false);
  });

  test('runs afterStart after every start, repeating it until it succeeds', async () => {
    const gate = path.join(stateDir, 'gate');
    const trace = path.join(stateDir, 'trace');
    const unit = sleeper('one', {
      afterStart: [
        ['test', '-e', gate],
        ['cp', gate, trace],
      ],
    });
    const waiting = ensureUnit(stateDir, unit);
    await until(() => readRunning(stateDir, 'one')?.phase === 'starting');
    writeFileSync(gate, '');
    const first = await waiting;
    expect(existsSync(trace)).toBe(true);
    rmSync(trace);
    signal(first, 'SIGKILL');
    await until(() => existsSync(trace));
  });

  test('says why a unit does not start', async () => {
    const broken = sleeper('broken', { argv: ['ls', '/no/such/folder'], restart: false, afterStart: [['false']] });
    await expect(ensureUnit(stateDir, broken)).rejects.toThrow(/broken does not start.*\n.*no\/such\/folder/);
  });

  test('killed, its processes go on; the next one restarts them and leaves none twice', async () => {
    const first = await ensureUnit(stateDir, sleeper('one'));
    const old = supervisorOf(stateDir);
    if (old === null) throw new Error('no supervisor');
    signal(old, 'SIGKILL');
    await until(() => !isRunning(old));
    expect(isRunning(first)).toBe(true);
    startSupervisor(projectDir, stateDir, labId);
    await until(() => (readRunning(stateDir, 'one')?.pid ?? first.pid) !== first.pid);
    expect(isRunning(first)).toBe(false);
    expect(processesWith('PLUMB_LAB_ID', labId)).toHaveLength(2);
  });

  test('stops in reverse order', async () => {
    const log = path.join(stateDir, 'order');
    const talker = (name: string, order: number) => {
      const script = `process.on('SIGTERM', () => { fs.appendFileSync(${JSON.stringify(log)}, '${name} '); process.exit(0); });
        fs.writeFileSync(${JSON.stringify(path.join(stateDir, `${name}.up`))}, ''); setInterval(() => {}, 1000);`;
      return sleeper(name, { order, argv: [process.execPath, '-e', script] });
    };
    await Promise.all([ensureUnit(stateDir, talker('low', 1)), ensureUnit(stateDir, talker('high', 2))]);
    await until(() => existsSync(path.join(stateDir, 'low.up')) && existsSync(path.join(stateDir, 'high.up')));
    await stopSupervisor(stateDir);
    expect(readFileSync(log, 'utf8')).toBe('high low ');
  });

  test('a number given to another process is not killed', () => {
    const me = identify(process.pid);
    if (me === null) throw new Error('no identity');
    const stranger = { pid: me.pid, startTime: String(Number(me.startTime) - 1) };
    expect(isRunning(stranger)).toBe(false);
    expect(signal(stranger, 'SIGKILL')).toBe(false);
  });
});
