/**
 * PLUMB_NOVA_URL is set while servers have ports already: Nova may be waiting for those that were wired just before, and is told of them, once; of the others it has
 * long known.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ApiProcess, eventually } from './api-process.js';
import { NovaStandIn } from './nova-stand-in.js';
import { ObservedNode } from './observed.js';

const HOST = 'cmp1';
const PLUGGED = 'network-vif-plugged';
let nova: NovaStandIn;
let folder: string;
let cloud: ApiProcess;
let node: ObservedNode;
let networkId: string;

beforeAll(async () => {
  nova = await NovaStandIn.start();
  folder = mkdtempSync(path.join(tmpdir(), `plumb-nova-${process.pid}-`));
  cloud = await ApiProcess.start();
  node = await ObservedNode.start(cloud, HOST);
  ({ id: networkId } = await cloud.make<{ id: string }>('POST', '/v2.0/networks', { network: { name: 'one' } }));
});
afterAll(async () => {
  await node?.stop();
  await cloud?.stop();
  await nova?.away();
  rmSync(folder, { recursive: true, force: true });
});

/** A port of a server that Nova has, with what its node says of it. */
async function portOf(status: 'ACTIVE' | 'DOWN' | 'ERROR'): Promise<string> {
  const serverId = randomUUID();
  nova.servers.set(serverId, HOST);
  const owned = { device_id: serverId, device_owner: 'compute:nova', 'binding:host_id': HOST };
  const port = { network_id: networkId, port_security_enabled: false, ...owned };
  const { id } = await cloud.make<{ id: string }>('POST', '/v2.0/ports', { port });
  await node.report('ovs', [{ kind: 'port', id, status, position: await cloud.head() }]);
  return id;
}
const withNova = (): Promise<string> => {
  const file = path.join(folder, 'credentials');
  writeFileSync(file, nova.credentials(), { mode: 0o600 });
  return cloud.beside({ PLUMB_NOVA_URL: nova.novaUrl, PLUMB_NOVA_CREDENTIALS_FILE: file });
};
const heard = (portId: string) =>
  nova.heard.filter(({ tag }) => tag === portId).map(({ name, status }) => `${name} ${status}`);

it('tells of what was wired within the hour and of what failed, of nothing older, and of nothing again', async () => {
  const [wired, failed, down, older] = [
    await portOf('ACTIVE'),
    await portOf('ERROR'),
    await portOf('DOWN'),
    await portOf('ACTIVE'),
  ];
  await cloud.database.query(
    `UPDATE plumbline.object_status SET updated_at = now() - interval '3601 seconds' WHERE object_id = $1`,
    [older],
  );
  await withNova();
  await eventually(async () => (nova.heard.length >= 2 ? true : undefined));
  const said = () => [wired, failed, down, older].map(heard);
  expect(said()).toEqual([[`${PLUGGED} completed`], [`${PLUGGED} failed`], [], []]);

  // One of two processes has no such setting yet: whichever stores the report, the next process that starts with it knows what was said and what was not.
  const later = await portOf('ACTIVE');
  await withNova();
  await eventually(async () => (heard(later).length > 0 ? true : undefined));
  expect([...said(), heard(later)]).toEqual([
    [`${PLUGGED} completed`],
    [`${PLUGGED} failed`],
    [],
    [],
    [`${PLUGGED} completed`],
  ]);
  expect(nova.wrong).toEqual([]);
});
