/** A proxy that is told of another file takes it, whatever it does at that moment: real haproxy, no guests. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Spawner } from '@plumbline/exec';
import { askerNetns, convergeMetadata, type Asker } from '@plumbline/metadata-core';
import { NodeProcesses } from '@plumbline/processes';
import { NodeMetadataDriver } from './node-driver.js';

const TURNS = 10;
const askers = Array.from({ length: 3 }, (_, n): Asker => ({
  kind: 'router',
  id: `00000000-0000-4000-8000-0000000000${n}0`,
}));
let spawner: Spawner;
let folder: string;
let processes: NodeProcesses;
let driver: NodeMetadataDriver;
let terms: { owner: string; runDir: string; service: string };

beforeAll(async () => {
  const prepare = 'mount -t tmpfs -o mode=755 tmpfs /run && ip link set lo up && exec "$@"';
  spawner = new Spawner({ under: ['unshare', '--net', '--mount', '--', 'sh', '-c', prepare, 'sh'] });
  folder = mkdtempSync('/tmp/plumb-metadata-');
  chmodSync(folder, 0o711);
  mkdirSync(path.join(folder, 'service'));
  terms = { owner: `metadata-told-${process.pid}`, runDir: folder, service: path.join(folder, 'service', 'socket') };
  const lines = askers.map((asker) => `netns add ${askerNetns(asker)}`);
  await spawner.run(['ip', '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
  processes = new NodeProcesses(spawner, { ...terms, restarts: { firstMs: 1, maxMs: 1 } });
  driver = new NodeMetadataDriver(spawner, processes, terms);
});
afterAll(async () => {
  await converge([]);
  processes.close();
  await spawner.close();
  rmSync(folder, { recursive: true });
});

/** Rejects when the proxy is not as wanted. */
async function converge(wanted: readonly Asker[]): Promise<void> {
  const run = await convergeMetadata({ wanted, held: new Set() }, driver, terms, true);
  const failed = [...run.failures.values()].map(({ reason }) => reason);
  if (failed.length > 0) throw new Error(failed.join('\n'));
}

it('a proxy takes its file that is told right behind its start, or while it begins anew', async () => {
  for (let turn = 0; turn < TURNS; turn += 1) {
    await converge(askers.slice(0, 1));
    // The moment differs from turn to turn.
    await delay(turn);
    await converge(askers.slice(0, 2));
    await delay(turn);
    await converge(askers);
    expect((await driver.observe([])).loaded).not.toBeNull();
    await converge([]);
  }
}, 120_000);
