/** How the metadata agent answers questions about its node. */
import type { Answers } from '@plumbline/agent-runtime';
import { askerKey, MetadataMemory, serviceSocket } from '@plumbline/metadata-core';
import { NodeMetadataDriver } from '@plumbline/metadata-driver';
import { unmarkedPrograms } from '@plumbline/processes';
import type { Looks } from '../node-agent.js';
import { programsOf } from '../programs.js';
import { oncePerPosition, Survey, thingsNamed } from '../things.js';
import { foundIn, wantedOf } from './things.js';

export function metadataAnswers(
  driver: NodeMetadataDriver,
  memory: MetadataMemory,
  answers: boolean,
  host: string,
): Answers<'things'> {
  const survey = new Survey(async () =>
    foundIn(await driver.observe([]), unmarkedPrograms(['haproxy']), memory.wishes(answers).wanted, host),
  );
  const once = oncePerPosition();
  return {
    things: async (params, { view }) => {
      const askers = memory.wishes(answers).wanted;
      const wanting = once(view, askers.map(askerKey).join(' '), () => wantedOf(askers, view));
      return thingsNamed(params, wanting, survey);
    },
  };
}

/** On a node without its agent. */
export const metadataLooks: Looks = (view, { runner, access }) => {
  const { owner, processes } = programsOf('metadata', runner, view.host);
  const memory = new MetadataMemory();
  memory.update(view, 'all');
  const driver = new NodeMetadataDriver(runner, processes, { owner, service: serviceSocket(owner) });
  return { ...metadataAnswers(driver, memory, access.answersMetadata, view.host), close: () => undefined };
};
