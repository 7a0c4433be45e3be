import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AnyObject } from '@plumbline/contracts';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aLog, LOG } from '@plumbline/topology/testing';
import { canonical, emptyView, fold, HostView, Topology, wholeView } from '@plumbline/topology';
import fc from 'fast-check';
import { readSnapshot, SnapshotFile, SnapshotRefused, writeSnapshot } from './index.js';

function viewOf(log: Parameters<typeof Topology.fold>[0], host: string): HostView {
  const view = emptyView(host);
  fold(view, wholeView(Topology.fold(log), host, LOG, 'a'.repeat(64)));
  view.frozen.set('router/x', { position: 1, type: 'Unknown', version: 9 });
  return view;
}

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'plumb-snapshot-'))));
afterEach(() => rm(folder, { recursive: true }));

describe('a snapshot', () => {
  it('reads back as the view that it was', () => {
    fc.assert(
      fc.property(aLog(), (log) => {
        const view = viewOf(log.flat(), 'cmp1');
        expect(canonical(readSnapshot(writeSnapshot(view), 'cmp1', 'x'))).toBe(canonical(view));
      }),
      { numRuns: 50 },
    );
  });

  it('with any byte changed or cut off is refused', () => {
    const text = writeSnapshot(viewOf(fc.sample(aLog(), { numRuns: 1, seed: 1 })[0]!.flat(), 'cmp1'));
    fc.assert(
      fc.property(fc.nat({ max: text.length - 1 }), fc.boolean(), (at, cut) => {
        const other = text[at] === '0' ? '1' : '0';
        const damaged = cut ? text.slice(0, at) : text.slice(0, at) + other + text.slice(at + 1);
        expect(() => readSnapshot(damaged, 'cmp1', 'x')).toThrow(SnapshotRefused);
      }),
    );
  });

  it('of another host, or from a newer release, is refused', () => {
    const view = viewOf([], 'cmp1');
    expect(() => readSnapshot(writeSnapshot(view), 'cmp2', 'x')).toThrow('is of host cmp1');
    expect(() => readSnapshot(writeSnapshot({ ...view, catalogue: 99 }), 'cmp1', 'x')).toThrow('newer release');
  });

  it('in a file is replaced in one step, and a partial file that a crash left does no harm', async () => {
    const file = new SnapshotFile(join(folder, 'deep', 'l3.snapshot'));
    expect(await file.load('cmp1')).toBeNull();
    await file.save(viewOf([], 'cmp1'));
    await writeFile(`${file.path}.new`, 'half of a');
    expect((await file.load('cmp1'))?.log).toBe(LOG);
    const later = { ...viewOf([], 'cmp1'), position: 7 };
    await file.save(later);
    expect((await file.load('cmp1'))?.position).toBe(7);
    expect(await readdir(join(folder, 'deep'))).toEqual(['l3.snapshot']);
    expect(await readFile(file.path, 'utf8')).toBe(writeSnapshot(later));
  });

  it('of many objects is of the moment at which it was begun', async () => {
    const view = viewOf([], 'cmp1');
    const object = { kind: 'network', setAt: {} } as unknown as AnyObject;
    for (let n = 0; n < 1_000; n += 1) view.objects.set(`network/${n}`, { ...object, id: `${n}` } as AnyObject);
    const text = writeSnapshot(view);
    const file = new SnapshotFile(join(folder, 'l3.snapshot'));
    const saving = file.save(view);
    view.objects.clear();
    view.position += 1;
    await saving;
    expect(await readFile(file.path, 'utf8')).toBe(text);
    expect(readSnapshot(text, 'cmp1', 'x').objects.size).toBe(1_000);
  });
});
