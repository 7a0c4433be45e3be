/** Whether nodes may do, and say that they do, what objects need of them: from the log. */
import {
  agentOf,
  agentsAdmitted,
  type AgentKind,
  carrierOf,
  type Network,
  NODE_AGENT,
  own,
  rolesFor,
  unadmittedMappings,
} from '@plumbline/contracts';
import { streamOfObject } from '@plumbline/topology';
import { byAdministrator, check, type Facts, fault, type Made, unknown, type Verdict, WELL } from '../check.js';
import { isExternal } from '../scene.js';
import { startAgent } from './agents.js';
import { nameOf } from './names.js';

const hostsThat = ({ objects }: Pick<Facts, 'objects'>, kind: AgentKind): readonly string[] =>
  objects
    .all('node')
    .filter(({ id, removed }) => !removed && agentsAdmitted(objects.get('admission', id)?.roles ?? []).includes(kind))
    .map(({ id }) => id);

/** Hosts that map the physical network to a bridge they were admitted to. */
export const mapping = ({ objects }: Pick<Facts, 'objects'>, hosts: readonly string[], physicalNetwork: string) =>
  hosts.filter((host) => own(objects.get('node', host)?.bridgeMappings ?? {}, physicalNetwork) !== undefined);

export const nodeChecks = [
  check({
    id: 'node-known',
    of: 'node',
    needs: ['log'],
    finds:
      'The node that a port is bound to, or a router scheduled to, is not registered: no agent of this name has ever reported, or an operator removed it.',
    mends: 'Start its agents, or bind the port to another node.',
    whose: 'cloud',
    judge: (host, { objects, agents }) => {
      const node = objects.get('node', host);
      if (node && !node.removed) return WELL;
      const like = objects
        .all('node')
        .find(({ id, removed }) => !removed && id.toLowerCase().split('.')[0] === host.toLowerCase().split('.')[0]);
      const hint = like ? `; a node is named ${like.id}: is that meant?` : '';
      return fault(
        node ? `node ${host} was removed from the log` : `there is no node ${host}${hint}`,
        byAdministrator(
          agents?.some((each) => each.host === host) === true
            ? `plumb node add ${host}, then start its agents`
            : `start the agents of ${host} (PLUMB_HOST=${host}), or bind to a node that is there (plumb node list)`,
        ),
        node && { stream: streamOfObject(node), types: ['NodeRemoved'] },
      );
    },
  }),
  check({
    id: 'node-admitted',
    of: 'agent',
    needs: ['log'],
    finds:
      'The node lacks the role that it needs here, or its admission was ended: nothing new comes to it, and what it is needed for is not scheduled.',
    mends: 'plumb node add NODE --role compute,network --physical-network PHYSNET',
    whose: 'cloud',
    judge: ({ host, kind }, { objects }) => {
      const node = objects.get('node', host);
      if (!node || node.removed) return null;
      const admission = objects.get('admission', host);
      if (admission && agentsAdmitted(admission.roles).includes(kind)) return WELL;
      const roles = rolesFor(kind).join(' or ');
      return fault(
        admission
          ? `node ${host} is admitted as ${admission.roles.join(', ') || 'nothing'} and lacks the role ${roles}: its ${agentOf(kind).type} is not used`
          : `node ${host} is not admitted: nothing new comes to it`,
        byAdministrator(`plumb node add ${host} with the role ${roles}`),
        { stream: `admission-${host}`, types: ['NodeAdmitted', 'NodeAdmissionEnded'] },
      );
    },
  }),
  check({
    id: 'machine-owns-name',
    of: 'node',
    needs: ['reports'],
    finds:
      "Another machine reports under the node's name, and the machine that owns the name does not answer for it: its agents are refused and change nothing.",
    mends: 'plumb node release NODE, or give one of the two machines another name.',
    whose: 'cloud',
    judge: (host, { refused }) => {
      const [first] = refused.filter((each) => each.host === host);
      if (!first) return WELL;
      return fault(
        `machine ${first.machine || 'without an identity'} reports as ${host} and is refused: ${first.reason}`,
        byAdministrator(
          `if that is the right machine: plumb node release ${host}; else stop its agents, or give it a name of its own (PLUMB_HOST)`,
        ),
      );
    },
  }),
  check({
    id: 'physical-network-mapped',
    of: 'network',
    needs: ['log'],
    finds: 'The physical network of a flat or VLAN network is mapped to a bridge on no node that could carry it.',
    mends: 'plumb node map PHYSNET:BRIDGE on the node (PLUMB_BRIDGE_MAPPINGS)',
    whose: 'cloud',
    judge: (network, facts) => {
      const { physicalNetwork } = network;
      if (physicalNetwork === null) return null;
      const isRouted = isExternal(facts.objects, network) && facts.scene.routers.length > 0;
      const could = hostsThat(facts, isRouted ? carrierOf.router : NODE_AGENT);
      if (could.length === 0) return unknown('no node is admitted');
      if (mapping(facts, could, physicalNetwork).length > 0) return WELL;
      return notMapped(network, could.join(', '), facts);
    },
  }),
  check({
    id: 'physical-network-mapped-here',
    of: 'placement',
    needs: ['log'],
    finds: 'The node maps the physical network of the network to no bridge.',
    mends: 'plumb node map PHYSNET:BRIDGE on the node (PLUMB_BRIDGE_MAPPINGS)',
    whose: 'cloud',
    judge: ({ network, host }, facts) => {
      const { physicalNetwork } = network;
      const node = facts.objects.get('node', host);
      if (physicalNetwork === null || !node || node.removed) return null;
      return mapping(facts, [host], physicalNetwork).length > 0 ? WELL : notMapped(network, host, facts);
    },
  }),
  check({
    id: 'tunnel-end-set',
    of: 'placement',
    needs: ['log'],
    finds: 'The node has no tunnel address, and the network is carried by VXLAN.',
    mends: 'Set PLUMB_TUNNEL_IP of its agent.',
    whose: 'cloud',
    judge: ({ network, host }, { objects }) => {
      const node = objects.get('node', host);
      if (network.networkType !== 'vxlan' || !node || node.removed) return null;
      if (node.tunnelIp !== null) return WELL;
      return fault(
        `node ${host} has no tunnel address, and network ${nameOf(network)} is carried by VXLAN`,
        byAdministrator(`set PLUMB_TUNNEL_IP in the settings of ${host} and start its agent anew`),
        { stream: streamOfObject(node), types: ['NodeRegistered'] },
      );
    },
  }),
  check({
    id: 'network-placed',
    of: 'placement',
    needs: ['log'],
    finds: 'The network is not placed on the node: it has no local VLAN there.',
    mends: 'Bind the port, or schedule the router, anew.',
    whose: 'cloud',
    judge: ({ network, host }, { objects }) => {
      const node = objects.get('node', host);
      if (!node || node.removed) return null;
      const placement = objects.get('placement', network.id);
      if (own(placement?.hosts ?? {}, host)) return WELL;
      return fault(
        `network ${nameOf(network)} is not placed on ${host}: it has no local VLAN there`,
        byAdministrator(`bind the port to ${host} anew once the node maps what the network needs`),
        placement && {
          stream: streamOfObject(placement),
          types: ['NetworkWithdrawnFromHost'],
          data: { host },
        },
      );
    },
  }),
  check({
    id: 'router-placed',
    of: 'router',
    needs: ['log', 'reports'],
    finds: 'The router is on no node.',
    mends: 'Start an L3 agent on an admitted network node, or openstack network agent add router --l3 AGENT ROUTER',
    whose: 'cloud',
    judge: (router, facts) => {
      if (!router.adminStateUp || router.host !== null) return router.adminStateUp ? WELL : null;
      const hasWork = router.gateway !== null || Object.keys(router.interfaces).length > 0;
      if (!hasWork) return null;
      const made = { stream: streamOfObject(router), types: ['RouterUnscheduled', 'RouterCreated'] } as const;
      const what = `router ${nameOf(router)} is on no node`;
      const again = `openstack network agent add router --l3 AGENT ${router.id}`;
      if (router.heldOff) return fault(`${what}: an administrator took it off`, byAdministrator(again), made);
      const kind = carrierOf.router;
      const could = hostsThat(facts, kind);
      const running = (facts.agents ?? []).filter((each) => each.kind === kind && could.includes(each.host));
      if (could.length === 0)
        return fault(
          `${what}: no node is admitted with the role ${rolesFor(kind).join(' or ')}`,
          byAdministrator(`plumb node add NODE with the role ${rolesFor(kind).join(' or ')}`),
          made,
        );
      if (!running.some(({ alive, adminStateUp }) => alive && adminStateUp))
        return fault(
          `${what}: no ${agentOf(kind).type} is alive and enabled (${could.join(', ')})`,
          byAdministrator(startAgent(kind)),
          made,
        );
      return fault(what, byAdministrator(again), made);
    },
  }),
] as const;

function notMapped(network: Network, where: string, facts: Facts): Verdict {
  const { physicalNetwork } = network;
  const name = physicalNetwork ?? '';
  const refused = facts.objects
    .all('node')
    .filter(({ id }) => where.split(', ').includes(id))
    .find(({ id, bridgeMappings }) => unadmittedMappings(facts.objects.get('admission', id), bridgeMappings)[name]);
  return fault(
    refused
      ? `${refused.id} maps physical network ${name} and is not admitted to it`
      : `physical network ${name} of network ${nameOf(network)} is mapped to no bridge on ${where}`,
    byAdministrator(
      refused
        ? `plumb node add ${refused.id} with the physical network ${name}`
        : `plumb node map ${name}:BRIDGE on ${where} (PLUMB_BRIDGE_MAPPINGS), or see whether ${name} is the right name`,
    ),
    latest(network, where, facts),
  );
}

/** What came last: the network, or what its only node says of itself. */
function latest(network: Network, where: string, { objects }: Facts): Made {
  const node = objects.get('node', where);
  return node && (node.setAt['node'] ?? 0) > (network.setAt['network'] ?? 0)
    ? { stream: streamOfObject(node), types: ['NodeRegistered'] }
    : { stream: streamOfObject(network), types: ['NetworkCreated'] };
}
