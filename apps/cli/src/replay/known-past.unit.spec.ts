import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { SnapshotFile } from '@plumbline/agent-runtime';
import { emptyView } from '@plumbline/topology';
import { knownPast, whyRefused, type HashAt } from './known-past.js';

const logA = '11111111-1111-4111-8111-111111111111';
const logB = '22222222-2222-4222-8222-222222222222';
const hash = (digit: string): string => digit.repeat(64);
const view = { host: 'net1', log: logA, position: 7, hash: hash('7') };
/** A log whose hash at each position is that position's digit, up to 7. */
const log: HashAt = async (position) => (position > 7 ? null : hash(String(position)));
const file: HashAt = async () => 'unknown';
const at = (position: number, its = hash(String(position)), of = logA) => ({ log: of, position, hash: its });

describe('a log is refused as the agents refuse it', () => {
  test.each([
    ['a node that knows nothing', null, [], log, null],
    ['the log that it follows, further on', logA, [at(5), at(7)], log, null],
    ['another log, by the switch alone', logB, [], log, `net1 follows log ${logB}, and this is log ${logA}`],
    ['another log, by a snapshot', logA, [at(5), at(5, hash('5'), logB)], log, 'net1 follows log'],
    ['a log that ends before', logA, [at(9)], log, 'position 9, where this log has not come'],
    ['another past', logA, [at(5), at(6, hash('a'))], log, 'they differ at position 6 or before'],
    ['another hash at the view’s own position, from a file', logA, [at(7, hash('a'))], file, 'differ at position 7'],
    ['a file that is newer', logA, [at(5)], file, null],
    ['a file that is older', logA, [at(9)], file, 'position 9, and this view is of position 7'],
  ] as const)('%s', async (_what, bound, known, hashAt, why) => {
    const told = await whyRefused(view, { bound, known }, hashAt);
    if (why === null) expect(told).toBeNull();
    else expect(told).toContain(why);
  });
});

test('what a node knows is in its agents’ snapshots; a damaged one says nothing', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'plumb-past-'));
  try {
    expect(await knownPast(folder, 'net1')).toEqual([]);
    await new SnapshotFile(path.join(folder, 'ovs.snapshot')).save({ ...emptyView('net1'), ...view });
    writeFileSync(path.join(folder, 'l3.snapshot'), 'damaged');
    expect(await knownPast(folder, 'net1')).toEqual([at(7)]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
