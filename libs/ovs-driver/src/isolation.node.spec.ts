/**
 * Ten VXLAN networks of two projects on three nodes, a port of each network on each node: within a network everybody reaches everybody, and nobody reaches anything
 * of another network, whatever he knows of it. All networks have the same three addresses, and each has three of its own, so that a packet that strays has somebody
 * to stray to. Local VLANs differ from node to node: each number is another network's elsewhere. Groups let everything pass: nothing but the networks keeps apart.
 *
 * Whoever tries to reach another network has that port's MAC as a neighbour, so that his frames are really sent. What arrives is told by its sender's MAC.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ScratchNetns } from '@plumbline/exec/testing';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { Instance, joinByHub, Prober, RealSwitch, TunnelCapture } from './testing/index.js';

const HOSTS = ['cmp1', 'cmp2', 'cmp3'] as const;
const TUNNEL_IPS = ['192.0.2.1', '192.0.2.2', '192.0.2.3'] as const;
const NETWORKS = Array.from({ length: 10 }, (_, at) => at + 1);
const GROUP = 900;
const SERVED = 80;
/** How long a try that must fail is waited for; one that must not has as long as it takes. */
const [BRIEF_S, LONG_S] = [0.4, 10];
const WAYS = ['tcp', 'udp', 'icmp'] as const;

/** A port of a network, on the node of that number (0 to 2). */
type Place = Readonly<{ network: number; node: number }>;
const PLACES: readonly Place[] = NETWORKS.flatMap((network) => HOSTS.map((_, node) => ({ network, node })));
const vniOf = (network: number): number => 500 + network;
/** Half of the networks are of one project, half of the other; both are in each test. */
const projectOf = (network: number): string => idOf(network % 2 === 0 ? 8001 : 8002);
const numberOf = ({ network, node }: Place): number => network * 10 + node + 1;
const shared = ({ node }: Place): string => `10.0.0.${node + 1}`;
const own = ({ network, node }: Place): string => `10.0.${network}.${node + 1}`;
/** A number from 1 to 10 for each network of a node; no network has the same on all. */
const vlanOf = (network: number, node: number): number => ((network + node * 3) % NETWORKS.length) + 1;
const isOf = (place: Place, network: number): boolean => place.network === network;
const named = (place: Place): string => `network ${place.network} on ${HOSTS[place.node]}`;

describe.each(['none', 'openflow'] as const)('ten networks of two projects on three nodes, firewall %s', (firewall) => {
  const nodes: RealSwitch[] = [];
  const plugged = new Map<number, Instance>();
  const probers = new Map<number, Prober>();
  let hub: ScratchNetns;
  let capture: TunnelCapture;
  const prober = (place: Place): Prober => probers.get(numberOf(place)) as Prober;
  const node = (at: number): RealSwitch => nodes[at] as RealSwitch;

  const viewOf = (at: number) => {
    const builder = new ViewBuilder(HOSTS[at]);
    for (const [n, host] of HOSTS.entries()) builder.node(host, { tunnelIp: TUNNEL_IPS[n] ?? null });
    builder.group(GROUP);
    for (const [n, direction] of (['ingress', 'egress'] as const).entries())
      for (const [m, ethertype] of (['IPv4', 'IPv6'] as const).entries())
        builder.rule(910 + n * 2 + m, GROUP, { direction, ethertype });
    for (const network of NETWORKS) {
      const vlans = HOSTS.map((host, n) => [host, vlanOf(network, n)] as const);
      const of = { projectId: projectOf(network), segmentationId: vniOf(network) };
      builder.network(vniOf(network), 'vxlan', of).placed(vniOf(network), Object.fromEntries(vlans));
    }
    for (const place of PLACES) {
      const addresses = [own(place), shared(place)];
      builder.entry(numberOf(place), vniOf(place.network), HOSTS[place.node] as string, { addresses });
      if (place.node === at)
        builder.port(numberOf(place), vniOf(place.network), {
          projectId: projectOf(place.network),
          securityGroupIds: [idOf(GROUP)],
          fixedIps: addresses.map((ipAddress) => ({ subnetId: idOf(vniOf(place.network)), ipAddress })),
        });
    }
    return builder.view;
  };
  const converge = async () => {
    for (const at of HOSTS.keys()) {
      const result = await node(at).converger.converge(viewOf(at), { touched: 'all', mayRemove: true });
      expect(result.failed).toEqual([]);
      if (plugged.size === PLACES.length)
        expect(result.statuses.filter(({ status }) => status !== 'ACTIVE')).toEqual([]);
    }
  };
  /** One try in each way; those that did not end as wanted. */
  const tries = async (from: Place, address: string, wanted: boolean): Promise<string[]> => {
    const seconds = wanted ? LONG_S : BRIEF_S;
    const ended = await Promise.all(
      WAYS.map((way) => prober(from).ask({ do: way, to: address, port: SERVED, seconds })),
    );
    const wrong = WAYS.filter((_, at) => ended[at] !== wanted);
    return wrong.map((way) => `${named(from)} ${wanted ? 'does not reach' : 'reaches'} ${address} by ${way}`);
  };
  /** Ports, by MAC, that sent something that arrived at this one. (The kernel at the other end of its own device speaks IPv6 to it, too, past the switch.) */
  const heardBy = async (place: Place): Promise<string[]> => {
    const ports = new Set(PLACES.map((each) => macOf(numberOf(each)).replaceAll(':', '')));
    return (await prober(place).ask<string[]>({ do: 'senders' })).filter((mac) => ports.has(mac));
  };

  beforeAll(async () => {
    for (const tunnelIp of TUNNEL_IPS)
      nodes.push(await RealSwitch.start({ bridgeMappings: {}, datapathType: 'netdev', tunnelIp, firewall }));
    hub = await joinByHub(nodes, TUNNEL_IPS);
    await converge();
    for (const place of PLACES) {
      const n = numberOf(place);
      const of = { device: `tap${n}`, mac: macOf(n), address: `${own(place)}/16`, ifaceId: idOf(n) };
      const instance = await Instance.plug(node(place.node), of);
      plugged.set(n, instance);
      await instance.exec(['ip', 'address', 'add', `${shared(place)}/16`, 'dev', 'eth0']);
    }
    await converge();
    for (const each of nodes) await each.revalidated();
    for (const place of PLACES) {
      const { netns } = plugged.get(numberOf(place)) as Instance;
      probers.set(numberOf(place), await Prober.start(netns.name, [SERVED]));
    }
    capture = await TunnelCapture.start(hub.name);
  }, 240_000);
  afterAll(async () => {
    await capture?.stop();
    for (const each of probers.values()) await each.stop();
    for (const instance of plugged.values()) await instance.remove();
    for (const each of nodes) await each.stop();
    await hub?.remove();
  }, 60_000);

  it('everybody reaches everybody of his network, by its own addresses and by those that all networks have', async () => {
    const wrong: string[] = [];
    for (const network of NETWORKS) {
      const members = PLACES.filter((place) => isOf(place, network));
      const pairs = members.flatMap((from) => members.filter((to) => to !== from).map((to) => [from, to] as const));
      const all = pairs.flatMap(([from, to]) => [tries(from, own(to), true), tries(from, shared(to), true)]);
      wrong.push(...(await Promise.all(all)).flat());
    }
    expect(wrong).toEqual([]);
    const [from, to] = [
      { network: 4, node: 0 },
      { network: 4, node: 2 },
    ].map((place) => plugged.get(numberOf(place)));
    expect(await (from as Instance).transfer(to as Instance, shared({ network: 4, node: 2 }), 500_000)).toBe(500_000);
  });

  it('nobody reaches anything of another network, of his own node or another, though he knows its MAC and address', async () => {
    const wrong: string[] = [];
    for (const network of NETWORKS) {
      const strangers = NETWORKS.filter((each) => each !== network);
      const all = strangers.map(async (stranger) => {
        const from = { network, node: (network + stranger) % HOSTS.length };
        // On his own node, and on the next one.
        for (const at of [from.node, (from.node + 1) % HOSTS.length]) {
          const to = { network: stranger, node: at };
          const neighbour = ['ip', 'neighbour', 'replace', own(to), 'lladdr', macOf(numberOf(to)), 'dev', 'eth0'];
          await (plugged.get(numberOf(from)) as Instance).exec([...neighbour, 'nud', 'permanent']);
          wrong.push(...(await tries(from, own(to), false)));
        }
      });
      await Promise.all(all);
    }
    expect(wrong).toEqual([]);
  });

  it('no frame of another network has arrived anywhere, and each crossed tunnels by its own network’s number alone', async () => {
    const heard = new Map<string, string[]>();
    const wanted = new Map<string, string[]>();
    for (const place of PLACES) {
      heard.set(named(place), await heardBy(place));
      const fellows = PLACES.filter((each) => isOf(each, place.network) && each.node !== place.node);
      wanted.set(named(place), fellows.map((each) => macOf(numberOf(each)).replaceAll(':', '')).sort());
    }
    expect(heard).toEqual(wanted);
    const networkOf = new Map(PLACES.map((place) => [macOf(numberOf(place)), place.network]));
    // Beside them the switches ask each other whether they are there (BFD), in no network.
    const strayed = capture.frames.filter(({ src, vni }) => {
      const network = networkOf.get(src);
      return vni !== (network === undefined ? 0 : vniOf(network));
    });
    expect(strayed.map(({ src, vni, from, to }) => `${src} in ${vni} from ${from} to ${to}`)).toEqual([]);
    // The tries were made: what was for a MAC of another network left its node, in its sender's network.
    const tried = new Set(
      capture.frames.flatMap(({ src, dst }) => {
        const [from, to] = [networkOf.get(src), networkOf.get(dst)];
        return from !== undefined && to !== undefined && from !== to ? [`${from} ${to}`] : [];
      }),
    );
    const all = NETWORKS.flatMap((from) => NETWORKS.filter((to) => to !== from).map((to) => `${from} ${to}`));
    expect([...tried].sort()).toEqual(all.sort());
  });
});
