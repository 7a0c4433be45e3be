/** Whether the nodes are what the log says: every port, tag, tunnel and flow by a model (../network-model.ts), a sample by packets, and what crosses tunnels by capture. */
import type { Network, Port } from '@plumbline/contracts';
import { asksFor } from '@plumbline/ovs-driver/testing';
import { id } from '@plumbline/topology/testing';
import {
  type Cloud,
  END,
  FIREWALL,
  FOREIGN_FLOW,
  FOREIGN_PORT,
  type Host,
  HOSTS,
  OPEN,
  type Plug,
  PROVIDERS,
} from './cloud.js';

/** How long the nodes may take to be as the log says, whatever happened to them: many times what it takes. */
const SETTLE_MS = 45_000;

/** Each throws with the story of the walk. `agree`: waits until all nodes are as the model says. */
export function checksOf(
  cloud: Cloud,
): Readonly<{ agree: () => Promise<void>; passes: () => Promise<void>; asksNobody: () => Promise<void> }> {
  const { pick, agents, agent, settings, settingOf, plugs, topology, model, foreign, numbers, story } = cloud;
  const { ports, numberOf, addressOf, networkOf, deviceOf, captured } = cloud;

  /** What the node shows: ports by bridge, and flows without their cookies. */
  const shown = async (host: Host) => {
    const { node } = agent(host);
    const found: Record<'ports' | 'flows', Record<string, string[]>> = { ports: {}, flows: {} };
    const wrong: string[] = [];
    for (const bridge of node.mirror.bridges()) {
      if (bridge.name === 'br-under') continue;
      found.ports[bridge.name] = node.mirror
        .portsOf(bridge)
        .map((port) => `${port.name} ${node.mirror.interfacesOf(port)[0]?.type || '-'} ${port.tag ?? '-'}`)
        .sort();
      found.flows[bridge.name] = (await node.dump(bridge.name))
        .map((line) => {
          const [, cookie = '', text = ''] = /^ (?:cookie=(0x[0-9a-f]+), )?(.*)$/.exec(line) ?? [];
          const position = Number(BigInt(cookie || 0) & 0x7fff_ffff_ffffn);
          const isOurs = /^0x504c[0-9a-f]{12}$/.test(cookie);
          if (isOurs && position > topology.position)
            wrong.push(`${bridge.name} ${line}: the log has no such position`);
          return isOurs || text === 'priority=0 actions=NORMAL' || text === FOREIGN_FLOW ? text : `foreign ${line}`;
        })
        .sort();
    }
    return { ...found, wrong };
  };

  const wantedOn = (host: Host) => {
    const mine = plugs.filter((each) => each.host === host).map(({ n }) => ({ device: deviceOf(n), portId: id(n) }));
    const { ports: at, flows } = model.of(host, settingOf(host), mine);
    for (const [bridge, uplink] of Object.entries(PROVIDERS)) {
      at[bridge] = [...(at[bridge] ?? []), `${bridge} internal -`, `${uplink} - -`].sort();
      flows[bridge] = [...(flows[bridge] ?? []), 'priority=0 actions=NORMAL'].sort();
    }
    const its = foreign.get(host);
    if (its?.port) at['br-int'] = [...(at['br-int'] ?? []), `${FOREIGN_PORT} internal 55`].sort();
    if (its?.flow) flows['br-int'] = [...(flows['br-int'] ?? []), FOREIGN_FLOW].sort();
    return { ports: at, flows };
  };

  /** Lines of a firewall that speak of a tag, a MAC, an address or an interface that has no business on this node. */
  const strayLines = (host: Host, lines: readonly string[]): string[] => {
    const setting = settingOf(host);
    const here = plugs.filter((each) => each.host === host);
    const wired = here.flatMap(({ n }) => {
      const port = topology.get('port', id(n));
      return port && model.isWired(port, host, setting) ? [port] : [];
    });
    const tags = new Set(topology.find('placement', `host/${host}`).map(({ hosts }) => hosts[host]?.localVlanId));
    const macs = new Set(
      wired.flatMap((port) => [port.macAddress, ...port.allowedAddressPairs.map((pair) => pair.macAddress)]),
    );
    const devices = new Set([...here.map(({ n }) => deviceOf(n)), 'patch-tun', FOREIGN_PORT, 'OXM_OF_IN_PORT']);
    for (const bridge of Object.values(setting.bridgeMappings)) devices.add(`int-${bridge}`);
    return lines.filter(
      (line) =>
        line !== FOREIGN_FLOW &&
        ([...line.matchAll(/fa:16:3e:[0-9a-f:]+/g)].some(([each]) => !macs.has(each)) ||
          [...line.matchAll(/(?:in_port=|output:)"?([\w.-]+)"?/g)].some(([, each = '']) => !devices.has(each)) ||
          [...line.matchAll(/set_field:(\d+)->vlan_vid/g)].some(([, each]) => !tags.has(Number(each) - 4096)) ||
          (!line.includes('int-br') &&
            [...line.matchAll(/dl_vlan=(\d+)/g)].some(([, each]) => each !== '4095' && !tags.has(Number(each))))),
    );
  };

  /** Frames that the switch learned from lead into tunnels that are there, for networks that are there. */
  const strayLearned = async (host: Host): Promise<string[]> => {
    const { ovs } = agent(host).node;
    const socket = `unix:${ovs.dir}/br-tun.mgmt`;
    const { stdout } = await ovs.tool([
      'ovs-ofctl',
      '-O',
      'OpenFlow14',
      '--no-stats',
      '--names',
      'dump-flows',
      socket,
      'table=20',
    ]);
    const vnis = new Map(
      topology
        .find('placement', `host/${host}`)
        .map((placement) => [
          placement.hosts[host]?.localVlanId,
          topology.get('network', placement.id)?.segmentationId,
        ]),
    );
    const tunnels = wantedOn(host).ports['br-tun'] ?? [];
    return stdout.split('\n').filter((line) => {
      const [, tag, vni, out] =
        /hard_timeout=.*vlan_tci=(0x[0-9a-f]+)\/0x0?fff,.*load:(0x[0-9a-f]+)->NXM_NX_TUN_ID\[\],output:"?([^"]+)"?$/.exec(
          line,
        ) ?? [];
      if (!line.includes('hard_timeout=')) return false;
      return vnis.get(Number(tag)) !== Number(vni) || !tunnels.includes(`${out} vxlan -`);
    });
  };

  const differences = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const host of HOSTS) {
      const [now, wanted] = [await shown(host), wantedOn(host)];
      found.push(...now.wrong);
      const compare = (what: string, has: readonly string[] = [], wants: readonly string[] = []) => {
        const left = [...wants];
        for (const each of has) {
          const at = left.indexOf(each);
          if (at < 0) found.push(`${host} ${what} has too much: ${each}`);
          else left.splice(at, 1);
        }
        found.push(...left.map((each) => `${host} ${what} lacks: ${each}`));
      };
      for (const bridge of new Set([...Object.keys(now.ports), ...Object.keys(wanted.ports)])) {
        compare(`${bridge} ports`, now.ports[bridge], wanted.ports[bridge]);
        const guarded = bridge === 'br-int' && FIREWALL[host] === 'openflow';
        if (guarded)
          found.push(...strayLines(host, now.flows[bridge] ?? []).map((each) => `${host} has a stray: ${each}`));
        else compare(`${bridge} flows`, now.flows[bridge], wanted.flows[bridge]);
      }
      found.push(...(await strayLearned(host)).map((each) => `${host} learned: ${each}`));
    }
    return found;
  };

  const agree = async (): Promise<void> => {
    let left: string[];
    for (const end = performance.now() + SETTLE_MS; ;) {
      left = await differences().catch((error: unknown) => [String(error)]);
      if (left.length === 0) return;
      if (performance.now() > end) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const health = HOSTS.map((host) => agent(host).session.health());
    const now = `${(performance.now() / 1000).toFixed(2)} s: now`;
    const logs = HOSTS.flatMap((host) => agent(host).log);
    throw new Error(
      `${left.length} differences:\n${[...left.slice(0, 20), JSON.stringify(health), ...logs, now, story()].join('\n')}`,
    );
  };

  /** Ports whose packets pass by an interface, with it. */
  const speakers = (): (readonly [Port, Plug])[] =>
    plugs.flatMap((each) => {
      const port = topology.get('port', id(each.n));
      const passes = port && model.isWired(port, each.host, settingOf(each.host));
      return passes ? [[port, each] as const] : [];
    });
  /** What security says of all packets of a port. */
  const mayTalk = (port: Port, { host }: Plug): boolean =>
    FIREWALL[host] === 'none' || !port.portSecurityEnabled || port.securityGroupIds.includes(OPEN);
  const areJoined = (network: Network, a: Host, b: Host): boolean => {
    if (a === b || network.networkType === 'vxlan') return true;
    const bridgeOn = (host: Host) => settings.get(host)?.bridgeMappings[network.physicalNetwork ?? ''];
    return network.networkType !== 'local' && bridgeOn(a) === bridgeOn(b);
  };
  const sample = <T>(from: readonly T[], most: number): T[] =>
    Array.from({ length: Math.min(most, from.length) }, () => pick(from));

  const passes = async (): Promise<void> => {
    for (const { node } of agents.values()) await node.revalidated();
    const all = speakers();
    const pairs = all.flatMap((from) => all.filter((to) => to !== from).map((to) => [from, to] as const));
    const isOne = ([[a], [b]]: (typeof pairs)[number]) => a.networkId === b.networkId;
    const tried = [
      ...sample(pairs.filter(isOne), 3),
      ...sample(
        pairs.filter((pair) => !isOne(pair)),
        2,
      ),
    ];
    await Promise.all(
      tried.map(async (pair) => {
        const [[a, from], [b, to]] = pair;
        const wanted = isOne(pair) && areJoined(networkOf(a), from.host, to.host) && mayTalk(a, from) && mayTalk(b, to);
        const reached = wanted
          ? await from.instance.reaches(addressOf(b))
          : (await from.instance.exec(['ping', '-q', '-c', '1', '-W', '1', addressOf(b)], { okCodes: [0, 1, 2] }))
              .code === 0;
        if (reached !== wanted)
          throw new Error(
            `port ${from.n} on ${from.host} ${reached ? 'reaches' : 'does not reach'} port ${to.n} on ${to.host}, ${networkOf(a).networkType}\n${story()}`,
          );
      }),
    );
  };

  /** Asks for addresses that the log knows: no other node hears of it. */
  const asksNobody = async (): Promise<void> => {
    const before = captured().frames.length;
    const all = speakers().filter(([port]) => networkOf(port).networkType === 'vxlan');
    const known = new Map<number, string[]>();
    for (const port of ports())
      if (model.hostOf(port) !== null) {
        const vni = networkOf(port).segmentationId ?? 0;
        known.set(vni, [...(known.get(vni) ?? []), ...model.certain(port)]);
      }
    for (const [port, { host, instance }] of sample(all, 3)) {
      const vni = networkOf(port).segmentationId ?? 0;
      const peers = Object.keys(topology.get('placement', port.networkId)?.hosts ?? {}).filter((each) => each !== host);
      await instance.exec(['ip', 'neighbour', 'flush', 'all', 'dev', 'eth0']);
      for (const address of known.get(vni) ?? [])
        if (!address.includes(':'))
          await instance.exec(['ping', '-q', '-c', '1', '-W', '0.2', address], { okCodes: [0, 1, 2] });
      if (peers.length === 0) continue;
      const nobody = `10.0.250.${(numbers.nobody = (numbers.nobody + 1) % 250)}`;
      await instance.exec(['ping', '-q', '-c', '1', '-W', '1', nobody], { okCodes: [0, 1, 2] });
      for (const peer of peers)
        await captured()
          .until(`who has ${nobody}`, (frame) => frame.to === END[peer as Host] && asksFor(frame) === nobody)
          .catch((error: unknown) => {
            throw new Error(`${String(error)}, from port ${numberOf(port)} on ${host} to ${peer}\n${story()}`);
          });
    }
    const heard = captured()
      .frames.slice(before)
      .filter((frame) => {
        const address = asksFor(frame);
        return address !== null && known.get(frame.vni)?.includes(address);
      });
    if (heard.length > 0)
      throw new Error(
        `asked through tunnels: ${heard.map((frame) => `${asksFor(frame)} from ${frame.from}`).join()}\n${story()}`,
      );
  };
  return { agree, passes, asksNobody };
}
