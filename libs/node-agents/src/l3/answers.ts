/** How the L3 agent answers questions about its node. */
import { ADVERTISER_CONFIG, L3Memory, netnsOf } from '@plumbline/l3-core';
import { NodeL3Driver, OvsdbPorts, type Programs } from '@plumbline/l3-driver';
import type { Answers } from '@plumbline/agent-runtime';
import { CommandFailed, type SeenNetwork, type Spawner } from '@plumbline/exec';
import type { OvsdbMirror } from '@plumbline/ovsdb';
import { unmarkedPrograms } from '@plumbline/processes';
import type { Looks } from '../node-agent.js';
import { programsOf } from '../programs.js';
import { oncePerPosition, Survey, thingsNamed } from '../things.js';
import { foundIn, wantedOf } from './things.js';

/** What is looked with: a driver of its own, which remembers nothing that a converge goes by. */
type Looking = Readonly<{ mirror: OvsdbMirror; runner: Spawner; programs: Programs }>;
export type L3Look = Readonly<{ survey: Survey; userspace(): Promise<boolean>; close(): void }>;

export function l3Look({ mirror, runner, programs }: Looking): L3Look {
  const ports = new OvsdbPorts(mirror);
  const driver = new NodeL3Driver(runner, ports, { programs });
  const survey = new Survey(async () => {
    const ids = await driver.list();
    const netnses = ids.map(netnsOf);
    const [state, seen] = await Promise.all([
      driver.observe(new Set(ids)),
      runner.look({ links: 'all', parts: ['addresses', 'routes', 'neighbours'] }, netnses),
    ]);
    const networks = new Map(
      seen.flatMap((network, at): [string, SeenNetwork][] =>
        network instanceof CommandFailed ? [] : [[netnses[at] as string, network]],
      ),
    );
    const { processes } = programs;
    const files = new Map(processes.names().map((name) => [name, processes.fileOf(name, ADVERTISER_CONFIG) ?? '']));
    return foundIn({ state, networks, files, others: unmarkedPrograms(['radvd']) });
  });
  return { survey, userspace: async () => (await ports.observe()).userspace, close: () => driver.close() };
}

/** On a node without its agent. */
export const l3Looks: Looks = ({ host }, { runner, mirror, access }) => {
  const look = l3Look({ mirror, runner, programs: programsOf('l3', runner, host) });
  const { things } = l3Answers(async () => look, new L3Memory(), { metadata: access.answersMetadata });
  return { things, close: () => look.close() };
};

/** `look`: rejects while the node cannot be looked at. */
export const l3Answers = (
  look: () => Promise<L3Look>,
  memory: L3Memory,
  terms: Readonly<{ metadata: boolean }>,
): Answers<'things'> => {
  const once = oncePerPosition();
  return {
    things: async (params, { view }) => {
      const { survey, userspace } = await look();
      const facts = { userspace: await userspace(), ...terms };
      const wanting = once(view, facts.userspace, () => wantedOf(memory.rendered(view, facts)));
      return thingsNamed(params, wanting, survey);
    },
  };
};
