/** The switch of each node on the way: bridges, patch pairs, uplinks, flows, plugged interfaces. */
import { type AgentKind, NODE_AGENT, own } from '@plumbline/contracts';
import { answered, byAdministrator, byOwner, check, type Facts, fault, unknown, WELL } from '../check.js';
import { contradicts, type Packet } from '../match.js';
import { agentText, startAgent } from './agents.js';
import { nameOf } from './names.js';

/** Behind what the agent of that node would mend, were it there. */
export function andNobodyMends(
  host: string,
  kind: AgentKind,
  facts: Facts,
): Readonly<{ what: string; how: string | null }> {
  const seen = facts.agents?.find((each) => each.host === host && each.kind === kind);
  const told = facts.state(host, kind);
  const isThere = seen?.alive !== false && told !== null && 'told' in told;
  return isThere || told === null
    ? { what: '', how: null }
    : { what: `, and ${agentText(kind, host)}, which would mend it, does not answer`, how: startAgent(kind) };
}

/** Local VLANs of networks of the scene that leave a host by a provider bridge. */
export function bridgesOf(
  facts: Pick<Facts, 'objects' | 'scene'>,
  host: string,
): readonly Readonly<{ name: string; localVlanIds: number[] }>[] {
  const { objects, scene } = facts;
  const mappings = objects.get('node', host)?.bridgeMappings ?? {};
  const found = new Map<string, number[]>();
  if (scene.sort === 'node') for (const bridge of Object.values(mappings)) found.set(bridge, []);
  for (const { network, host: where } of scene.placements) {
    if (where !== host || network.physicalNetwork === null || !network.adminStateUp) continue;
    const bridge = own(mappings, network.physicalNetwork);
    if (bridge === undefined) continue;
    const vlan = own(objects.get('placement', network.id)?.hosts ?? {}, host)?.localVlanId;
    found.set(bridge, [...(found.get(bridge) ?? []), ...(vlan === undefined ? [] : [vlan])]);
  }
  return [...found].map(([name, localVlanIds]) => ({ name, localVlanIds }));
}

export const switchChecks = [
  check({
    id: 'switch-answers',
    of: 'node',
    needs: ['wiring'],
    finds: 'The process of Open vSwitch on the node does not run, or is stuck.',
    mends: 'systemctl restart openvswitch-switch on the node',
    whose: 'cloud',
    judge: (host, facts) => {
      const given = answered(facts.wiring(host));
      if ('verdict' in given) return given.verdict;
      if (given.told.switchAnswers) return WELL;
      return fault(
        `ovs-vswitchd of ${host} does not answer`,
        byAdministrator(`systemctl restart openvswitch-switch on ${host}`),
      );
    },
  }),
  check({
    id: 'integration-bridge',
    of: 'node',
    needs: ['wiring'],
    finds: 'The node has no br-int, and the agent that makes it does not answer.',
    mends: 'systemctl start plumb-ovs-agent on the node',
    whose: 'cloud',
    judge: (host, facts) => {
      const given = answered(facts.wiring(host));
      if ('verdict' in given) return given.verdict;
      if (given.told.integrationBridge) return WELL;
      const mending = andNobodyMends(host, NODE_AGENT, facts);
      return fault(
        `${host} has no bridge br-int${mending.what}`,
        byAdministrator(mending.how ?? `see why the agent of ${host} does not make it (plumb status)`),
      );
    },
  }),
  check({
    id: 'provider-bridge',
    of: 'node',
    needs: ['wiring'],
    finds: 'The bridge that a physical network is mapped to is not on the node.',
    mends: 'plumb node uplink BRIDGE DEVICE on the node, or mend the mapping.',
    whose: 'cloud',
    judge: (host, facts) =>
      eachBridge(host, facts, ({ name, there }) => {
        if (there) return null;
        const mending = andNobodyMends(host, NODE_AGENT, facts);
        return fault(
          `${host} has no bridge ${name}${mending.what}`,
          byAdministrator(`plumb node uplink ${name} DEVICE on ${host}${mending.how ? `; ${mending.how}` : ''}`),
        );
      }),
  }),
  check({
    id: 'patch-pair',
    of: 'node',
    needs: ['wiring'],
    finds: 'The pair of patch ports between br-int and the provider bridge is not whole.',
    mends: 'Start the agent, which makes it; take away what holds its name.',
    whose: 'cloud',
    judge: (host, facts) =>
      eachBridge(host, facts, ({ name, there, patched }) => {
        if (!there || patched) return null;
        const mending = andNobodyMends(host, NODE_AGENT, facts);
        return fault(
          `br-int and ${name} of ${host} are not joined: the patch ports int-${name} and phy-${name} are not both there${mending.what}`,
          byAdministrator(
            mending.how ?? `see what else has these names (ovs-vsctl show), and take it away: the agent makes the pair`,
          ),
        );
      }),
  }),
  check({
    id: 'uplink',
    of: 'node',
    needs: ['wiring'],
    finds: 'The provider bridge has no uplink that works: it was taken off, is gone, set down, or has no carrier.',
    mends: 'ip link set DEVICE up; plumb node uplink BRIDGE DEVICE',
    whose: 'cloud',
    judge: (host, facts) =>
      eachBridge(host, facts, ({ name, cut }) =>
        cut === null ? null : fault(`${host}: ${cut}`, byAdministrator(howOf(cut, name, host))),
      ),
  }),
  check({
    id: 'uplink-length',
    of: 'placement',
    needs: ['wiring'],
    finds: 'The uplink of the provider bridge carries smaller packets than the network: large ones vanish.',
    mends: 'ip link set DEVICE mtu N; or openstack network set --mtu SMALLER NETWORK',
    whose: 'cloud',
    judge: ({ network, host }, facts) => {
      const bridge = own(facts.objects.get('node', host)?.bridgeMappings ?? {}, network.physicalNetwork ?? '');
      if (network.physicalNetwork === null || bridge === undefined) return null;
      const given = answered(facts.wiring(host));
      if ('verdict' in given) return given.verdict;
      const seen = given.told.bridges.find(({ name }) => name === bridge);
      if (!seen || seen.uplinkMtuBytes === null) return null;
      if (seen.uplinkMtuBytes >= network.mtuBytes) return WELL;
      const [device = 'DEVICE'] = seen.uplinks;
      return fault(
        `the uplink of ${bridge} on ${host} has an MTU of ${seen.uplinkMtuBytes}, and network ${nameOf(network)} one of ${network.mtuBytes}: larger packets vanish`,
        byAdministrator(
          `ip link set ${device} mtu ${network.mtuBytes} on ${host}, or: openstack network set --mtu ${seen.uplinkMtuBytes} ${network.id}`,
        ),
      );
    },
  }),
  check({
    id: 'own-flows',
    of: 'node',
    needs: ['flows'],
    finds: 'A bridge that the agent makes has none of its flows: somebody deleted them, and nobody has put them back.',
    mends: 'systemctl restart plumb-ovs-agent on the node',
    whose: 'cloud',
    judge: (host, facts) => {
      const given = answered(facts.flows(host));
      if ('verdict' in given) return given.verdict;
      const [bare] = Object.entries(given.told.ours).flatMap(([bridge, count]) => (count === 0 ? [bridge] : []));
      if (bare === undefined) return WELL;
      const mending = andNobodyMends(host, NODE_AGENT, facts);
      return fault(
        `bridge ${bare} of ${host} has no flow of ours${mending.what}`,
        byAdministrator(mending.how ?? `systemctl restart plumb-ovs-agent on ${host}, and see who deletes flows there`),
      );
    },
  }),
  check({
    id: 'tag-flows',
    of: 'node',
    needs: ['flows'],
    finds:
      "A flow is missing that strips the local VLAN's tag towards the physical network, or adds it on the way back.",
    mends: 'Start the agent, which writes them.',
    whose: 'cloud',
    judge: (host, facts) => {
      if (bridgesOf(facts, host).every(({ localVlanIds }) => localVlanIds.length === 0)) return null;
      const given = answered(facts.flows(host));
      if ('verdict' in given) return given.verdict;
      const lacking = given.told.translated.find((each) => !each.out || !each.in);
      if (!lacking) return WELL;
      const mending = andNobodyMends(host, NODE_AGENT, facts);
      const { bridge, localVlanId, out } = lacking;
      const which = out
        ? `the flow on br-int is missing that gives packets from ${bridge} the tag ${localVlanId}`
        : `the flow on ${bridge} is missing that strips the tag ${localVlanId}`;
      return fault(
        `${host}: ${which}${mending.what}`,
        byAdministrator(mending.how ?? `see why the agent of ${host} does not write it (plumb status)`),
      );
    },
  }),
  check({
    id: 'foreign-flow',
    of: 'node',
    needs: ['flows'],
    finds: 'Somebody else wrote a flow that drops packets which pass here.',
    mends: 'ovs-ofctl --strict del-flows BRIDGE "priority=N,MATCH"',
    whose: 'cloud',
    judge: (host, facts) => {
      const given = answered(facts.flows(host));
      if ('verdict' in given) return given.verdict;
      const packets = packetsOf(facts);
      const harmful = given.told.foreign.find(
        ({ actions, priority, match }) =>
          /^(?:drop)?$/.test(actions.trim()) && priority > 0 && packets.some((packet) => !contradicts(match, packet)),
      );
      if (!harmful) return WELL;
      const { bridge, priority, match } = harmful;
      return fault(
        `a flow of somebody else on ${bridge} of ${host} drops packets: priority=${priority}${match ? `,${match}` : ''} actions=drop`,
        byAdministrator(
          `whoever wrote it must take it away: ovs-ofctl -O OpenFlow14 --strict del-flows ${bridge} 'priority=${priority}${match ? `,${match}` : ''}' on ${host}`,
        ),
      );
    },
  }),
  check({
    id: 'port-plugged',
    of: 'port',
    needs: ['wiring'],
    finds:
      'No interface of the switch on its node has the id of the port: it was never plugged in, on another node, or with a wrong iface-id.',
    mends: 'ovs-vsctl set Interface DEVICE external_ids:iface-id=PORT; or start the instance on the right node.',
    whose: 'project',
    judge: (port, facts) => {
      const { host } = port.binding;
      if (host === '') return null;
      const given = answered(facts.wiring(host));
      if ('verdict' in given) return given.verdict;
      const found = given.told.ports.find(({ id }) => id === port.id);
      if (found === undefined) return unknown('it was not asked for');
      if (found.plugged.length > 0) return WELL;
      const [almost] = found.almost;
      if (almost)
        return fault(
          `the interface ${almost.device} that is meant for port ${nameOf(port)} has another iface-id, "${almost.ifaceId}"`,
          byAdministrator(`ovs-vsctl set Interface ${almost.device} external_ids:iface-id=${port.id} on its node`),
        );
      for (const other of othersOf(facts, host)) {
        const there = facts.wiring(other);
        if (there === null) return { is: 'pending' };
        if ('told' in there && there.told.ports.some(({ id, plugged }) => id === port.id && plugged.length > 0))
          return fault(
            `port ${nameOf(port)} is plugged in on another node than the one it is bound to`,
            byAdministrator(
              `it is on ${other} and bound to ${host}: openstack port set --host ${other} ${port.id}, or start the instance on ${host}`,
            ),
          );
      }
      return fault(
        `port ${nameOf(port)} is not plugged in on its node`,
        byOwner(
          `start the instance (openstack server start); an administrator: see why its plugger makes no interface with external_ids:iface-id=${port.id} in br-int of its node`,
        ),
        { stream: `port-${port.id}`, types: ['PortBound', 'PortBindingActivated', 'PortCreated'] },
      );
    },
  }),
  check({
    id: 'port-device',
    of: 'port',
    needs: ['wiring'],
    finds:
      'The device by which the port is plugged in is gone, set down, cannot be opened by the switch, or loses packets (tc netem).',
    mends: 'ip link set DEVICE up; or start the instance anew.',
    whose: 'cloud',
    judge: (port, facts) => {
      const { host } = port.binding;
      if (host === '') return null;
      const given = answered(facts.wiring(host));
      if ('verdict' in given) return given.verdict;
      const plugged = given.told.ports.find(({ id }) => id === port.id)?.plugged ?? [];
      if (plugged.length === 0) return null;
      const broken = plugged.every((each) => each.fault !== null) ? plugged[0] : undefined;
      if (!broken) return WELL;
      return fault(
        `device ${broken.device} of port ${nameOf(port)} on ${host}: ${broken.fault}`,
        byAdministrator(
          broken.fault === 'the device is set down'
            ? `ip link set ${broken.device} up on ${host}`
            : broken.fault?.includes('queueing')
              ? `tc qdisc del dev ${broken.device} root on ${host}`
              : `start the instance anew, so that its plugger makes ${broken.device} again`,
        ),
      );
    },
  }),
] as const;

function eachBridge(
  host: string,
  facts: Facts,
  judge: (
    bridge: Readonly<{ name: string; there: boolean; patched: boolean; cut: string | null }>,
  ) => ReturnType<typeof fault> | null,
) {
  if (bridgesOf(facts, host).length === 0) return null;
  const given = answered(facts.wiring(host));
  if ('verdict' in given) return given.verdict;
  for (const bridge of given.told.bridges) {
    const found = judge(bridge);
    if (found) return found;
  }
  return WELL;
}

/** `uplinksOf` (libs/ovs-core) says in brackets what to type. */
function howOf(cut: string, bridge: string, host: string): string {
  const [, command] = /\((ip link [^)]*|ovs-vsctl [^)]*)\)/.exec(cut) ?? [];
  return `${command ?? `plumb node uplink ${bridge} DEVICE`} on ${host}`;
}

const MOST_OTHERS = 20;
const othersOf = ({ objects }: Facts, host: string): readonly string[] =>
  objects
    .all('node')
    .filter(({ id, removed }) => id !== host && !removed)
    .slice(0, MOST_OTHERS)
    .map(({ id }) => id);

/** Who sends and receives in the scene: what a flow that drops must not match. */
export function packetsOf({ objects, scene }: Pick<Facts, 'objects' | 'scene'>): readonly Packet[] {
  const routerPorts = scene.routers.flatMap(({ interfaces, gateway }) =>
    [...Object.keys(interfaces), ...(gateway ? [gateway.portId] : [])].flatMap((id) => objects.get('port', id) ?? []),
  );
  const ports = [...scene.ports, ...routerPorts];
  return [
    {
      macs: ports.map(({ macAddress }) => macAddress),
      addresses: [
        ...ports.flatMap(({ fixedIps }) => fixedIps.map(({ ipAddress }) => ipAddress)),
        ...scene.floatingIps.map(({ floatingIpAddress }) => floatingIpAddress),
      ],
    },
  ];
}
