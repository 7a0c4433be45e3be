/** How the OVS agent answers questions about its node. */
import { readdir } from 'node:fs/promises';
import type { Answers } from '@plumbline/agent-runtime';
import { CommandFailed, defaultNetnsDir, type Spawner } from '@plumbline/exec';
import { type Asked, askedBy, type NodeConverger, type ObservedSwitch } from '@plumbline/ovs-core';
import { BridgeDriver, type SwitchDriver } from '@plumbline/ovs-driver';
import type { WantedThing } from '@plumbline/reasons/things';
import type { HostView } from '@plumbline/topology';
import type { Looks } from '../node-agent.js';
import { Survey, thingsNamed } from '../things.js';
import { configOf, switchDriver } from './replay.js';
import { foundIn, readable, wantedOf } from './things.js';

export type OvsLook = Readonly<{
  driver: SwitchDriver;
  bridges: BridgeDriver;
  runner: Spawner;
  converger: Pick<NodeConverger, 'asked'>;
}>;

export const ovsSurvey = ({ driver, bridges, runner }: Omit<OvsLook, 'converger'>, view: () => HostView): Survey =>
  new Survey(async () => {
    const observed = await driver.observe();
    const [flows, filter, [root], namespaces] = await Promise.all([
      Promise.all(
        readable(observed).map(async ({ name, ports }) => [name, await driver.flowLines(name, ports)] as const),
      ),
      bridges.observe(),
      runner.look({ links: 'all', parts: ['addresses'] }),
      readdir(defaultNetnsDir).catch(() => []),
    ]);
    if (!root || root instanceof CommandFailed) throw root ?? new Error('nothing was seen of the node');
    return foundIn({ observed, flows: new Map(flows), filter, root, namespaces }, view());
  });

/** `look`: rejects while the switch cannot be looked at. */
export function ovsAnswers(look: () => Promise<OvsLook>): Answers<'things'> {
  let survey: Survey | null = null;
  let seen: HostView | null = null;
  /** What is wanted, and what it was worked out from: each is another object when it changed. */
  let last: Readonly<{ from: readonly unknown[]; wanted: readonly WantedThing[] }> | null = null;
  return {
    things: async (params, { view }) => {
      const looking = await look();
      seen = view;
      survey ??= ovsSurvey(looking, () => seen ?? view);
      const asked = looking.converger.asked();
      const observed = await looking.driver.observe();
      const from = [asked.desired, asked.filter, observed] as const;
      if (!last || from.some((each, at) => each !== last?.from[at]))
        last = { from, wanted: wantedOf(view, asked, observed) };
      const { wanted } = last;
      return thingsNamed(params, () => wanted, survey);
    },
  };
}

/** On a node without its agent. */
export const ovsLooks: Looks = (view, node) => {
  const config = configOf(view, node.access);
  const driver = switchDriver(node);
  const bridges = new BridgeDriver(node.runner);
  let last: Readonly<{ observed: ObservedSwitch; asked: Asked }> | null = null;
  const look = async (): Promise<OvsLook> => {
    const observed = await driver.observe();
    if (last?.observed !== observed)
      last = { observed, asked: askedBy(view, config, observed, await bridges.observe()) };
    const { asked } = last;
    return { driver, bridges, runner: node.runner, converger: { asked: () => asked } };
  };
  return { ...ovsAnswers(look), close: () => driver.close() };
};
