import { describe, expect, it } from '@jest/globals';
import { keyOf, type ObjectKey } from '@plumbline/contracts';
import type { ObservedPort, ObservedSwitch } from '../driver.js';
import type { Flow } from '../flow.js';
import { idOf, macOf, ViewBuilder } from '../testing/index.js';
import type { OvsNodeConfig } from '../render.js';
import { render, WantedSwitch } from '../wanted.js';

const config: OvsNodeConfig = {
  bridgeMappings: {},
  tunnelIp: '192.0.2.1',
  datapathType: 'netdev',
  firewall: 'openflow',
};
const NETWORK = 500;
const GROUP = 900;

const device = (n: number): ObservedPort => ({
  ...{ name: `tap${n}`, bridge: 'br-int', tag: null, mark: null, tagMark: null, ifaceId: idOf(n), type: '' },
  ...{ options: {}, ofport: n, error: null },
});
function plugged(...ports: number[]): ObservedSwitch {
  const bridge = { name: 'br-int', datapathType: 'netdev', failMode: 'secure', mark: 1, adopted: false };
  return new Map([['br-int', { ...bridge, ports: new Map(ports.map((n) => [`tap${n}`, device(n)])) }]]);
}
const addressOf = (n: number): string => `10.${n >> 8}.${n & 255}.1`;
const view = () => new ViewBuilder('cmp1').node('cmp1').network(NETWORK, 'vxlan').placed(NETWORK, { cmp1: 7 });

/** The reference's set (COUNTS.md): ports in one group of ten rules. */
function counted(ports: number, members: number): { builder: ViewBuilder; observed: ObservedSwitch } {
  const builder = view().group(GROUP);
  const self = { remoteGroupId: idOf(GROUP) };
  const tcp = (min: number, max = min) => ({ protocol: 'tcp', portRangeMin: min, portRangeMax: max });
  const udp = (port: number) => ({ protocol: 'udp', portRangeMin: port, portRangeMax: port });
  builder
    .rule(1, GROUP, { direction: 'egress' })
    .rule(2, GROUP, { direction: 'egress', ethertype: 'IPv6' })
    .rule(3, GROUP, self)
    .rule(4, GROUP, { ...self, ...tcp(22) })
    .rule(5, GROUP, { ...self, ...udp(53) })
    .rule(6, GROUP, { protocol: 'icmp' })
    .rule(7, GROUP, tcp(443))
    .rule(8, GROUP, { ...tcp(80), remoteIpPrefix: '203.0.113.0/24' })
    .rule(9, GROUP, tcp(8000, 8010))
    .rule(10, GROUP, udp(123));
  const here = Array.from({ length: ports }, (_, at) => 1000 + at);
  for (const n of here) {
    const fixedIps = [{ subnetId: idOf(1), ipAddress: addressOf(n) }];
    builder.port(n, NETWORK, { fixedIps, securityGroupIds: [idOf(GROUP)] }).member(GROUP, n, [`${addressOf(n)}/32`]);
  }
  for (let at = 0; at < members; at += 1) builder.member(GROUP, 2000 + at, [`${addressOf(2000 + at)}/32`]);
  return { builder, observed: plugged(...here) };
}
const flowsOf = (builder: ViewBuilder, observed: ObservedSwitch): readonly Flow[] =>
  render(builder.view, config, observed, { mayRemove: true }).flows.get('br-int') ?? [];
const linesOf = (flows: readonly Flow[]): string[] => flows.map(({ key, actions }) => `${key} ${actions}`).sort();

/** A switch that is followed step by step, and what each step changes. */
class Followed {
  private readonly wanted = new WantedSwitch();
  constructor(
    readonly builder: ViewBuilder,
    public observed: ObservedSwitch,
  ) {
    this.step('all');
  }
  flows(): readonly Flow[] {
    return this.wanted.desired(this.wanted.all()).flows.get('br-int') ?? [];
  }
  /** Keys of the flows that come, go or change. */
  step(touched: ReadonlySet<ObjectKey> | 'all'): string[] {
    const before = new Map(this.flows().map((flow) => [flow.key, JSON.stringify(flow)]));
    this.wanted.update(this.builder.view, config, this.observed, touched, true);
    this.wanted.settle(this.observed);
    const after = new Map(this.flows().map((flow) => [flow.key, JSON.stringify(flow)]));
    return [...new Set([...before.keys(), ...after.keys()])].filter((key) => before.get(key) !== after.get(key));
  }
}

describe('the flows of security groups', () => {
  it.each([
    [0, 1480],
    [50, 1680],
    [200, 2280],
    [550, 3680],
  ])(
    'for 20 ports, 10 rules and %i remote members are less than half of the %i of the reference',
    (members, theirs) => {
      const { builder, observed } = counted(20, members);
      const with20 = flowsOf(builder, observed).length;
      const without = flowsOf(view(), plugged()).length;
      expect(with20 - without).toBeLessThan(theirs / 2);
      const [one, none] = [counted(1, members), counted(0, members)].map(
        (set) => flowsOf(set.builder, set.observed).length,
      );
      expect({
        port: (with20 - (one ?? 0)) / 19,
        members: with20 - flowsOf(counted(20, 0).builder, observed).length,
      }).toEqual({ port: 14, members });
      expect(none).toBe(without);
    },
  );

  it('are those of no firewall while an older control plane sends no rules, and come with its first view that has them', () => {
    const { builder, observed } = counted(3, 2);
    const all = linesOf(flowsOf(builder, observed));
    const node = new Followed(builder, observed);
    builder.view.catalogue = 3;
    node.step('all');
    const none = render(builder.view, { ...config, firewall: 'none' }, observed, { mayRemove: true });
    expect(linesOf(node.flows())).toEqual(linesOf(none.flows.get('br-int') ?? []));
    expect(linesOf(node.flows())).not.toEqual(all);
    builder.view.catalogue = 4;
    node.step('all');
    expect(linesOf(node.flows())).toEqual(all);
  });

  it('cost what they change', () => {
    const { builder, observed } = counted(200, 100);
    const node = new Followed(builder, observed);
    const change = (make: () => void): string[] => {
      const before = new Map(builder.view.objects);
      make();
      const now = builder.view.objects;
      const touched = [...new Set([...before.keys(), ...now.keys()])].filter((key) => before.get(key) !== now.get(key));
      const changed = node.step(new Set(touched));
      expect(linesOf(node.flows())).toEqual(linesOf(flowsOf(builder, observed)));
      return changed;
    };
    const port = (n: number) => ({ protocol: 'tcp', portRangeMin: n, portRangeMax: n });
    expect(change(() => builder.rule(20, GROUP, port(9000)))).toHaveLength(1);
    expect(change(() => builder.rule(21, GROUP, { ...port(9000), remoteGroupId: idOf(GROUP) }))).toHaveLength(1);
    expect(change(() => builder.rule(22, GROUP, { ...port(9001), remoteIpPrefix: '198.51.100.0/24' }))).toHaveLength(4);
    expect(change(() => builder.member(GROUP, 3000, ['10.9.9.9/32', '2001:db8::9/128']))).toHaveLength(1);
    expect(change(() => builder.remove(`securitygrouprule/${idOf(20)}`))).toHaveLength(1);
    // The first use of a set: each address and class once, the end of the conjunction, and the rule.
    change(() => {
      builder.group(901);
      for (let at = 0; at < 30; at += 1) builder.member(901, 3100 + at, [`10.77.0.${at}/32`]);
    });
    expect(change(() => builder.rule(23, GROUP, { ...port(9002), remoteGroupId: idOf(901) }))).toHaveLength(30 + 3);
    expect(change(() => builder.remove(`securitygrouprule/${idOf(23)}`))).toHaveLength(30 + 3);
  });

  it('are one for equal matches, and bear the positions of what they are for', () => {
    const rule = { protocol: 'tcp', portRangeMin: 22, portRangeMax: 22 };
    const builder = view()
      .group(GROUP)
      .group(901)
      .rule(1, GROUP, { ...rule, remoteGroupId: idOf(901) })
      .rule(2, 901, { ...rule, remoteIpPrefix: '10.0.0.9/32' })
      .member(901, 11, ['10.0.0.9/32'])
      .port(11, NETWORK, { securityGroupIds: [idOf(GROUP), idOf(901)] });
    const flows = flowsOf(builder, plugged(11));
    const one = (match: string): Flow | undefined =>
      flows.find(({ key }) => key === `table=85, priority=10,ct_state=-inv+trk,${match}`);
    const positionOf = (kind: 'securitygrouprule', n: number) =>
      Object.values(builder.view.objects.get(`${kind}/${idOf(n)}`)?.setAt ?? {})[0];
    expect(one('ct_nw_proto=6,ct_tp_dst=22,ip')?.actions).toMatch(/^conjunction\(\d+,3\/3\),conjunction\(\d+,3\/3\)$/);
    expect(one('ct_nw_src=10.0.0.9,ip')?.actions).toMatch(/^conjunction\(\d+,1\/3\),conjunction\(\d+,1\/3\)$/);
    expect(one('ct_nw_proto=6,ct_tp_dst=22,ip')?.position).toBe(positionOf('securitygrouprule', 1));
    const ends = flows.filter(({ key }) => key.includes('conj_id=')).map(({ position }) => position);
    expect(ends.sort()).toEqual([positionOf('securitygrouprule', 1), positionOf('securitygrouprule', 2)]);
  });

  it('are in no table for a port without port security, and leave a port without groups alone with what nobody can do without', () => {
    const builder = view()
      .group(GROUP)
      .rule(1, GROUP)
      .port(11, NETWORK, { portSecurityEnabled: false, securityGroupIds: [] })
      .port(12, NETWORK, { securityGroupIds: [] });
    const flows = flowsOf(builder, plugged(11, 12));
    expect(flows.filter(({ key }) => key.includes('conj'))).toEqual([]);
    expect(flows.filter(({ key }) => key.startsWith('table=71') && key.includes('tap11'))).toEqual([]);
    expect(flows.some(({ key }) => key === `table=64, priority=2,dl_vlan=7,dl_dst=${macOf(11)}`)).toBe(true);
    expect(flows.some(({ actions }) => actions.includes('NORMAL'))).toBe(false);
  });

  it('of a network are looked at again when the switch has opened a port', () => {
    const builder = view().port(11, NETWORK, { portSecurityEnabled: false, securityGroupIds: [] });
    const wanted = new WantedSwitch();
    const opened = (ofport: number | null): ObservedSwitch => {
      const [[name, bridge] = expectNever()] = plugged();
      return new Map([[name, { ...bridge, ports: new Map([['tap11', { ...device(11), ofport }]]) }]]);
    };
    wanted.update(builder.view, config, opened(null), 'all', true);
    wanted.settle(opened(null));
    const dirty = wanted.update(builder.view, config, opened(11), new Set(), true);
    expect([...dirty]).toContain(`fanout/${idOf(NETWORK)}`);
  });

  it('follow the groups of ports and the kind of the groups', () => {
    const builder = view()
      .group(GROUP)
      .rule(1, GROUP, { protocol: 'tcp', portRangeMin: 80, portRangeMax: 90 })
      .port(11, NETWORK, { securityGroupIds: [idOf(GROUP)] })
      .port(12, NETWORK, { securityGroupIds: [idOf(GROUP)] });
    const observed = plugged(11, 12);
    const node = new Followed(builder, observed);
    const same = (...keys: ObjectKey[]) => {
      node.step(new Set(keys));
      expect(linesOf(node.flows())).toEqual(linesOf(flowsOf(builder, observed)));
    };
    const inTable = (table: number) => node.flows().filter(({ key }) => key.startsWith(`table=${table}, priority=10`));
    expect([inTable(85).length > 0, inTable(87).length > 0]).toEqual([true, false]);
    builder.group(GROUP, { stateful: false });
    same(`securitygroup/${idOf(GROUP)}`);
    expect([inTable(85).length > 0, inTable(87).length > 0]).toEqual([false, true]);
    expect(inTable(87).map(({ key }) => key)).toContain('table=87, priority=10,tcp,tp_dst=0x50/0xfff8');
    builder.group(901).port(12, NETWORK, { securityGroupIds: [idOf(GROUP), idOf(901)] });
    same(`securitygroup/${idOf(901)}`, keyOf({ kind: 'port', id: idOf(12) }));
    expect([inTable(85).length > 0, inTable(87).length > 0]).toEqual([true, true]);
    builder.remove(`port/${idOf(11)}`).remove(`port/${idOf(12)}`);
    same(keyOf({ kind: 'port', id: idOf(11) }), keyOf({ kind: 'port', id: idOf(12) }));
    expect([inTable(85).length, inTable(87).length]).toEqual([0, 0]);
  });
});

function expectNever(): never {
  throw new Error('no bridge');
}
