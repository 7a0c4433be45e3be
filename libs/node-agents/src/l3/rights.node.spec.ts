/** The L3 agent hears of what others change in namespaces, with the rights that it has where it is installed, and no others. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { agentOf } from '@plumbline/contracts';
import { Spawner } from '@plumbline/exec';
import { watchNamespaces } from '@plumbline/l3-driver';
import { makeNode, type ScratchNode } from '@plumbline/l3-driver/testing';
import { netnsOf } from '@plumbline/l3-core';

const ROUTER = 'c4000000-0000-4000-8000-000000000000';
const { capabilities } = agentOf('l3');

let node: ScratchNode;
const spawners: Spawner[] = [];
beforeAll(async () => {
  node = await makeNode();
  await node.spawner.run(['ip', 'netns', 'add', netnsOf(ROUTER)]);
  await node.spawner.run(['ip', 'link', 'add', 'out', 'type', 'veth', 'peer', 'name', 'in', 'netns', netnsOf(ROUTER)]);
});
afterAll(async () => {
  for (const each of spawners) await each.close();
  await node.remove();
});

/** Starts programs on the node as the lab and the systemd units start an agent. */
function withRights(some: readonly string[]): Spawner {
  const under = [
    ...['nsenter', `--target=${node.spawner.helperPid}`, '--net', '--mount', '--'],
    ...['setpriv', '--no-new-privs', '--inh-caps=-all'],
    ...[`--bounding-set=-all,${some.map((each) => `+${each}`).join()}`, '--'],
  ];
  const spawner = new Spawner({ under });
  spawners.push(spawner);
  return spawner;
}

it('an address that somebody adds is heard of', async () => {
  const heard: string[] = [];
  const failures: string[] = [];
  const unwatch = watchNamespaces(
    withRights(capabilities),
    (routers) => heard.push(...routers),
    ({ message }) => failures.push(message),
  );
  // It begins a moment after it was started.
  for (let n = 1; heard.length === 0 && failures.length === 0; n += 1) {
    await node.spawner.run(['ip', 'address', 'add', `192.0.2.${n}/24`, 'dev', 'in'], { netns: netnsOf(ROUTER) });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  unwatch();
  expect([...new Set(heard), ...failures]).toEqual([ROUTER]);
});

it('without the right to hear, it is said why', async () => {
  const without = capabilities.filter((each) => each !== 'net_broadcast');
  const why = await new Promise<Error>((resolve) => {
    const unwatch = watchNamespaces(
      withRights(without),
      () => undefined,
      (error) => {
        unwatch();
        resolve(error);
      },
    );
  });
  expect(why.message).toMatch(/^ip -o monitor all-nsid .*Operation not permitted/);
});
