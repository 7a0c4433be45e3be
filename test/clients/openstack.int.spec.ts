/** Debian's `openstack` command line: a whole journey through the Networking API. */
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { Served, type Client, type Seat } from './client.js';
import { Cloud, LOGINS } from './cloud.js';
import { titleOf, walk, type Clients, type Journey, type Known } from './journey.js';
import { addressing } from './journeys/addressing.js';
import { forwarding } from './journeys/forwarding.js';
import { ipv6 } from './journeys/ipv6.js';
import { limitsOfProjects } from './journeys/limits.js';
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
  limits: limitsOfProjects,
};

describe.each(LOGINS)('openstack with auth=%s', (login) => {
  let cloud: Cloud | undefined;
  let clients: Clients = new Map();
  // Objects that a failed step leaves behind would confuse the next journey, so each gets a cloud of its own.
  let spoilt = true;
  const leave = async () => {
    await Promise.all([...clients.values()].map((client) => client.stop()));
    await cloud?.stop();
    cloud = undefined;
  };
  const enter = async () => {
    await leave();
    const fresh = (cloud = await Cloud.start(login));
    const seats: readonly Seat[] = login === 'none' ? ['openstack', 'neutron'] : ['openstack', 'neutron', 'member'];
    clients = new Map(seats.map((seat): [Seat, Client] => [seat, Served.start(seat, fresh)]));
    spoilt = false;
  };
  afterAll(leave);

  describe.each(Object.entries(JOURNEYS))('%s', (_, journey) => {
    const known: Known = {};
    const steps = journey.filter(({ only }) => only === undefined || only === login);
    beforeAll(async () => {
      if (spoilt) await enter();
    });

    it.each(steps.map((step) => [titleOf(step), step] as const))('%s', async (_title, step) => {
      try {
        await walk(clients, step, known);
      } catch (error) {
        spoilt = true;
        throw error;
      }
    });
  });
});
