/**
 * What is not ACTIVE though nothing else is known to be wrong: the last resort. It says who would have to say so, what that agent said last, and where to look on. Behind all
 * that finds a cause, and before what may be meant so.
 */
import { agentOf, type AgentKind, carrierOf, decidingAgent, dhcpServiceOf, type Port } from '@plumbline/contracts';
import { byAdministrator, check, type Facts, fault, type Said, unknown, type Verdict, WELL } from '../check.js';
import { serversOf } from '../scene.js';
import { agentText } from './agents.js';
import { nameOf } from './names.js';

type About = Readonly<{
  kind: 'port' | 'router' | 'floatingip';
  id: string;
  /** `port web`. */
  what: string;
  host: string;
  agent: AgentKind;
  /** What was said before is about another place. */
  since: number;
}>;

const saidBy = ({ kind, id, host, agent, since }: About, { said }: Facts): Said | undefined =>
  said.get(`${kind}/${id}`)?.find((each) => each.host === host && each.agent === agent && each.position >= since);

function active(about: About, facts: Facts): Verdict {
  const { what, host, agent, kind, id } = about;
  if (facts.agents === null) return unknown('what agents report is in the database');
  const said = saidBy(about, facts);
  // An error is told with its reason by the checks of reports.
  if (said?.status === 'ACTIVE' || said?.status === 'ERROR') return WELL;
  const told = facts.state(host, agent);
  if (told === null) return { is: 'pending' };
  const seen = facts.agents.find((each) => each.host === host && each.kind === agent);
  const heard = seen ? `its last report came at ${seen.heardAt}` : 'it has never reported';
  const failing = 'told' in told ? told.told.failing.find(({ key }) => key === `${kind}/${id}`) : undefined;
  const word = said
    ? `${what} is ${said.status} by the word of ${agentText(agent, host)}: ${said.reason || 'it gave no reason'}`
    : `${agentText(agent, host)} has said nothing of ${what} since it is there`;
  return fault(
    `${word}${failing ? `; it fails with: ${failing.reason}` : ''} (${heard})`,
    byAdministrator(
      `on ${host}: journalctl -u ${agentOf(agent).binary} says what it does with ${id}; then systemctl restart ${agentOf(agent).binary}`,
    ),
  );
}

/** It is wired, and waits for a DHCP agent to say that it serves its address. */
function served(port: Port, facts: Facts): Verdict {
  const { objects, agents } = facts;
  const agent = carrierOf.network;
  const servers = serversOf(objects, port.networkId).filter(
    ({ binding, setAt }) =>
      agents?.some((each) => each.host === binding.host && each.kind === agent && each.alive) === true &&
      (setAt['binding'] ?? 0) <= (port.setAt['binding'] ?? 0),
  );
  const isLeased = port.fixedIps.some(({ subnetId }) => {
    const subnet = objects.get('subnet', subnetId);
    return subnet && dhcpServiceOf(subnet) === 'leased';
  });
  if (!isLeased || servers.length === 0) return WELL;
  const said = facts.said.get(`port/${port.id}`) ?? [];
  if (said.some((each) => each.agent === agent && each.status === 'ACTIVE')) return WELL;
  const host = servers[0]?.binding.host ?? '';
  return fault(
    `port ${nameOf(port)} is wired, and DOWN: ${agentText(agent, host)} has not said that it serves its address`,
    byAdministrator(
      `on ${host}: journalctl -u ${agentOf(agent).binary} says what it does with network ${port.networkId}; then systemctl restart ${agentOf(agent).binary}`,
    ),
  );
}

export const statusChecks = [
  check({
    id: 'port-active',
    of: 'port',
    needs: ['reports', 'state'],
    finds: 'The port is DOWN, and no check before knows why: what its agents said last, or that they said nothing.',
    mends: "journalctl -u plumb-ovs-agent on the port's node; systemctl restart plumb-ovs-agent",
    whose: 'cloud',
    judge: (port, facts) => {
      const { host } = port.binding;
      if (host === '' || !port.adminStateUp) return null;
      const about = { kind: 'port', id: port.id, what: `port ${nameOf(port)}`, host } as const;
      const wired = active({ ...about, agent: decidingAgent.port, since: port.setAt['binding'] ?? 0 }, facts);
      return wired?.is === 'well' ? served(port, facts) : wired;
    },
  }),
  check({
    id: 'router-active',
    of: 'router',
    needs: ['reports', 'state'],
    finds: 'The router is BUILD, and no check before knows why: its agent has not said that it made it.',
    mends: "journalctl -u plumb-l3-agent on the router's node; systemctl restart plumb-l3-agent",
    whose: 'cloud',
    judge: (router, facts) => {
      const { id, host, adminStateUp, setAt } = router;
      if (host === null || !adminStateUp) return null;
      const agent = decidingAgent.router;
      return active(
        { kind: 'router', id, what: `router ${nameOf(router)}`, host, agent, since: setAt['host'] ?? 0 },
        facts,
      );
    },
  }),
  check({
    id: 'floating-ip-active',
    of: 'floatingip',
    needs: ['reports', 'state'],
    finds: 'The floating IP is DOWN, and no check before knows why: its agent has not said that it made it.',
    mends: "journalctl -u plumb-l3-agent on the router's node; systemctl restart plumb-l3-agent",
    whose: 'cloud',
    judge: ({ id, association, floatingIpAddress, setAt }, facts) => {
      const router = association && facts.objects.get('router', association.routerId);
      if (!router?.host || !router.adminStateUp) return null;
      const [agent, since] = [decidingAgent.floatingip, setAt['association'] ?? 0];
      const what = `floating IP ${floatingIpAddress}`;
      return active({ kind: 'floatingip', id, what, host: router.host, agent, since }, facts);
    },
  }),
] as const;
