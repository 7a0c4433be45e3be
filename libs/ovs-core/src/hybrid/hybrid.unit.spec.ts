import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type ObjectKey, versionOf } from '@plumbline/contracts';
import type { ObservedPort, ObservedSwitch } from '../driver.js';
import type { OvsNodeConfig } from '../render.js';
import { forwards } from '../testing/chain-model.js';
import { done, GROUPS, move, PACKETS, PORTS } from '../testing/group-moves.js';
import { idOf, ViewBuilder } from '../testing/index.js';
import { allows, type Packet } from '../testing/rule-model.js';
import { walkBridge } from './bridge-walk.js';
import { BridgeFirewall } from './converge.js';
import type { FilterDriver, FilterStep, FoundFilter, FoundLink } from './driver.js';
import { bridgeEnd, bridgeOf, isOurChain, switchEnd } from './names.js';
import { comparable, protocolNames, protocolText } from './rule-text.js';
import { afterFilterSteps } from './simulate.js';
import { Zones } from './zones.js';

const config: OvsNodeConfig = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev', firewall: 'hybrid' };
const portId = (n: number): string => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;

const observed: ObservedSwitch = new Map([
  [
    'br-int',
    {
      ...{ name: 'br-int', datapathType: 'netdev', failMode: 'secure', mark: 1, adopted: false },
      ports: new Map(
        PORTS.map((n): [string, ObservedPort] => [
          switchEnd(portId(n)),
          {
            ...{ name: switchEnd(portId(n)), bridge: 'br-int', tag: null, mark: null, tagMark: null, type: '' },
            ...{ ifaceId: portId(n), options: {}, ofport: n, error: null },
          },
        ]),
      ),
    },
  ],
]);

/** A node in memory. Refuses a jump to a chain that is not there, and to delete one that something leads to. */
class FakeBridges implements FilterDriver {
  found: FoundFilter = {
    ...{ bridged: { 4: false, 6: true }, unreadable: [], sets: new Map() },
    tables: { 4: new Map(), 6: new Map() },
    links: new Map(
      PORTS.map(portId).flatMap((id): [string, FoundLink][] => [
        [bridgeOf(id), { peer: null, master: null, up: true }],
        [bridgeEnd(id), { peer: switchEnd(id), master: bridgeOf(id), up: true }],
        [switchEnd(id), { peer: bridgeEnd(id), master: 'ovs-system', up: true }],
      ]),
    ),
  };
  applied = 0;
  refuses: ((step: FilterStep) => boolean) | null = null;

  observe = async (): Promise<FoundFilter> => this.found;

  apply = async (steps: readonly FilterStep[]): Promise<void> => {
    if (this.refuses && steps.some(this.refuses)) throw new Error('refused');
    const after = afterFilterSteps(this.found, steps);
    for (const version of [4, 6] as const)
      for (const chains of after.tables[version].values())
        for (const lines of chains.values())
          for (const line of lines) {
            const target = /-j (neutron\S+)$/.exec(line)?.[1];
            if (target !== undefined && !chains.has(target)) throw new Error(`no chain ${target}`);
            const set = /--match-set (\S+)/.exec(line)?.[1];
            if (set !== undefined && !after.sets.has(set)) throw new Error(`no set ${set}`);
          }
    this.applied += steps.length;
    this.found = after;
  };

  /** All that is there, without regard to the order of lines in chains that ports share. */
  text(): string[] {
    const { tables, sets } = this.found;
    const lines = ([4, 6] as const).flatMap((version) =>
      [...tables[version]].flatMap(([table, chains]) =>
        [...chains].flatMap(([chain, all]) => [
          ...(isOurChain(chain) ? [`${version} ${table} ${chain}`] : []),
          ...all.map((line, at) => `${version} ${table} ${chain} ${/-[A-Z]+$/.test(chain) ? '' : at} ${line}`),
        ]),
      ),
    );
    return [...lines, ...[...sets].map(([name, entries]) => `${name} ${[...entries].sort().join()}`)].sort();
  }
}

function start(): ViewBuilder {
  const builder = new ViewBuilder('cmp1').node('cmp1').network(500, 'local').placed(500, { cmp1: 7 });
  for (const n of GROUPS) builder.group(n);
  for (const n of PORTS) builder.port(n, 500, { id: portId(n), securityGroupIds: [idOf(GROUPS[n % 3] ?? 0)] });
  return builder;
}

class Node {
  readonly bridges = new FakeBridges();
  private readonly firewall = new BridgeFirewall(this.bridges);

  constructor(private readonly builder: ViewBuilder) {}

  async step(touched: ReadonlySet<ObjectKey> | 'all', mayRemove = true) {
    const options = { touched, mayRemove };
    const { guards } = await this.firewall.protect(this.builder.view, config, observed, options);
    const { failed } = await this.firewall.sweep(this.builder.view, config, options);
    expect(failed).toEqual([]);
    return guards;
  }
}

/** What plumb trace says of the packet, or of its answer. */
function traced({ tables, sets }: FoundFilter, port: string, opening: Packet, reply: boolean) {
  const { protocol, remote, sport, dport, direction } = opening;
  const own = remote.includes(':') ? 'fd00:9::9' : '10.9.9.9';
  const [src, dst] = direction === 'egress' ? [own, remote] : [remote, own];
  const opened = { protocol, src, dst, sport, dport };
  const isIcmp = protocol === 1 || protocol === 58;
  const answer = {
    protocol,
    src: dst,
    dst: src,
    ...(isIcmp ? { sport: 0, dport: 0 } : { sport: dport, dport: sport }),
  };
  const rules = {
    tables: tables[versionOf(remote)],
    policies: new Map(),
    sets: new Map([...sets].map(([name, entries]) => [name, [...entries]])),
  };
  const turned = direction === 'egress' ? 'ingress' : 'egress';
  const said = reply
    ? walkBridge(rules, port, turned, answer, opened)
    : walkBridge(rules, port, direction, opened, null);
  const did = said.met.filter(({ table }) => table === 'filter').map((each) => `${each.did} ${each.of}`);
  return { passes: said.passes, did, unjudged: said.unjudged };
}

describe('the chains of bridges', () => {
  it('are there for a port whose binding is inactive, so that its activation waits for no rule', async () => {
    const [first = 0] = PORTS;
    const how = { vnicType: 'normal', profile: {} };
    const away = {
      id: portId(first),
      securityGroupIds: [idOf(GROUPS[first % 3] ?? 0)],
      binding: { host: 'cmp2', ...how },
    };
    const linesOf = async (builder: ViewBuilder): Promise<[lines: string[], guard: unknown]> => {
      const node = new Node(builder);
      const guards = await node.step('all');
      return [node.bridges.text().map((line) => line.replace(/plumb:\d+/, '')), guards.get(portId(first))];
    };
    const active = await linesOf(start());
    expect(active[1]).toBeNull();
    expect(await linesOf(start().port(first, 500, { ...away, inactiveBindings: { cmp1: how } }))).toEqual(active);
    const [without, guard] = await linesOf(start().port(first, 500, away));
    expect(guard).toBeUndefined();
    expect(without.filter((line) => line.includes(bridgeOf(portId(first))))).toEqual([]);
  });

  it('are those of a rendering from nothing after any changes, and let pass exactly what the rules mean', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(move, { minLength: 4, maxLength: 25 }), fc.boolean(), async (moves, together) => {
        const builder = start();
        const node = new Node(builder);
        await node.step('all');
        const all: ObjectKey[] = [];
        for (const each of moves) {
          const keys = done(builder, each, portId);
          all.push(...keys);
          if (!together) await node.step(new Set(keys));
        }
        if (together) await node.step(new Set(all));
        const anew = new Node(builder);
        await anew.step('all');
        expect(node.bridges.text()).toEqual(anew.bridges.text());
        const { applied } = node.bridges;
        await node.step('all');
        expect(node.bridges.applied).toBe(applied);
        for (const n of PORTS) {
          const port = builder.view.objects.get(`port/${portId(n)}`);
          if (port?.kind !== 'port') continue;
          const zones = node.bridges.found.tables[4].get('raw')?.get('neutron-openvswi-PREROUTING') ?? [];
          if (!zones.some((line) => line.startsWith(`-i ${bridgeOf(port.id)} `) && line.includes('--zone'))) continue;
          for (const opening of PACKETS)
            for (const reply of [false, true]) {
              const seen = { bridge: bridgeOf(port.id), inside: bridgeEnd(port.id), opening, reply };
              const allowed = allows(builder.view, port.securityGroupIds, opening);
              expect([n, seen, forwards(node.bridges.found, seen)]).toEqual([n, seen, allowed]);
              expect([n, seen, traced(node.bridges.found, port.id, opening, reply)]).toEqual([
                ...[n, seen],
                { passes: allowed, did: [`${allowed ? 'accept' : 'drop'} ours`], unjudged: [] },
              ]);
            }
        }
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  it('keep what is in force while the view may be old, and get what is not there', async () => {
    const builder = start();
    const node = new Node(builder);
    const [group = 0] = GROUPS;
    builder.rule(1, group, { protocol: 'tcp' });
    await node.step('all', false);
    const before = node.bridges.text();
    expect(before.some((line) => line.includes('-p 6 '))).toBe(true);
    builder.rule(2, group, { protocol: 'udp' }).remove(`securitygrouprule/${idOf(1)}`);
    await node.step('all', false);
    expect(node.bridges.text()).toEqual(before);
    // Whatever it is that is touched first once the view is up to date.
    await node.step(new Set([`router/${idOf(7)}` as const]), true);
    expect(node.bridges.text().filter((line) => /-p (6|17) -m comment/.test(line))).not.toEqual([]);
    expect(node.bridges.text().some((line) => line.includes('-p 6 -m comment'))).toBe(false);
  });

  it('of a group with a rule that is refused hold for its ports as they were, and are no reason for others', async () => {
    const builder = start();
    const node = new Node(builder);
    await node.step('all');
    const [group = 0] = GROUPS;
    node.bridges.refuses = (step) => step.op === 'chain' && step.lines.some((line) => line.includes('-p 112'));
    builder.rule(1, group, { protocol: '112' });
    const guards = await node.step(new Set([`securitygrouprule/${idOf(1)}` as const]));
    expect(PORTS.map((n) => guards.get(portId(n)))).toEqual(
      PORTS.map((n) => (GROUPS[n % 3] === group ? { reason: 'refused', holds: true } : null)),
    );
    const fresh = new Node(builder);
    fresh.bridges.refuses = node.bridges.refuses;
    const first = await fresh.step('all');
    expect(PORTS.map((n) => first.get(portId(n))?.holds)).toEqual(
      PORTS.map((n) => (GROUPS[n % 3] === group ? false : undefined)),
    );
  });
});

describe('a conntrack zone', () => {
  it('stays with its port, whoever comes and goes, when the agent is started anew too, and is nobody else its own', () => {
    const some = fc.uniqueArray(fc.integer({ min: 0, max: 0xffffff }), { maxLength: 400 });
    fc.assert(
      fc.property(fc.array(fc.tuple(some, fc.boolean()), { maxLength: 5 }), (all) => {
        let zones = new Zones();
        let had = new Map<string, number>();
        for (const [ports, restarts] of all) {
          if (restarts) zones = new Zones();
          const ids = [...ports, ...[...had.keys()].slice(1).map((id) => parseInt(id, 16))].map(portId);
          const unique = [...new Set(ids)].sort();
          const lines = [...had].map(
            ([id, zone]) => `-i ${bridgeOf(id)} -m comment --comment "plumb:1" -j CT --zone ${zone}`,
          );
          const raw = new Map([['raw', new Map([['neutron-openvswi-PREROUTING', lines]])]]);
          zones.takeIn({ ...new FakeBridges().found, tables: { 4: raw, 6: raw } }, unique);
          const now = new Map(unique.map((id) => [id, zones.of(id)]));
          expect(new Set(now.values()).size).toBe(now.size);
          for (const [id, zone] of now) {
            if (had.has(id)) expect([id, zone]).toEqual([id, had.get(id)]);
            expect(zone >= 4097 && zone < 0xffff).toBe(true);
          }
          had = now;
        }
      }),
    );
  });
});

describe('where flows judge and no instance has a bridge', () => {
  it('what is left on bridges holds up nobody, and is swept once it was seen', async () => {
    const builder = new ViewBuilder('cmp1').node('cmp1');
    const bridges = new FakeBridges();
    const chain = 'neutron-openvswi-left';
    bridges.found = { ...bridges.found, tables: { 4: new Map([['filter', new Map([[chain, []]])]]), 6: new Map() } };
    let see: () => void = () => undefined;
    const seen = new Promise<void>((resolve) => (see = resolve));
    bridges.observe = () => seen.then(() => bridges.found);
    const firewall = new BridgeFirewall(bridges);
    const [flows, options] = [
      { ...config, firewall: 'openflow' } as const,
      { touched: 'all', mayRemove: true } as const,
    ];
    const { guards } = await firewall.protect(builder.view, flows, new Map(), options);
    expect(guards.size).toBe(0);
    const sweeping = firewall.sweep(builder.view, flows, options);
    expect(bridges.found.tables[4].get('filter')?.has(chain)).toBe(true);
    see();
    expect(await sweeping).toEqual({ applied: 1, failed: [] });
    expect(bridges.found.tables[4].get('filter')?.has(chain) ?? false).toBe(false);
  });

  it('bridges that cannot be looked at fail the look, behind what the switch does', async () => {
    const bridges = new FakeBridges();
    bridges.observe = () => Promise.reject(new Error('no ip'));
    const firewall = new BridgeFirewall(bridges);
    const [flows, options] = [
      { ...config, firewall: 'openflow' } as const,
      { touched: 'all', mayRemove: true } as const,
    ];
    const { view } = new ViewBuilder('cmp1').node('cmp1');
    await firewall.protect(view, flows, new Map(), options);
    await expect(firewall.sweep(view, flows, options)).rejects.toThrow('no ip');
    bridges.observe = async () => bridges.found;
    await firewall.protect(view, flows, new Map(), options);
    expect(await firewall.sweep(view, flows, options)).toEqual({ applied: 0, failed: [] });
  });
});

describe('the text of a rule', () => {
  const of = (protocol: string | null, min: number | null = null, max = min) => ({
    ...{ protocol, portRangeMin: min, portRangeMax: max },
  });

  it.each([
    ['any', of(null), 4, '', ''],
    ['tcp', of('tcp'), 4, '-p 6 ', '-p 6 '],
    ['a port', of('tcp', 80), 4, '-p 6 -m tcp --dport 80 ', '-p 6 -m tcp --sport 80 '],
    ['ports', of('udp', 80, 90), 6, '-p 17 -m udp --dport 80:90 ', '-p 17 -m udp --sport 80:90 '],
    ['all ports', of('tcp', 0, 65535), 4, '-p 6 ', '-p 6 '],
    ['udplite', of('udplite', 5), 4, '-p 136 -m multiport --dports 5 ', '-p 136 -m multiport --sports 5 '],
    ['icmp', of('icmp', 8, 0), 4, '-p 1 -m icmp --icmp-type 8/0 ', '-p 1 -m conntrack --ctorigdstport 2048 '],
    [
      'a type',
      of('icmpv6', 128, null),
      6,
      '-p 58 -m icmp6 --icmpv6-type 128 ',
      '-p 58 -m conntrack --ctorigdstport 32768:33023 ',
    ],
    ['a number', of('112'), 4, '-p 112 ', '-p 112 '],
    ['ports of what has none', of('112', 80), 4, null, null],
  ] as const)('%s', (_what, rule, version, packet, reply) => {
    expect([protocolText(rule, version, false), protocolText(rule, version, true)]).toEqual([packet, reply]);
  });

  it('is compared without the names of protocols and without IPv4 notation', () => {
    const names = protocolNames('# comment\nvrrp\t112\tVRRP\t# Virtual Router\nipencap 4 IP-ENCAP');
    expect(comparable('-s ::ffff:0.0.0.0/96 -p ipencap -j ACCEPT', names)).toBe('-s ::ffff:0:0/96 -p 4 -j ACCEPT');
    expect(comparable('-p vrrp -m comment --comment "plumb:1" -j ACCEPT', names)).toContain('-p 112 ');
    expect(comparable('-p 200 -j ACCEPT', names)).toBe('-p 200 -j ACCEPT');
    expect(comparable('::0.2.0.3', names)).toBe('::2:3');
  });
});
