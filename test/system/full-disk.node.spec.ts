/** An agent whose state folder is on a disk without room: a real file system, a session of either agent. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { NodeSession, readSnapshot, SnapshotFile } from '@plumbline/agent-runtime';
import { aMachine, FakeBroker, FakeControlPlane, FakeNode, ManualClock } from '@plumbline/agent-runtime/testing';
import { MemoryOwnerRecord } from '@plumbline/agent-runtime/testing';
import { run } from '@plumbline/exec';
import { createLogger } from '@plumbline/telemetry';
import { id, LOG, metaOf, networkCreated, nodeRegistered, World } from '@plumbline/topology/testing';

const HOST = 'cmp1';
let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'plumb-disk-'));
  await run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
});
afterEach(async () => {
  await run(['umount', folder]);
  rmSync(folder, { recursive: true });
});

/** Leaves no room, down to the last block. */
const fill = (): void => {
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(path.join(folder, 'ballast'), Buffer.alloc(bavail * bsize));
};

describe.each(['ovs', 'l3'] as const)('the state disk of the %s agent', (agent) => {
  it('full: the node is kept, the report and health say so with what to do; with room again, no longer', async () => {
    const clock = new ManualClock();
    const broker = new FakeBroker(clock);
    const plane = new FakeControlPlane(LOG, broker, clock, [HOST]);
    const node = new FakeNode();
    const file = new SnapshotFile(path.join(folder, 'state', `${agent}.snapshot`));
    const session = new NodeSession({
      ...{ host: HOST, agent, feed: broker.feed(HOST, agent), reconciler: node, binding: node, snapshots: file },
      ...{ clock, machine: aMachine(), ownerRecord: new MemoryOwnerRecord() },
      logger: createLogger({ name: 'test', level: 'silent' }),
    });
    const world = new World();
    const commit = (...events: Parameters<World['append']>[0][]): void =>
      plane.commit(events.map((event, index) => world.append(event, metaOf(index))));
    /** Time passes for the session, and real time for the disk. */
    const until = async (said: (troubles: readonly string[]) => boolean): Promise<readonly string[]> => {
      for (;;) {
        await clock.run(100);
        await new Promise((resolve) => setImmediate(resolve));
        const troubles = plane.reports.at(-1)?.troubles ?? [];
        if (plane.reports.length > 0 && said(troubles)) return troubles;
      }
    };
    const saved = () =>
      existsSync(file.path) ? readSnapshot(readFileSync(file.path, 'utf8'), HOST, file.path).position : null;

    plane.up();
    commit(networkCreated({ networkId: id(1) }), nodeRegistered(HOST, '172.16.0.1'));
    await session.start();
    await until(() => session.state === 'in-sync' && session.position > 0);
    while (saved() !== session.position) await until(() => true);
    const before = saved();
    fill();
    commit(nodeRegistered(HOST, '172.16.0.2'));
    const [trouble, ...more] = await until((troubles) => troubles.length > 0);
    expect(more).toEqual([]);
    for (const part of [file.path, 'ENOSPC', 'an operator must make room on its disk']) expect(trouble).toContain(part);
    expect(session.health()).toMatchObject({ ok: true, degraded: true, troubles: [trouble] });
    expect(node.made.get(`node/${HOST}`)).toContain('172.16.0.2');
    expect(saved()).toBe(before); // the last good one is still there
    rmSync(path.join(folder, 'ballast'));
    await until((troubles) => troubles.length === 0);
    expect(saved()).toBe(session.position);
    expect(session.health()).not.toHaveProperty('degraded');
    await session.stop();
  });
});
