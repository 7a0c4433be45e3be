/** Whether agents answer, follow the log, and can keep what they know; and what they report. */
import { agentOf, type AgentKind, type FloatingIp, own } from '@plumbline/contracts';
import { type AgentFacts, byAdministrator, check, type Facts, fault, unknown, type Verdict, WELL } from '../check.js';
import { nameOf } from './names.js';

export const agentText = (kind: AgentKind, host: string): string => `the ${agentOf(kind).type} of ${host}`;

export const startAgent = (kind: AgentKind): string => `systemctl start ${agentOf(kind).binary} on that node`;

export const agentChecks = [
  check({
    id: 'agent-answers',
    of: 'agent',
    needs: ['reports', 'state'],
    finds:
      'An agent is dead, stopped, or cut off from the broker: what it made stays, and nothing is mended or changed on its node.',
    mends: 'systemctl start plumb-ovs-agent (or plumb-l3-agent, ...) on the node',
    whose: 'cloud',
    judge: ({ host, kind }, facts) => {
      if (facts.agents === null) return unknown('what agents report is in the database');
      if (facts.system.broker !== null) return unknown('the API has no connection to NATS');
      const node = facts.objects.get('node', host);
      if (!node || node.removed) return null;
      const seen = facts.agents.find((each) => each.host === host && each.kind === kind);
      if (!seen) return fault(`${agentText(kind, host)} has never reported`, byAdministrator(startAgent(kind)));
      const told = facts.state(host, kind);
      if (told === null) return { is: 'pending' };
      if ('told' in told) return WELL;
      const since = seen.alive ? '' : `, and has not reported since ${seen.heardAt}`;
      return fault(`${agentText(kind, host)} does not answer${since}`, byAdministrator(startAgent(kind)));
    },
  }),
  check({
    id: 'agent-in-sync',
    of: 'agent',
    needs: ['reports'],
    finds:
      'An agent does not follow the log: its node is bound to another log or is not its own, or it waits for messages.',
    mends: 'plumb node rebind NODE, plumb node release NODE; or wait, and look at NATS.',
    whose: 'cloud',
    judge: ({ host, kind }, { agents, state }) => {
      const seen = agents?.find((each) => each.host === host && each.kind === kind);
      const told = state(host, kind);
      if (told === null) return { is: 'pending' };
      if (!seen && !('told' in told)) return null;
      const word = 'told' in told ? told.told.state : (seen?.state ?? '');
      if (word === 'in-sync' || word === '') return WELL;
      const mends: Readonly<Record<string, string>> = {
        'foreign-log': `the node is bound to another log: plumb node rebind on ${host}`,
        'not-owner': `another machine owns this name: plumb node release ${host}`,
        restored: `it runs by its snapshot until the control plane speaks to it: look at NATS and at its login`,
        'catching-up': `it asks for what it missed: look at NATS, and at the log of the agent if it stays so`,
      };
      return fault(`${agentText(kind, host)} is ${word}`, byAdministrator(own(mends, word) ?? `plumb status`));
    },
  }),
  check({
    id: 'agent-disk',
    of: 'agent',
    needs: ['state'],
    finds:
      'The disk with the state of an agent is full: no snapshot is written, so the node would boot with an old one.',
    mends: 'Make room where PLUMB_STATE_DIR is.',
    whose: 'cloud',
    judge: ({ host, kind }, { state, leastFreeBytes }) => {
      const told = state(host, kind);
      if (told === null) return { is: 'pending' };
      if (!('told' in told)) return unknown(told.silent);
      const { freeBytes } = told.told;
      if (freeBytes === null) return unknown(`${agentText(kind, host)} cannot read how much room its disk has`);
      if (freeBytes >= leastFreeBytes) return WELL;
      return fault(
        `the disk with the state of ${agentText(kind, host)} has ${Math.floor(freeBytes / 1024)} KiB left: its snapshot cannot be written`,
        byAdministrator(`make room where PLUMB_STATE_DIR of ${host} is (/var/lib/plumbline)`),
      );
    },
  }),
  check({
    id: 'agent-enabled',
    of: 'agent',
    needs: ['reports'],
    finds: 'An administrator disabled the agent: nothing is scheduled to it.',
    mends: 'openstack network agent set --enable AGENT',
    whose: 'cloud',
    judge: ({ host, kind }, { agents }) => {
      const seen = agents?.find((each) => each.host === host && each.kind === kind);
      if (!seen || seen.adminStateUp || agentOf(kind).carries === null) return seen ? WELL : null;
      return fault(
        `${agentText(kind, host)} is administratively disabled`,
        byAdministrator('openstack network agent set --enable AGENT (openstack network agent list)'),
      );
    },
  }),
] as const;

const carrierHost = ({ association }: FloatingIp, { objects }: Facts): string | null =>
  (association && objects.get('router', association.routerId)?.host) ?? null;

/** Agents of the scene's nodes that its packets do not need. */
export const othersOn = ({ agents, scene }: Pick<Facts, 'agents' | 'scene'>): readonly AgentFacts[] =>
  (agents ?? []).filter(
    ({ host, kind }) =>
      scene.hosts.includes(host) && !scene.agents.some((each) => each.host === host && each.kind === kind),
  );

/** Last: what is asked about does not need them. */
export const otherChecks = [
  check({
    id: 'other-agent',
    of: 'node',
    when: ['floating-ip', 'port', 'network'],
    needs: ['reports'],
    finds:
      'An agent of a node on the way, which these packets do not need, has not reported for 15 s or says that something is not well.',
    mends: 'systemctl start the agent, or as it says.',
    whose: 'cloud',
    judge: (host, facts) => {
      const others = othersOn(facts).filter((each) => each.host === host);
      const silent = others.find(({ alive }) => !alive);
      if (silent)
        return fault(
          `${agentText(silent.kind, host)} has not reported since ${silent.heardAt}; these packets do not need it`,
          byAdministrator(startAgent(silent.kind)),
        );
      const troubled = others.find(({ troubles }) => troubles.length > 0);
      if (troubled)
        return fault(
          `${agentText(troubled.kind, host)} says: ${troubled.troubles[0]}; these packets do not need it`,
          byAdministrator('as it says'),
        );
      return others.length === 0 ? null : WELL;
    },
  }),
] as const;

export const reportChecks = [
  check({
    id: 'reported-error',
    of: 'floatingip',
    needs: ['reports'],
    finds: 'An agent could not make the floating IP, and says why.',
    mends: 'As the reason says.',
    whose: 'cloud',
    judge: (floatingIp, facts) =>
      reported(
        'floatingip',
        floatingIp.id,
        `floating IP ${floatingIp.floatingIpAddress}`,
        carrierHost(floatingIp, facts),
        facts,
      ),
  }),
  check({
    id: 'reported-router-error',
    of: 'router',
    needs: ['reports'],
    finds: 'An agent could not make the router or one of its ports, and says why.',
    mends: 'As the reason says.',
    whose: 'cloud',
    judge: (router, facts) => {
      const ports = [...Object.keys(router.interfaces), ...(router.gateway ? [router.gateway.portId] : [])];
      const found = [
        reported('router', router.id, `router ${nameOf(router)}`, router.host, facts),
        ...ports.map((id) => reported('port', id, `port ${id} of router ${nameOf(router)}`, router.host, facts)),
      ];
      return found.find((each) => each?.is === 'fault') ?? found[0] ?? null;
    },
  }),
  check({
    id: 'reported-port-error',
    of: 'port',
    needs: ['reports'],
    finds: 'An agent could not wire the port, and says why.',
    mends: 'As the reason says.',
    whose: 'cloud',
    judge: (port, facts) => reported('port', port.id, `port ${nameOf(port)}`, port.binding.host, facts),
  }),
  check({
    id: 'agent-trouble',
    of: 'agent',
    needs: ['reports'],
    finds: 'An agent says that something on its node is not well.',
    mends: 'As it says.',
    whose: 'cloud',
    judge: ({ host, kind }, { agents }) => {
      const seen = agents?.find((each) => each.host === host && each.kind === kind);
      if (!seen) return null;
      const [first] = seen.troubles;
      return first === undefined
        ? WELL
        : fault(`${agentText(kind, host)} says: ${first}`, byAdministrator('as it says'));
    },
  }),
] as const;

export function reported(
  kind: 'floatingip' | 'router' | 'port',
  id: string,
  what: string,
  host: string | null,
  { agents, said }: Facts,
): Verdict {
  if (agents === null) return unknown('what agents report is in the database');
  const found = (said.get(`${kind}/${id}`) ?? []).find((each) => each.status === 'ERROR' && each.host === host);
  if (!found) return WELL;
  return fault(
    `${what} is in error on ${found.host}: ${found.reason || 'no reason was reported'}`,
    byAdministrator('as the reason says'),
  );
}
