/** Binding a node to another log, on a real switch's database. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startOvs, type OwnOvs } from '@plumbline/ovsdb/testing';
import { emptyView, objectIn } from '@plumbline/topology';
import { bindTo, logOfNode, removals, withThisNode } from './rebind.js';

const logA = '11111111-1111-4111-8111-111111111111';
const logB = '22222222-2222-4222-8222-222222222222';
let ovs: OwnOvs;
let stateDir: string;

beforeAll(async () => {
  ovs = await startOvs();
  stateDir = mkdtempSync(path.join(tmpdir(), 'plumb-rebind-'));
});
afterAll(async () => {
  await ovs.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

describe('a node', () => {
  test('is bound to no log until something binds it, and then to exactly that one', async () => {
    expect(await logOfNode(ovs.remote)).toBeNull();
    await ovs.tool([
      'ovs-vsctl',
      `--db=${ovs.remote}`,
      '--no-wait',
      'set',
      'Open_vSwitch',
      '.',
      'external_ids:system-id=net1',
    ]);
    for (const log of [logA, logA, logB]) {
      for (const kind of ['ovs', 'l3']) writeFileSync(path.join(stateDir, `${kind}.snapshot`), 'of another log');
      await bindTo(log, { ovsdb: ovs.remote, stateDir });
      expect(await logOfNode(ovs.remote)).toBe(log);
      for (const kind of ['ovs', 'l3']) expect(existsSync(path.join(stateDir, `${kind}.snapshot`))).toBe(false);
    }
    const ids = await ovs.tool(['ovs-vsctl', `--db=${ovs.remote}`, 'get', 'Open_vSwitch', '.', 'external_ids']);
    expect(ids.stdout).toContain('system-id=net1');
  });
});

describe('the view that is shown before', () => {
  const facts = { tunnelIp: '10.20.0.11', bridgeMappings: { physnet1: 'br-ex' } };
  test('has the node in it when the log does not know it yet', async () => {
    const view = await withThisNode({ ...emptyView('net1'), log: logB, position: 7 }, () => facts);
    expect(objectIn(view, 'node', 'net1')).toMatchObject({ ...facts, removed: false });
  });
  test('is the log’s own when the log does', async () => {
    const known = await withThisNode({ ...emptyView('net1'), log: logB, position: 7 }, () => facts);
    const asked = () => {
      throw new Error('nobody should ask');
    };
    expect(await withThisNode(known, asked)).toBe(known);
  });
});

test('what goes for good is named, and nothing else', () => {
  const commands = [
    'ovs-vsctl -- --if-exists del-port br-int tap1 -- --if-exists del-port br-int tap2 -- set Bridge br-int external_ids:plumb=0',
    "ip -batch - <<'EOF'\nlink del tap1\nnetns del qrouter-1\nnetns add qrouter-2\nEOF",
  ];
  expect(removals(commands)).toEqual(['namespace qrouter-1', 'port tap1', 'port tap2']);
  expect(removals([])).toEqual([]);
});
