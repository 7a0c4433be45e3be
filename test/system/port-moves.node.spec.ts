/**
 * A port that moves between two nodes while a third one streams to it. It is plugged on both all the time, as during a live migration, and by the same MAC and address:
 * only the log says where it is. Everything goes through three real switches with their agents; the stream is what a client of the instance would see.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { PlumbEvent } from '@plumbline/contracts';
import { type FlowCount, frames, Instance, joinByHub, Prober, RealSwitch } from '@plumbline/ovs-driver/testing';
import * as made from '@plumbline/topology/testing';
import { SwitchAgent, until } from './testing/switch-agent.js';

const { id, mac } = made;
const HOSTS = ['cmp1', 'cmp2', 'cmp3'] as const;
type Place = 'cmp2' | 'cmp3';
const ENDS = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const NETWORK = id(501);
const GROUP = id(900);
const [CLIENT, MOVER] = [11, 12];
const ECHO = 5353;
const LONGEST_S = 1;

describe.each(['none', 'openflow'] as const)('a port that moves under a stream, firewall %s', (firewall) => {
  const agents = new Map<string, SwitchAgent>();
  const instances: Instance[] = [];
  const probers = new Map<string, Prober>();
  const world = new made.World();
  let hub: { remove(): Promise<void> };

  const commit = (...events: PlumbEvent[]): void => {
    const recorded = events.map((event) => world.append(event, made.metaOf(0)));
    for (const { plane } of agents.values()) plane.commit(recorded);
  };
  const at = (place: string): Prober => probers.get(place) as Prober;
  const look = (): Promise<FlowCount> => at('cmp1').ask<FlowCount>({ do: 'look', name: 'stream' });
  const flows = async (): Promise<void> => {
    const { back } = await look();
    await until(async () => (await look()).back > back + 10, look);
  };
  const other = (place: Place): Place => (place === 'cmp2' ? 'cmp3' : 'cmp2');
  const datagram = (src: number, dst: string, dstMac: string, token: Buffer) =>
    frames.ethernet(
      { src: mac(src), dst: dstMac, type: 0x0800 },
      frames.udp({ src: `10.0.0.${src}`, dst, sport: 4000, dport: 4001 }, token),
    );
  /** Sends to the port and to all, and answers with where it arrived. Whoever is to get it got it when the first answer is there. */
  const heardAt = async (place: Place): Promise<Record<Place, boolean>> => {
    const heard = { cmp2: false, cmp3: false };
    for (const dst of [mac(MOVER), 'ff:ff:ff:ff:ff:ff']) {
      const token = randomBytes(16);
      const frame = datagram(CLIENT, dst === mac(MOVER) ? `10.0.0.${MOVER}` : '10.0.0.255', dst, token);
      await at('cmp1').ask({ do: 'frame', frame });
      const arrived = (where: Place, seconds: number) =>
        at(where).ask<boolean>({ do: 'arrived', token: token.toString('hex'), seconds });
      heard[place] = (await arrived(place, 5)) && (dst === mac(MOVER) || heard[place]);
      heard[other(place)] ||= await arrived(other(place), 0.2);
    }
    return heard;
  };
  /** Whether what the device on `place` sends reaches the client. */
  const isHeardFrom = async (place: Place): Promise<boolean> => {
    const token = randomBytes(16);
    await at(place).ask({ do: 'frame', frame: datagram(MOVER, `10.0.0.${CLIENT}`, mac(CLIENT), token) });
    return at('cmp1').ask({ do: 'arrived', token: token.toString('hex'), seconds: 0.3 });
  };
  /** Asserts that the port is there and only there, and that the stream paused for a second at most since it began. */
  const isAt = async (place: Place): Promise<void> => {
    await until(
      () =>
        agents
          .get(place)
          ?.statuses()
          .get(`port/${id(MOVER)}`) === 'ACTIVE',
    );
    // Its old node, too, has read of it; and packets that come from now on are judged by the flows of now.
    await until(() => agents.get(other(place))?.node.mirror.port(`tap${MOVER}`)?.tag === 4095);
    for (const { node } of agents.values()) await node.revalidated();
    await flows();
    expect(await heardAt(place)).toEqual({ [place]: true, [other(place)]: false });
    expect(await isHeardFrom(other(place))).toBe(false);
    await flows();
  };

  beforeAll(async () => {
    const nodes: RealSwitch[] = [];
    for (const end of ENDS)
      nodes.push(await RealSwitch.start({ bridgeMappings: {}, datapathType: 'netdev', tunnelIp: end, firewall }));
    hub = await joinByHub(nodes, ENDS);
    for (const [index, node] of nodes.entries()) {
      const agent = new SwitchAgent(HOSTS[index] as string, node);
      agents.set(agent.host, agent);
      agent.plane.up();
    }
    const port = (n: number, host: string): PlumbEvent[] => [
      made.portCreated(
        {
          portId: id(n),
          networkId: NETWORK,
          fixedIps: [{ subnetId: id(7), ipAddress: `10.0.0.${n}` }],
          securityGroupIds: [GROUP],
        },
        n,
      ),
      made.portBound(id(n), NETWORK, host),
    ];
    commit(
      ...HOSTS.map((host, index) => made.nodeRegistered(host, ENDS[index] as string)),
      made.networkCreated({ networkId: NETWORK, networkType: 'vxlan', physicalNetwork: null, segmentationId: 501 }),
      ...HOSTS.map((host, index) => made.networkPlaced(NETWORK, host, index + 1)),
      made.securityGroupCreated({ securityGroupId: GROUP }),
      made.securityGroupRuleCreated({ securityGroupRuleId: id(901), securityGroupId: GROUP }),
      made.securityGroupRuleCreated({ securityGroupRuleId: id(902), securityGroupId: GROUP, direction: 'egress' }),
      ...port(CLIENT, 'cmp1'),
      ...port(MOVER, 'cmp2'),
    );
    for (const { session, node } of agents.values()) {
      await session.start();
      await until(() => node.mirror.bridge('br-tun') !== undefined);
    }
    for (const [index, host] of HOSTS.entries()) {
      const n = host === 'cmp1' ? CLIENT : MOVER;
      const options = { device: `tap${n}`, mac: mac(n), address: `10.0.0.${n}/24`, ifaceId: id(n), tag: 4095 };
      const instance = await Instance.plug(nodes[index] as RealSwitch, options);
      instances.push(instance);
      probers.set(host, await Prober.start(instance.netns.name, host === 'cmp1' ? [] : [ECHO]));
    }
    await until(
      () =>
        agents
          .get('cmp1')
          ?.statuses()
          .get(`port/${id(CLIENT)}`) === 'ACTIVE',
    );
    await until(
      () =>
        agents
          .get('cmp2')
          ?.statuses()
          .get(`port/${id(MOVER)}`) === 'ACTIVE',
    );
  }, 120_000);
  afterAll(async () => {
    for (const prober of probers.values()) await prober.stop();
    for (const agent of agents.values()) await agent.stop();
    for (const instance of instances) await instance.remove();
    for (const { node } of agents.values()) await node.stop();
    await hub?.remove();
  });

  beforeEach(async () => {
    // A stream of its own for each test: the first packet waits for ARP, which is none of a move's pause.
    expect(await at('cmp1').ask({ do: 'icmp', to: `10.0.0.${MOVER}`, seconds: 10 })).toBe(true);
    await at('cmp1').ask({ do: 'start', name: 'stream', kind: 'udp', to: `10.0.0.${MOVER}`, port: ECHO, every: 0.01 });
    await until(async () => (await look()).back > 10, look);
  });
  afterEach(() => at('cmp1').ask({ do: 'finish', name: 'stream' }));

  const placeNow = (): Place => world.topology.get('port', id(MOVER))?.binding.host as Place;

  it('ten times: at most a second is lost each time, and nothing passes at the old place', async () => {
    for (let move = 0; move < 10; move += 1) {
      const to = other(placeNow());
      commit(made.portBound(id(MOVER), NETWORK, to));
      await isAt(to);
    }
    expect((await look()).longest).toBeLessThan(LONGEST_S);
  });

  it('to a second binding that is plugged and silent until it is activated, and back', async () => {
    const [from, to] = [placeNow(), other(placeNow())];
    const named = { portId: id(MOVER), networkId: NETWORK };
    const data = { ...named, host: to, vnicType: 'normal', profile: {} };
    commit({ type: 'PortInactiveBindingSet', version: 1, data });
    await until(
      () =>
        agents
          .get(to)
          ?.last()
          .get(`port/${id(MOVER)}`)
          ?.reason?.includes('is not active') === true,
    );
    await isAt(from);
    const activate = (host: Place): void =>
      commit({ type: 'PortBindingActivated', version: 1, data: { ...named, host, previousHost: other(host) } });
    for (const place of [to, from, to]) {
      activate(place);
      await isAt(place);
    }
    commit({ type: 'PortInactiveBindingRemoved', version: 1, data: { ...named, host: from } });
    await isAt(to);
    expect((await look()).longest).toBeLessThan(LONGEST_S);
  });
});
