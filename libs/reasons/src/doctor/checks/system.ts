/** The control plane itself. */
import { byAdministrator, check, fault, unknown, WELL } from '../check.js';

export const systemChecks = [
  check({
    id: 'database',
    of: 'system',
    needs: ['reports'],
    finds: 'The API does not reach its database: nothing can be changed, and what nodes report is not kept.',
    mends: 'Start PostgreSQL, or look at the way to it.',
    whose: 'cloud',
    judge: (_, { system }) =>
      system.database === null
        ? WELL
        : fault(
            `the API's database does not answer: ${system.database}`,
            byAdministrator('start PostgreSQL, or look at the way from the API to it (DATABASE_URL)'),
          ),
  }),
  check({
    id: 'broker',
    of: 'system',
    needs: ['reports'],
    finds: 'The API has no connection to NATS: nodes hear of no change.',
    mends: 'Start nats-server, or look at the way to it.',
    whose: 'cloud',
    judge: (_, { system }) =>
      system.broker === null
        ? WELL
        : fault(
            `the API has no connection to NATS: ${system.broker}`,
            byAdministrator('start nats-server, or look at the way from the API to it (NATS_URL)'),
          ),
  }),
] as const;

/** All nodes at once: what is between them and the control plane. */
export const silenceChecks = [
  check({
    id: 'reports',
    of: 'system',
    needs: ['reports'],
    finds: 'No agent has reported for 15 s: the broker is cut off from every node.',
    mends: 'Look at nats-server and the management network.',
    whose: 'cloud',
    judge: (_, { agents, scene }) => {
      if (agents === null) return unknown('what agents report is in the database');
      if (agents.length < 2 || agents.some(({ alive }) => alive)) return WELL;
      return fault(
        `none of the ${agents.length} agents has reported for 15 s`,
        byAdministrator(
          `look whether nats-server and the management network work, then at the agents of ${scene.hosts[0] ?? 'a node'} (systemctl status 'plumb-*')`,
        ),
      );
    },
  }),
] as const;
