/**
 * A random walk of ports, groups, rules, members and moves over three real switches with their agents, with faults on the way: agents killed, flows, rules and sets
 * removed by hand, the switch restarted, messages late, lost and doubled. After each step every pair of ports is tried: what the tables do with the first packet of a
 * connection (`ofproto/trace`; on bridges also what a reading of iptables-save does, chain-model.ts) is held beside a model that knows nothing of flows and chains
 * (firewall-model.ts), and a sample is tried by real packets, which pass both.
 *
 * The walk follows from its seed, which the name of the test says: PLUMB_TEST_SEED gives the same walk again. What is drawn does not depend on the time that anything
 * takes. `--long`: ten times the steps.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PlumbEvent, Port, SecurityGroupRule } from '@plumbline/contracts';
import { bridgeEnd, bridgeOf, type FoundFilter, switchEnd } from '@plumbline/ovs-core';
import { forwards } from '@plumbline/ovs-core/testing';
import { BridgeDriver } from '@plumbline/ovs-driver';
import {
  Instance,
  joinByHub,
  Prober,
  RealSwitch,
  SwitchAway,
  traceOn,
  type TracedPacket,
} from '@plumbline/ovs-driver/testing';
import * as made from '@plumbline/topology/testing';
import { seed as chosen, times } from '../../../tools/jest/effort.mjs';
import { drawing } from './drawing.js';
import { FirewallModel } from './firewall-model.js';
import { SwitchAgent } from './switch-agent.js';

const { id, mac } = made;
const seed = chosen ?? Math.floor(Math.random() * 1e9);
const HOSTS = ['cmp1', 'cmp2', 'cmp3'] as const;
const ENDS = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const NETWORK = id(501);
const PORTS = [11, 12, 13, 14, 15, 16];
/** Devices of bridges are named by the first characters of their port's id. */
const portId = (n: number): string => id(n).replace(/^.{8}/, n.toString(16).padStart(8, '0'));
const GROUPS = [901, 902, 903];
const SETS = [950, 951];
/** An address that nobody is plugged by: of a port that is a member only, or of nobody. */
const MEMBER = 21;
const SERVED = [22, 53, 80];
/** How long a node may take to be as the log says, whatever happened to it: many times what it takes. */
const SETTLE_MS = 30_000;

const v4 = (n: number): string => `10.0.0.${n}`;
const v6 = (n: number): string => `fd00::${n}`;
const pairOf = (n: number) => ({ ipAddress: `10.0.0.${100 + n}`, macAddress: mac(n) });

type RuleMatch = Partial<SecurityGroupRule>;
const tcp = (min: number, max = min): RuleMatch => ({ protocol: 'tcp', portRangeMin: min, portRangeMax: max });
const six = { ethertype: 'IPv6' } as const;
const out = { direction: 'egress' } as const;
const MATCHES: readonly (() => RuleMatch)[] = [
  () => tcp(80),
  () => tcp(79, 85),
  () => tcp(1, 65535),
  () => ({ protocol: 'tcp' }),
  () => ({ protocol: 'udp', portRangeMin: 53, portRangeMax: 53 }),
  () => ({ protocol: 'icmp' }),
  () => ({ protocol: 'icmp', portRangeMin: 8, portRangeMax: 0 }),
  () => ({ protocol: '112' }),
  () => ({ protocol: 'sctp', portRangeMin: 5000, portRangeMax: 5001 }),
  () => ({}),
  () => ({ ...six, ...tcp(80) }),
  () => ({ ...six, protocol: 'ipv6-icmp' }),
  () => ({ ...six }),
];
const PREFIXES = [`${v4(11)}/32`, `${v4(14)}/32`, '10.0.0.12/30', '10.0.0.96/27', `${v6(13)}/128`, 'fd00::/124'];

/** Protocol, source and destination port (ICMP: type and code), family. */
const PACKETS = [
  [6, 40_000, 80, 4],
  [6, 40_000, 22, 4],
  [17, 40_000, 53, 4],
  [1, 8, 0, 4],
  [132, 40_000, 5000, 4],
  [112, 0, 0, 4],
  [6, 40_000, 80, 6],
  [58, 128, 0, 6],
] as const;

export type Firewall = 'openflow' | 'hybrid';

/** A describe block. `firewalls`: of the three nodes; `steps`: ten times as many with `--long`. */
export function firewallWalk(firewalls: readonly [Firewall, Firewall, Firewall], steps: number): void {
  describe(`what ports may send and get, on three nodes (${firewalls.join(', ')})`, () => {
    const STEPS = times(steps);
    const draw = drawing(seed);
    const chance = (share: number): boolean => draw() < share;
    const pick = <T>(from: readonly T[]): T => from[Math.floor(draw() * from.length)] as T;
    const some = <T>(from: readonly T[], most: number): T[] => from.filter(() => chance(0.4)).slice(0, most);

    const REMOTES: readonly ((rule: RuleMatch) => RuleMatch)[] = [
      () => ({}),
      () => ({}),
      (rule) => ({ remoteIpPrefix: rule.ethertype === 'IPv6' ? `${v6(12)}/128` : `${v4(pick(PORTS))}/32` }),
      (rule) => ({ remoteIpPrefix: rule.ethertype === 'IPv6' ? 'fd00::/64' : '10.0.0.8/29' }),
      () => ({ remoteGroupId: id(pick(GROUPS)) }),
      () => ({ remoteGroupId: id(pick(GROUPS)) }),
      () => ({ remoteAddressGroupId: id(pick(SETS)) }),
    ];
    const agents: SwitchAgent[] = [];
    const instances = new Map<number, Instance>();
    const probers = new Map<number, Prober>();
    const world = new made.World();
    let hub: { remove(): Promise<void> };
    let rules = 1_000;
    const done: string[] = [];

    const commit = (...events: PlumbEvent[]): void => {
      const recorded = events.map((event) => world.append(event, made.metaOf(0)));
      for (const { plane } of agents) plane.commit(recorded);
    };
    const port = (n: number): Port => world.topology.get('port', portId(n)) as Port;
    const agentOf = (host: string): SwitchAgent => agents[HOSTS.indexOf(host as 'cmp1')] as SwitchAgent;
    const firewallOf = (host: string): Firewall => firewalls[HOSTS.indexOf(host as 'cmp1')] ?? 'openflow';
    /** The interface of br-int by which a port is plugged there. */
    const deviceOn = (host: string, n: number): string =>
      firewallOf(host) === 'hybrid' ? switchEnd(portId(n)) : `tap${n}`;
    const wayOn = (host: string, n: number) => ({ device: `tap${n}`, byBridge: firewallOf(host) === 'hybrid' });
    const vlanOn = (host: string): number => HOSTS.indexOf(host as 'cmp1') + 1;

    const setPort = (n: number, set: Partial<Pick<Port, keyof Port>>): void =>
      commit({ type: 'PortAttributesSet', version: 1, data: { portId: portId(n), set } } as PlumbEvent);
    const groupsOf = (): string[] => some(GROUPS, 2).map(id).sort();
    const addRule = (): void => {
      const group = id(pick(GROUPS));
      const match = { ...pick(MATCHES)(), ...(chance(0.35) ? out : {}) };
      const data = { securityGroupRuleId: id((rules += 1)), securityGroupId: group, ...match, ...pick(REMOTES)(match) };
      commit(made.securityGroupRuleCreated(data));
    };
    const removeRule = (): void => {
      const all = world.topology.all('securitygrouprule');
      if (all.length < 6) return addRule();
      const { id: securityGroupRuleId, securityGroupId } = pick(all);
      commit({ type: 'SecurityGroupRuleDeleted', version: 1, data: { securityGroupRuleId, securityGroupId } });
    };
    /** To another host: plugged in there, with a word to the network that it is there. */
    const move = async (n: number): Promise<void> => {
      const from = port(n).binding.host;
      const to = pick(HOSTS.filter((host) => host !== from));
      commit(made.portBound(portId(n), NETWORK, to));
      await instances.get(n)?.moveTo(agentOf(to).node, { ifaceId: portId(n), ...wayOn(to, n) });
    };

    const MOVES: readonly (readonly [name: string, share: number, does: () => unknown])[] = [
      ['a rule comes', 5, addRule],
      ['a rule goes', 4, removeRule],
      [
        'a port has other groups',
        4,
        () => setPort(pick(PORTS), { portSecurityEnabled: true, securityGroupIds: groupsOf() }),
      ],
      ['a member without a device has other groups', 2, () => setPort(MEMBER, { securityGroupIds: groupsOf() })],
      [
        'an address pair comes or goes',
        2,
        () => {
          const n = pick(PORTS.filter((each) => port(each).portSecurityEnabled));
          if (n !== undefined) setPort(n, { allowedAddressPairs: chance(0.6) ? [pairOf(n)] : [] });
        },
      ],
      [
        'a port has no port security',
        1,
        () => setPort(pick(PORTS), { portSecurityEnabled: false, securityGroupIds: [], allowedAddressPairs: [] }),
      ],
      ['a port is set down', 1, () => setPort(pick(PORTS), { adminStateUp: false })],
      ['all ports are set up', 2, () => PORTS.forEach((n) => setPort(n, { adminStateUp: true }))],
      [
        'an address group changes',
        2,
        () =>
          commit({
            type: 'AddressGroupAttributesSet',
            version: 1,
            data: { addressGroupId: id(pick(SETS)), set: { addresses: some(PREFIXES, 4) } },
          }),
      ],
      [
        'a group is stateful or not',
        1,
        () =>
          commit({
            type: 'SecurityGroupAttributesSet',
            version: 1,
            data: { securityGroupId: id(pick(GROUPS)), set: { stateful: chance(0.7) } },
          }),
      ],
      ['a port moves', 3, () => move(pick(PORTS))],
    ];
    const total = MOVES.reduce((sum, [, share]) => sum + share, 0);
    const anyMove = (): (typeof MOVES)[number] => {
      let at = draw() * total;
      return MOVES.find(([, share]) => (at -= share) < 0) ?? (MOVES[0] as (typeof MOVES)[number]);
    };

    type Fault = readonly [name: string, does: (of: SwitchAgent) => Promise<() => Promise<unknown>>];
    /** On every node that has bridges. */
    const harmBridges: Fault = [
      'rules, sets and settings of bridges are removed by hand',
      async () => {
        const each = some(
          [
            ['iptables', '-F'],
            ['ip6tables', '-t', 'raw', '-F'],
            ['iptables', '-I', 'neutron-openvswi-FORWARD', '1', '-j', 'ACCEPT'],
            ['sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=0'],
            ['sh', '-c', 'for set in $(ipset list -n); do ipset flush $set; done'],
          ],
          3,
        );
        for (const { host, node } of agents)
          if (firewallOf(host) === 'hybrid')
            for (const argv of each) await node.runner.run(argv, { netns: node.ovs.netns, okCodes: [0, 1, 2] });
        return async () => undefined;
      },
    ];
    /** What is broken before the moves of a step; answers with what mends it after them, as its machine would. */
    const FAULTS: readonly Fault[] = [
      [
        'the agent is killed',
        async (of) => {
          await of.kill();
          return () => of.start();
        },
      ],
      [
        'the agent is killed while it works',
        async (of) => async () => {
          await of.kill();
          await of.start();
        },
      ],
      [
        'flows are removed by hand',
        async ({ node, session }) => {
          const tables = [0, 60, 62, 66, 71, 72, 81, 82, 84, 85, 90, 94];
          const argv = some(tables, 4).map((table) => `table=${table}`);
          const socket = `unix:${node.ovs.dir}/br-int.mgmt`;
          for (const match of argv) await node.ovs.tool(['ovs-ofctl', '-O', 'OpenFlow14', 'del-flows', socket, match]);
          // Nothing tells of it but the timer's next look at everything.
          return async () => session.touch('all');
        },
      ],
      ...(firewalls.includes('hybrid') ? [harmBridges] : []),
      [
        'the switch is restarted',
        async ({ node }) => {
          await node.ovs.stopSwitch(true);
          return () => node.ovs.startSwitch();
        },
      ],
      [
        'messages come late, twice or never',
        async ({ broker }) => {
          const fates = drawing(Math.floor(draw() * 1e9));
          broker.fate = () => (fates() < 0.3 ? [] : fates() < 0.3 ? [0, fates() * 300] : [fates() * 500]);
          return async () => void (broker.fate = () => [0]);
        },
      ],
    ];

    type Try = Readonly<{ from: number; to: number; packet: TracedPacket; what: string }>;
    const packetOf = (from: number, to: number, kind: (typeof PACKETS)[number], src?: number): TracedPacket => {
      const [protocol, sport, dport, version] = kind;
      const address = version === 4 ? v4 : v6;
      return {
        ...{ protocol, sport, dport, srcMac: mac(from), dstMac: mac(to) },
        ...{ src: address(src ?? from), dst: address(to) },
      };
    };
    /** Every pair with every packet; from some also with an address that is another's, or a pair's. */
    const allTries = (): Try[] =>
      PORTS.flatMap((from) =>
        PORTS.filter((to) => to !== from).flatMap((to) => [
          ...PACKETS.map((kind) => ({ from, to, packet: packetOf(from, to, kind), what: 'own' })),
          { from, to, packet: packetOf(from, to, PACKETS[0], to), what: "the receiver's address" },
          { from, to, packet: packetOf(from, to, PACKETS[0], 100 + from), what: "a pair's address" },
          { from, to, packet: { ...packetOf(from, to, PACKETS[0]), srcMac: mac(MEMBER) }, what: "another's MAC" },
        ]),
      );

    /** Where the tables of the nodes and the model differ: null, they agree. */
    const differs = async (
      model: FirewallModel,
      bridges: ReadonlyMap<string, FoundFilter>,
      { from, to, packet, what }: Try,
    ): Promise<string | null> => {
      const [sender, receiver] = [port(from), port(to)];
      const [here, there] = [sender.binding.host, receiver.binding.host];
      const sends = model.maySend(sender, packet);
      const gets = model.mayGet(receiver, packet);
      const at = agentOf(here).node.ovs.dir;
      const say = (trace: Awaited<ReturnType<typeof traceOn>>, passes: boolean, wanted: boolean, where: string) =>
        passes === wanted
          ? null
          : `${where}: port ${from} on ${here} to port ${to} on ${there}, ${what} ${JSON.stringify(packet)}: ${wanted ? 'is dropped' : 'passes'}\n${trace.text}`;
      const onBridge = (n: number, host: string, direction: 'egress' | 'ingress'): boolean => {
        const found = bridges.get(host);
        if (!found) return true;
        const { protocol, sport, dport, src, dst } = packet;
        const opening = { direction, protocol, sport, dport, remote: direction === 'egress' ? dst : src };
        return forwards(found, { bridge: bridgeOf(portId(n)), inside: bridgeEnd(portId(n)), opening, reply: false });
      };
      const sent = await traceOn(at, packet, deviceOn(here, from));
      const left = onBridge(from, here, 'egress');
      const entered = onBridge(to, there, 'ingress');
      const passes = (device: string): boolean => sent.ports.has(device);
      if (here === there)
        return say(sent, left && passes(deviceOn(there, to)) && entered, sends && gets, 'on one node');
      const gone = say(sent, left && passes('patch-tun'), sends, 'at the sender');
      if (gone !== null) return gone;
      const arrived = await traceOn(agentOf(there).node.ovs.dir, packet, 'patch-tun', vlanOn(there));
      return say(arrived, arrived.ports.has(deviceOn(there, to)) && entered, gets, 'at the receiver');
    };

    /** Rules and sets of the nodes whose instances have bridges, as iptables-save and ipset show them now. */
    const bridgesFound = async (): Promise<ReadonlyMap<string, FoundFilter>> => {
      const found = new Map<string, FoundFilter>();
      for (const { host, node } of agents)
        if (firewallOf(host) === 'hybrid')
          found.set(host, await new BridgeDriver(node.runner, { netns: node.ovs.netns }).observe());
      return found;
    };
    const agree = async (): Promise<void> => {
      const model = new FirewallModel(world.topology);
      let left = allTries();
      let first: string | null = null;
      const trying = async (): Promise<Try[]> => {
        const still: Try[] = [];
        first = null;
        const bridges = await bridgesFound();
        for (const each of left) {
          const found = await differs(model, bridges, each).catch((error: unknown) => {
            if (error instanceof SwitchAway || /Unknown bridge|no port/i.test(String(error))) return String(error);
            throw error;
          });
          if (found === null) continue;
          still.push(each);
          first ??= found;
        }
        return still;
      };
      for (const end = performance.now() + SETTLE_MS; ;) {
        left = await trying();
        if (left.length === 0) return;
        if (performance.now() > end) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const health = agents.map(({ session }) => session.health());
      throw new Error(
        `seed ${seed}: ${left.length} tries differ, first ${String(first)}\n${done.join('\n')}\n${JSON.stringify(health)}`,
      );
    };

    const isStateless = (n: number): boolean =>
      port(n).portSecurityEnabled &&
      port(n).securityGroupIds.length > 0 &&
      port(n).securityGroupIds.every((group) => world.topology.get('securitygroup', group)?.stateful === false);
    /** By real packets, with an answer: whoever may open may be answered, unless a group is stateless. */
    const really = async (): Promise<void> => {
      for (const { node } of agents) await node.revalidated();
      const model = new FirewallModel(world.topology);
      const pairs = PORTS.flatMap((from) => PORTS.filter((to) => to !== from).map((to) => [from, to] as const));
      const sample = Array.from({ length: 4 }, () => [...pick(pairs), pick(PACKETS.slice(0, 4))] as const);
      const tries = sample.filter(([from, to]) => !isStateless(from) && !isStateless(to));
      await Promise.all(
        tries.map(async ([from, to, kind]) => {
          const [protocol, , dport] = kind;
          const packet = packetOf(from, to, kind);
          const wanted = model.maySend(port(from), packet) && model.mayGet(port(to), packet);
          const what = protocol === 6 ? 'tcp' : protocol === 17 ? 'udp' : 'icmp';
          const ask = (seconds: number) =>
            probers.get(from)?.ask({ do: what, to: v4(to), ...(what === 'icmp' ? {} : { port: dport }), seconds });
          const [answered, where] = [
            await ask(wanted ? 10 : 0.5),
            `${port(from).binding.host} ${port(to).binding.host}`,
          ];
          if (answered !== wanted)
            throw new Error(
              `seed ${seed}: ${what} from ${from} to ${to}, port ${dport} (${where}) is answered: ${String(answered)}\n${done.join('\n')}`,
            );
        }),
      );
    };

    beforeAll(async () => {
      for (const [index, host] of HOSTS.entries()) {
        const config = { bridgeMappings: {}, datapathType: 'netdev', firewall: firewallOf(host) } as const;
        const node = await RealSwitch.start({ ...config, tunnelIp: ENDS[index] ?? null });
        agents.push(new SwitchAgent(host, node));
      }
      hub = await joinByHub(
        agents.map(({ node }) => node),
        ENDS,
      );
      commit(...HOSTS.map((host, index) => made.nodeRegistered(host, ENDS[index] ?? null)));
      commit(
        made.networkCreated({ networkId: NETWORK, networkType: 'vxlan', physicalNetwork: null, segmentationId: 501 }),
        ...HOSTS.map((host) => made.networkPlaced(NETWORK, host, vlanOn(host))),
      );
      for (const n of GROUPS) commit(made.securityGroupCreated({ securityGroupId: id(n), name: `group ${n}` }));
      for (const n of SETS) {
        const data = {
          addressGroupId: id(n),
          projectId: 'project',
          name: '',
          description: '',
          addresses: ['10.0.0.8/30'],
        };
        commit({ type: 'AddressGroupCreated', version: 1, data });
      }
      for (const n of [...PORTS, MEMBER]) {
        const fixedIps = [v4(n), v6(n)].map((ipAddress) => ({ subnetId: id(7), ipAddress }));
        const of = { portId: portId(n), networkId: NETWORK, deviceOwner: 'compute:nova', fixedIps };
        commit(made.portCreated({ ...of, securityGroupIds: groupsOf() }, n));
        if (n !== MEMBER) commit(made.portBound(portId(n), NETWORK, HOSTS[n % 3] ?? ''));
      }
      // Members of all groups but one may send at first, so that what comes after is seen.
      for (const group of GROUPS.slice(1))
        for (const more of [out, { ...out, ...six }])
          commit(
            made.securityGroupRuleCreated({
              securityGroupRuleId: id((rules += 1)),
              securityGroupId: id(group),
              ...more,
            }),
          );
      for (let each = 0; each < 6; each += 1) addRule();
      for (const { plane, session } of agents) {
        plane.up();
        await session.start();
      }
      for (const { node } of agents)
        for (const end = performance.now() + SETTLE_MS; node.mirror.bridge('br-tun') === undefined;) {
          if (performance.now() > end) throw new Error('the agents make no bridges');
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      for (const n of PORTS) {
        const at = { device: `tap${n}`, mac: mac(n), address: `${v4(n)}/24`, ifaceId: portId(n) };
        const { host } = port(n).binding;
        const instance = await Instance[firewallOf(host) === 'hybrid' ? 'plugByBridge' : 'plug'](
          agentOf(host).node,
          at,
        );
        instances.set(n, instance);
        probers.set(n, await Prober.start(instance.netns.name, SERVED));
      }
    }, 120_000);
    afterAll(async () => {
      for (const prober of probers.values()) await prober.stop();
      for (const instance of instances.values()) await instance.remove();
      for (const agent of agents) await agent.stop();
      for (const { node } of agents) await node.stop();
      await hub?.remove();
    }, 60_000);

    it(
      `is what their rules say, after each of ${STEPS} steps (seed ${seed})`,
      async () => {
        await agree();
        await really();
        for (let step = 1; step <= STEPS; step += 1) {
          const fault = chance(0.5) ? pick(FAULTS) : null;
          const victim = pick(agents);
          if (fault) done.push(`step ${step}: ${fault[0]} on ${victim.host}`);
          const mend = await fault?.[1](victim);
          const moves = Array.from({ length: 1 + Math.floor(draw() * 3) }, anyMove);
          for (const [name, , does] of moves) {
            done.push(`step ${step}: ${name}`);
            await does();
          }
          await mend?.();
          await agree();
          await really();
        }
        expect(done.length).toBeGreaterThanOrEqual(STEPS);
      },
      60_000 + STEPS * 60_000,
    );
  });
}
