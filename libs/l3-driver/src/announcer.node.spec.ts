/** The OVS agent wires a router's port later than every frame of the L3 agent was sent: neighbours that knew another place of its addresses learn the new one all the same. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { converge, outsideDevice } from '@plumbline/l3-core';
import { idOf, Story } from '@plumbline/l3-core/testing';
import { setTimeout as delay } from 'node:timers/promises';
import { makeNode, ScratchNode } from './testing/index.js';

const OUTSIDE = 9;
const OLD = 'fa:16:3e:99:99:99';
const GATEWAY = 'fa:16:3e:00:00:06';
const ADDRESSES = ['203.0.113.9', '203.0.113.76'];
const story = new Story()
  .network('e4', '203.0.113.0/24', { external: true, gatewayIp: '203.0.113.1' })
  .network('a4', '10.1.0.0/24', { gatewayIp: '10.1.0.1' })
  .router('c4')
  .interface('c4', 'a4', '55555555-55', 'fa:16:3e:00:00:05', '10.1.0.1')
  .gateway('c4', 'e4', '66666666-66', GATEWAY, '203.0.113.9')
  .floatingIp('76', 'e4', '203.0.113.76')
  .associate('76', '203.0.113.76', '10.1.0.76', 'ba4', 'c4');

let node: ScratchNode;
beforeAll(async () => {
  node = await makeNode();
  await node.plug('outside', OUTSIDE, '203.0.113.250/24');
  // They do not end by themselves while this runs.
  for (const address of ADDRESSES) {
    const entry = ['ip', 'neigh', 'replace', address, 'lladdr', OLD, 'dev', 'eth0', 'nud', 'stale'];
    await node.spawner.run(entry, { netns: 'outside' });
  }
}, 60_000);
afterAll(() => node.remove());

const known = async (): Promise<(string | undefined)[]> => {
  const { stdout } = await node.spawner.run(['ip', '-j', 'neigh'], { netns: 'outside' });
  const entries = JSON.parse(stdout) as { dst: string; lladdr?: string }[];
  return ADDRESSES.map((address) => entries.find(({ dst }) => dst === address)?.lladdr);
};

it('announces as soon as the port is wired', async () => {
  const driver = node.driver({ announceAfterMs: [0] });
  const { failed } = await converge(story.view(), driver, { touched: 'all', mayRemove: true, unverified: false });
  expect(failed).toEqual([]);
  await delay(500);
  expect(await known()).toEqual([OLD, OLD]);
  await node.wire(outsideDevice(idOf('66666666-66')), OUTSIDE);
  for (const until = Date.now() + 2_000; (await known()).includes(OLD) && Date.now() < until;) await delay(50);
  expect(await known()).toEqual([GATEWAY, GATEWAY]);
});
