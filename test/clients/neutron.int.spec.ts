/** Debian's `neutron` command line, a process each command: scenario D, verbatim. */
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { typed, type Client } from './client.js';
import { Cloud, LOGINS } from './cloud.js';
import { titleOf, walk, type Known } from './journey.js';
import { providerNetwork } from './journeys/neutron.js';

describe.each(LOGINS)('neutron with auth=%s', (login) => {
  let cloud: Cloud;
  let client: Client;
  const known: Known = {};
  beforeAll(async () => {
    cloud = await Cloud.start(login);
    client = typed('neutron', cloud);
  });
  afterAll(() => cloud?.stop());

  it.each(providerNetwork.map((step) => [titleOf(step), step] as const))('%s', (_, step) => walk(client, step, known));
});
