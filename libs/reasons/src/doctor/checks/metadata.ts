/** Whether instances that ask who they are are answered. */
import { agentOf, type AgentKind } from '@plumbline/contracts';
import { answered, byAdministrator, check, fault, WELL } from '../check.js';
import { nameOf } from './names.js';

/** Who answers what instances ask about themselves. Last: their packets go without it. */
export const metadataChecks = [
  check({
    id: 'metadata-answers',
    of: 'router',
    needs: ['namespace', 'reports'],
    finds: "The router's node is to answer metadata, and nobody listens in the router's namespace.",
    mends: 'systemctl start plumb-metadata-agent on the node',
    whose: 'cloud',
    judge: (router, facts) => {
      if (!router.adminStateUp || router.host === null) return null;
      const given = answered(facts.namespace(router.host, 'router', router.id));
      if ('verdict' in given) return given.verdict;
      if (!given.told.redirects) {
        const [teller] =
          facts.agents?.filter(({ host, kind, alive }) => alive && host === router.host && answersGuests(kind)) ?? [];
        if (!teller || Object.keys(router.interfaces).length === 0) return null;
        return fault(
          `${router.host} runs the ${agentOf(teller.kind).type}, and router ${nameOf(router)} there leads no request for metadata to it`,
          byAdministrator(
            `set PLUMB_METADATA on ${router.host} to the same for all its agents (not off), and start them anew`,
          ),
        );
      }
      if (given.told.listens.includes(METADATA)) return WELL;
      return fault(
        `instances behind router ${nameOf(router)} ask for metadata and nobody answers: on ${router.host} nobody listens on port 9697 of its namespace`,
        byAdministrator(
          `systemctl start plumb-metadata-agent on ${router.host}, with the PLUMB_METADATA that its other agents have`,
        ),
      );
    },
  }),
] as const;

/** The kind of agent that answers guests: it carries nothing, and runs where an operator starts it. */
const answersGuests = (kind: AgentKind): boolean => !agentOf(kind).byDefault;

/** Where what instances send to 169.254.169.254 is led to. */
const METADATA = 'tcp/9697';
