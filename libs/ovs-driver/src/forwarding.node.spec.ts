/** Entries of a network on three real switches: what crosses the tunnels between them is captured on the hub that joins them. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ScratchNetns } from '@plumbline/exec/testing';
import type { OvsNodeConfig } from '@plumbline/ovs-core';
import { idOf, macOf, ViewBuilder } from '@plumbline/ovs-core/testing';
import { removePort } from '@plumbline/ovsdb';
import { announces, asksFor, Instance, joinByHub, RealSwitch, TunnelCapture } from './testing/index.js';

const HOSTS = ['cmp1', 'cmp2', 'cmp3'] as const;
const TUNNEL_IPS = ['192.0.2.1', '192.0.2.2', '192.0.2.3'] as const;
const GROUP = 900;
/** Router 70 has the network's gateway: port 1. It is on cmp2, and its port is plugged into cmp2 and cmp3. */
const [ROUTER, GATEWAY] = [70, 1];
type Where = Readonly<{ host: (typeof HOSTS)[number]; secured?: boolean; pairs?: readonly string[] }>;

/** Network 501 is on three nodes. Ports 11 and 14 are on cmp1, 12 on cmp2, 13 on cmp3; all but 13 have port security. */
const START: ReadonlyMap<number, Where> = new Map([
  [11, { host: 'cmp1' }],
  [14, { host: 'cmp1' }],
  [12, { host: 'cmp2' }],
  [13, { host: 'cmp3', secured: false }],
]);
const ipv4 = (n: number): string => `10.0.0.${n}`;
const ipv6 = (n: number): string => `2001:db8::${n}`;
/** One question for the port's own address: `-U` an announcement, `-D` a probe. */
const arping = (what: '-U' | '-D', n: number, device = 'eth0'): string[] => [
  ...['arping', what, '-c', '1', '-w', '1', '-I', device, ipv4(n)],
];

describe.each(['none', 'openflow'] as const)('what crosses tunnels, with firewall %s', (firewall) => {
  const nodes: RealSwitch[] = [];
  const plugged = new Map<number, Instance>();
  const gateways: Instance[] = [];
  let hub: ScratchNetns;
  let capture: TunnelCapture;
  const at = (n: number): Instance => plugged.get(n) as Instance;
  const node = (host: string): RealSwitch => nodes[HOSTS.indexOf(host as never)] as RealSwitch;

  const view = (host: string, ports: ReadonlyMap<number, Where>, routerOn = 'cmp2') => {
    const builder = new ViewBuilder(host);
    for (const [index, each] of HOSTS.entries()) builder.node(each, { tunnelIp: TUNNEL_IPS[index] ?? null });
    builder.network(501, 'vxlan').placed(501, { cmp1: 1, cmp2: 2, cmp3: 3 }).group(GROUP);
    let rule = 901;
    for (const direction of ['ingress', 'egress'] as const)
      for (const ethertype of ['IPv4', 'IPv6'] as const) builder.rule(rule++, GROUP, { direction, ethertype });
    for (const [n, { host: its, secured = true, pairs = [] }] of ports) {
      const allowed = pairs.map((ipAddress) => ({ ipAddress, macAddress: macOf(n) }));
      const addresses = [ipv4(n), ipv6(n)];
      builder.entry(n, 501, its, { secured, addresses, pairs: allowed });
      const more: Parameters<ViewBuilder['port']>[2] = {
        fixedIps: addresses.map((ipAddress) => ({ subnetId: idOf(501), ipAddress })),
        portSecurityEnabled: secured,
        securityGroupIds: secured ? [idOf(GROUP)] : [],
        allowedAddressPairs: allowed,
      };
      if (its === host) builder.port(n, 501, more);
    }
    const addresses = [ipv4(GATEWAY), ipv6(GATEWAY)];
    builder.routerEntry(GATEWAY, 501, ROUTER, { addresses }).routerPlace(GATEWAY, 501, ROUTER, routerOn);
    if (routerOn === host)
      builder.router(ROUTER).port(GATEWAY, 501, {
        fixedIps: addresses.map((ipAddress) => ({ subnetId: idOf(501), ipAddress })),
        ...{ deviceOwner: 'network:router_interface', deviceId: idOf(ROUTER), portSecurityEnabled: false },
        binding: { host: '', vnicType: 'normal', profile: {} },
      });
    return builder.view;
  };
  const converge = async (
    ports: ReadonlyMap<number, Where> = START,
    on: readonly string[] = HOSTS,
    routerOn?: string,
  ) => {
    for (const host of on) {
      const its = view(host, ports, routerOn);
      const result = await node(host).converger.converge(its, { touched: 'all', mayRemove: true });
      expect(result.failed).toEqual([]);
    }
  };
  const changed = (...changes: readonly (readonly [number, Where])[]) => new Map([...START, ...changes]);
  const forgetNeighbours = async () => {
    for (const instance of plugged.values()) await instance.exec(['ip', 'neighbour', 'flush', 'all', 'dev', 'eth0']);
  };
  /** What was asked through any tunnel; complete when a question for an address that nobody has arrived everywhere. */
  const asked = async (from = 11) => {
    const nobody = `10.0.9.${(nobodies += 1)}`;
    await at(from).exec(['ping', '-q', '-c', '1', '-W', '1', nobody], { okCodes: [0, 1, 2] });
    const own = TUNNEL_IPS[HOSTS.indexOf((START.get(from) as Where).host)];
    for (const to of TUNNEL_IPS)
      if (to !== own)
        await capture.until(`who has ${nobody}, for ${to}`, (frame) => frame.to === to && asksFor(frame) === nobody);
    return capture.frames.flatMap((frame) => asksFor(frame) ?? []).filter((address) => !address.startsWith('10.0.9.'));
  };
  let nobodies = 0;
  /** The tunnels' far ends to which frames for the port's MAC were sent. */
  const sentFor = (n: number) =>
    [...new Set(capture.frames.filter(({ dst }) => dst === macOf(n)).map(({ to }) => to))].sort();

  beforeAll(async () => {
    for (const tunnelIp of TUNNEL_IPS) {
      const config: OvsNodeConfig = { bridgeMappings: {}, datapathType: 'netdev', tunnelIp, firewall };
      nodes.push(await RealSwitch.start(config));
    }
    hub = await joinByHub(nodes, TUNNEL_IPS);
    await converge();
    const routed = ['cmp2', 'cmp3'].map((host) => [GATEWAY, { host }] as const);
    for (const [n, { host }] of [...START, ...routed]) {
      const options = { device: `tap${n}`, mac: macOf(n), address: `${ipv4(n)}/16`, ifaceId: idOf(n) };
      const instance = await Instance.plug(node(host), options);
      if (n === GATEWAY) gateways.push(instance);
      else plugged.set(n, instance);
      await instance.exec(['ip', 'address', 'add', `${ipv6(n)}/64`, 'dev', 'eth0', 'nodad']);
    }
    await converge();
  });
  afterAll(async () => {
    for (const instance of [...plugged.values(), ...gateways]) await instance.remove();
    for (const each of nodes) await each.stop();
    await hub.remove();
  });
  beforeEach(async () => {
    await forgetNeighbours();
    capture = await TunnelCapture.start(hub.name);
  });
  afterEach(() => capture.stop());

  it.each([
    ['IPv4', ipv4],
    ['IPv6', ipv6],
  ])('no question for an address that the log knows, and its port is reached: %p', async (_version, address) => {
    expect(await at(11).reaches(address(12))).toBe(true);
    expect(await at(14).reaches(address(11))).toBe(true);
    expect(await at(12).reaches(address(14))).toBe(true);
    const known = [11, 12, 14].flatMap((n) => [ipv4(n), hextetsOf(ipv6(n))]);
    expect((await asked()).filter((each) => known.includes(each))).toEqual([]);
    expect(sentFor(12)).toEqual(['192.0.2.2']);
    expect(sentFor(11)).not.toContain('192.0.2.3');
    const { stdout } = await at(11).exec(['ip', 'neighbour', 'show', address(12)]);
    expect(stdout).toContain(`lladdr ${macOf(12)}`);
  });

  it('no question for a router’s address either, which is reached where its router is, at once when that moves', async () => {
    const known = [ipv4(GATEWAY), hextetsOf(ipv6(GATEWAY))];
    /** The tunnels' far ends that its address led to. */
    const reached = async (address: string) => {
      await forgetNeighbours();
      const before = capture.frames.length;
      expect(await at(11).reaches(address)).toBe(true);
      expect((await asked()).filter((each) => known.includes(each))).toEqual([]);
      const frames = capture.frames.slice(before).filter(({ dst }) => dst === macOf(GATEWAY));
      return [...new Set(frames.map(({ to }) => to))];
    };
    expect([await reached(ipv4(GATEWAY)), await reached(ipv6(GATEWAY))]).toEqual([['192.0.2.2'], ['192.0.2.2']]);
    // Whoever is behind the router's own node asks nobody else either.
    expect(await at(12).reaches(ipv4(GATEWAY))).toBe(true);
    expect((await asked(12)).filter((each) => known.includes(each))).toEqual([]);
    /** All other switches saw its MAC behind the tunnel to this node last, and hear nothing else of it by themselves. */
    const speaks = async (gateway: Instance | undefined, to: readonly string[]) => {
      const before = capture.frames.length;
      await gateway?.exec(arping('-U', GATEWAY), { okCodes: [0, 1] });
      for (const end of to)
        await capture.until(
          `an announcement to ${end}`,
          (frame) => capture.frames.indexOf(frame) >= before && frame.to === end && announces(frame) === ipv4(GATEWAY),
        );
    };
    await speaks(gateways[0], ['192.0.2.1', '192.0.2.3']);
    await converge(START, ['cmp3', 'cmp1', 'cmp2'], 'cmp3');
    expect([await reached(ipv4(GATEWAY)), await reached(ipv6(GATEWAY))]).toEqual([['192.0.2.3'], ['192.0.2.3']]);
    await speaks(gateways[1], ['192.0.2.1', '192.0.2.2']);
    await converge();
    expect([await reached(ipv4(GATEWAY)), await reached(ipv6(GATEWAY))]).toEqual([['192.0.2.2'], ['192.0.2.2']]);
    expect(capture.frames.filter(({ src, dst }) => src === dst)).toEqual([]);
  });

  it('TCP and UDP as ever', async () => {
    expect(await at(11).transfer(at(12), ipv4(12), 500_000)).toBe(500_000);
    expect(await at(12).datagrams(at(11), ipv4(11), 25)).toBe(25);
  });

  it('a question for the address of a port that is not checked, or that a pair of another allows', async () => {
    expect(await at(11).reaches(ipv4(13))).toBe(true);
    expect(await asked()).toContain(ipv4(13));
    const shared = changed([14, { host: 'cmp1', pairs: ['10.0.0.12/31'] }]);
    await converge(shared);
    expect(await at(11).reaches(ipv4(12))).toBe(true);
    expect(await asked()).toContain(ipv4(12));
    await converge();
  });

  it('what a port says of its own address, and its look whether it is alone', async () => {
    await at(11).exec(arping('-U', 11), { okCodes: [0, 1] });
    await capture.until('an announcement', (frame) => frame.to === '192.0.2.3' && announces(frame) === ipv4(11));
    // Without a firewall a port sends no ARP that names no sender.
    if (firewall === 'none') return;
    const before = capture.frames.length;
    await at(11).exec(arping('-D', 11), { okCodes: [0, 1] });
    await capture.until('a probe', (frame) => capture.frames.indexOf(frame) >= before && asksFor(frame) === ipv4(11));
  });

  it('a port that moved is reached at once, though its old host is not told yet', async () => {
    await at(11).exec(['ip', 'neighbour', 'replace', ipv4(12), 'lladdr', macOf(12), 'nud', 'reachable', 'dev', 'eth0']);
    expect(await at(12).reaches(ipv4(11))).toBe(true);
    const there = changed([12, { host: 'cmp3' }]);
    await at(12).moveTo(node('cmp3'), { ifaceId: idOf(12), device: 'tap12' });
    await at(12).exec(['sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=1']);
    await at(12).exec(['ip', 'neighbour', 'replace', ipv4(11), 'lladdr', macOf(11), 'nud', 'reachable', 'dev', 'eth0']);
    await converge(there, ['cmp3', 'cmp1']);
    const before = capture.frames.length;
    expect(await at(11).datagrams(at(12), ipv4(12), 25)).toBe(25);
    const after = capture.frames.slice(before).filter(({ dst }) => dst === macOf(12));
    expect([...new Set(after.map(({ to }) => to))]).toEqual(['192.0.2.3']);
    await converge(there);
    await at(12).moveTo(node('cmp2'), { ifaceId: idOf(12), device: 'tap12' });
    await at(12).exec(['ip', 'address', 'add', `${ipv6(12)}/64`, 'dev', 'eth0', 'nodad']);
    await converge();
  });

  it('a tunnel port that was deleted by hand loses nothing when it is there again', async () => {
    await at(11).exec(['ip', 'neighbour', 'replace', ipv4(12), 'lladdr', macOf(12), 'nud', 'reachable', 'dev', 'eth0']);
    await node('cmp1').mirror.commit(removePort('br-tun', node('cmp1').mirror.port('vxlan-c0000202')?.uuid ?? ''));
    await converge();
    expect(await at(11).datagrams(at(12), ipv4(12), 25)).toBe(25);
    expect(sentFor(12)).toEqual(['192.0.2.2']);
  });

  it('a MAC that is not checked goes where the wire last showed it, until the log says another place', async () => {
    const open = changed([12, { host: 'cmp2', secured: false }]);
    await converge(open);
    const neighbour = ['ip', 'neighbour', 'replace', ipv4(13), 'lladdr', macOf(13), 'nud', 'reachable', 'dev', 'eth0'];
    /** Into which tunnels a frame for it goes now. */
    const goesTo = async () => {
      const before = capture.frames.length;
      await at(11).exec(neighbour);
      await at(11).exec(['ping', '-q', '-c', '1', '-W', '1', ipv4(13)], { okCodes: [0, 1] });
      await asked();
      return [...new Set(capture.frames.slice(before).flatMap(({ dst, to }) => (dst === macOf(13) ? [to] : [])))];
    };
    // What the switch learned of a frame it may learn once more within half a second, of the same frame: so each is said until it is so.
    const until = async (end: string, say: () => Promise<unknown>) => {
      do await say();
      while ((await goesTo()).join() !== end);
    };
    await until('192.0.2.3', () => at(13).exec(arping('-U', 13), { okCodes: [0, 1] }));
    // Somebody at cmp2 has this MAC now.
    await at(12).exec(['ip', 'link', 'add', 'link', 'eth0', 'name', 'mv', 'address', macOf(13), 'type', 'macvlan']);
    await at(12).exec(['ip', 'link', 'set', 'mv', 'up']);
    await at(12).exec(['ip', 'address', 'add', `${ipv4(13)}/32`, 'dev', 'mv']);
    await until('192.0.2.2', () => at(12).exec(arping('-U', 13, 'mv'), { okCodes: [0, 1] }));
    await at(12).exec(['ip', 'link', 'delete', 'mv']);
    // As if 13 had moved to cmp2 and back.
    await until('192.0.2.3', async () => {
      await converge(new Map([...open, [13, { host: 'cmp2', secured: false }]]), ['cmp1']);
      await converge(open, ['cmp1']);
    });
    await at(13).exec(arping('-U', 13), { okCodes: [0, 1] });
    await converge();
  });

  it('nothing to a node that is gone, for which no tunnel and no flow is left', async () => {
    const gone = view('cmp1', START);
    const cmp3 = gone.objects.get('node/cmp3');
    gone.objects.set('node/cmp3', { ...cmp3, removed: true } as never);
    await node('cmp1').converger.converge(gone, { touched: 'all', mayRemove: true });
    expect(node('cmp1').mirror.port('vxlan-c0000203')).toBeUndefined();
    expect((await node('cmp1').dump('br-tun')).filter((line) => /vxlan-c0000203|fa:16:3e:00:00:0d/.test(line))).toEqual(
      [],
    );
    await converge();
    expect(await at(11).reaches(ipv4(13))).toBe(true);
  });
});

const hextetsOf = (address: string): string => {
  const [head = '', tail = ''] = address.split('::').map((half) => half.split(':').filter(Boolean).join(':'));
  const zeros = 8 - head.split(':').length - tail.split(':').length;
  return [head, ...Array<string>(zeros).fill('0'), tail].join(':');
};
