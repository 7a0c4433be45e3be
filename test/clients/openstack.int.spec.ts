/** Debian's `openstack` command line: a whole journey through the Networking API. */
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { Served } from './client.js';
import { Cloud, LOGINS } from './cloud.js';
import { titleOf, walk, type Journey, type Known } from './journey.js';
import { addressing } from './journeys/addressing.js';
import { forwarding } from './journeys/forwarding.js';
import { ipv6 } from './journeys/ipv6.js';
import { lists } from './journeys/lists.js';
import { networking } from './journeys/networking.js';
import { operations } from './journeys/operations.js';
import { securityGroups } from './journeys/security-groups.js';
import { sharing } from './journeys/sharing.js';

const JOURNEYS: Readonly<Record<string, Journey>> = {
  networking,
  ipv6,
  lists,
  forwarding,
  securityGroups,
  addressing,
  operations,
  sharing,
};

describe.each(LOGINS)('openstack with auth=%s', (login) => {
  describe.each(Object.entries(JOURNEYS))('%s', (_, journey) => {
    let cloud: Cloud;
    let client: Served;
    const known: Known = {};
    const steps = journey.filter(({ only }) => only === undefined || only === login);
    // A cloud of its own for each: what a failed journey leaves behind confuses no other.
    beforeAll(async () => {
      cloud = await Cloud.start(login);
      client = Served.start('openstack', cloud);
    });
    afterAll(async () => {
      await client?.stop();
      await cloud?.stop();
    });

    it.each(steps.map((step) => [titleOf(step), step] as const))('%s', (_title, step) => walk(client, step, known));
  });
});
