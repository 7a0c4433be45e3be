/** How the DHCP agent answers questions about its node. */
import type { Answers } from '@plumbline/agent-runtime';
import { DHCP_PORT_OWNER, dhcpNetns, DhcpMemory } from '@plumbline/dhcp-core';
import { NodeDhcpDriver } from '@plumbline/dhcp-driver';
import { CommandFailed, type SeenNetwork, type Spawner } from '@plumbline/exec';
import { OvsdbPorts } from '@plumbline/l3-driver';
import { unmarkedPrograms, type Processes } from '@plumbline/processes';
import type { Looks } from '../node-agent.js';
import { programsOf } from '../programs.js';
import { Survey, thingsNamed } from '../things.js';
import { dhcpTerms } from './terms.js';
import { foundIn, wantedOf } from './things.js';

type Looking = Readonly<{ driver: NodeDhcpDriver; runner: Spawner; processes: Processes }>;
const FILES = ['hosts', 'names', 'opts', 'servers'] as const;

export const dhcpSurvey = ({ driver, runner, processes }: Looking, outsides: () => readonly string[]): Survey =>
  new Survey(async () => {
    const found = await driver.observe('all', outsides());
    const netnses = [...found.namespaces.keys()].map(dhcpNetns);
    const seen = await runner.look({ links: 'all', parts: ['addresses', 'routes', 'neighbours'] }, netnses);
    const networks = new Map(
      seen.flatMap((network, at): [string, SeenNetwork][] =>
        network instanceof CommandFailed ? [] : [[netnses[at] as string, network]],
      ),
    );
    const files = new Map(
      processes
        .names()
        .flatMap((name) => FILES.map((file) => [`${name}/${file}`, processes.fileOf(name, file) ?? ''] as const)),
    );
    return foundIn({ found, networks, files, others: unmarkedPrograms(['dnsmasq']) });
  });

/** `look`: rejects while the node cannot be looked at. */
export function dhcpAnswers(look: () => Promise<Looking>, memory: DhcpMemory): Answers<'things'> {
  let survey: Survey | null = null;
  return {
    things: async (params, { view }) => {
      survey ??= dhcpSurvey(await look(), () => [...memory.wanted.values()].map(({ outside }) => outside));
      return thingsNamed(params, () => wantedOf(memory.wanted.values(), view), survey);
    },
  };
}

/** On a node without its agent. */
export const dhcpLooks: Looks = (view, { runner, mirror, access }) => {
  const { owner, processes } = programsOf('dhcp', runner, view.host);
  const driver = new NodeDhcpDriver(runner, new OvsdbPorts(mirror, DHCP_PORT_OWNER), processes, { owner });
  const memory = new DhcpMemory();
  memory.update(view, 'all', dhcpTerms(owner, access));
  const { things } = dhcpAnswers(async () => ({ driver, runner, processes }), memory);
  return { things, close: () => driver.close() };
};
