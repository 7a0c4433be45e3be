/** Debian's `neutron` command line: scenario D, verbatim and a process each command; limits. */
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { Served, typed, type Client } from './client.js';
import { Cloud, LOGINS } from './cloud.js';
import { titleOf, walk, type Journey, type Known } from './journey.js';
import { limits } from './journeys/limits.js';
import { providerNetwork } from './journeys/provider-network.js';

describe.each(LOGINS)('neutron with auth=%s', (login) => {
  let cloud: Cloud;
  let served: Served;
  const known: Known = {};
  beforeAll(async () => {
    cloud = await Cloud.start(login);
    served = Served.start('neutron', cloud);
  });
  afterAll(async () => {
    await served?.stop();
    await cloud?.stop();
  });
  const walkAll = (journey: Journey, client: () => Client) =>
    it.each(journey.map((step) => [titleOf(step), step] as const))('%s', (_, step) =>
      walk(new Map([['neutron', client()]]), step, known),
    );

  walkAll(providerNetwork, () => typed('neutron', cloud));
  walkAll(limits, () => served);
});
