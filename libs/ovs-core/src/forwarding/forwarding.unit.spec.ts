/** What entries of a network become: which frames go into which tunnel, what is answered here, and what is left to the wire. */
import { describe, expect, it } from '@jest/globals';
import { placeId } from '@plumbline/contracts';
import { actionsOn } from '../flow.js';
import type { OvsNodeConfig } from '../render.js';
import { idOf, macOf, ViewBuilder } from '../testing/index.js';
import { render } from '../wanted.js';

const config: OvsNodeConfig = { bridgeMappings: {}, tunnelIp: '192.0.2.1', datapathType: 'netdev' };
/** cmp1 looks; it shares network 501 (local VLAN 7, VNI 0x1f5) with cmp2 and cmp3. */
const cloud = () =>
  new ViewBuilder('cmp1')
    .node('cmp1', { tunnelIp: '192.0.2.1' })
    .node('cmp2', { tunnelIp: '192.0.2.2' })
    .node('cmp3', { tunnelIp: '192.0.2.3' })
    .network(501, 'vxlan')
    .placed(501, { cmp1: 7, cmp2: 1, cmp3: 1 });
const flowsOf = ({ view }: ViewBuilder, n: number) =>
  (render(view, config, new Map(), { mayRemove: true }).flows.get('br-tun') ?? []).filter(
    ({ owner }) => owner === `forwardingentry/${idOf(n)}`,
  );
const lines = (builder: ViewBuilder, n: number) =>
  flowsOf(builder, n)
    .map((flow) => `${flow.key} actions=${actionsOn(flow, () => true)}`)
    .sort();
const answersOf = (builder: ViewBuilder, n: number) =>
  lines(builder, n).flatMap((line) => /^table=21, .*?(?:arp_tpa|nd_target)=(\S+) actions=move/.exec(line)?.[1] ?? []);
const unicastOf = (builder: ViewBuilder, n: number) =>
  lines(builder, n).flatMap((line) => /^table=20, priority=(\d),.*output:"(.+)"$/.exec(line)?.slice(1).join(' ') ?? []);
const allows = (ipAddress: string, n: number) => [{ ipAddress, macAddress: macOf(n) }];

describe('an entry of a port elsewhere', () => {
  it('sends what is for its MAC into the tunnel to its host, and answers for its addresses', () => {
    const addresses = ['10.0.0.12', '2001:db8::12'];
    expect(lines(cloud().entry(12, 501, 'cmp2', { addresses }), 12)).toEqual([
      'table=20, priority=3,dl_vlan=7,dl_dst=fa:16:3e:00:00:0c actions=pop_vlan,set_field:0x1f5->tun_id,output:"vxlan-c0000202"',
      'table=21, priority=1,arp,dl_vlan=7,arp_tpa=10.0.0.12 actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:fa:16:3e:00:00:0c->eth_src,set_field:2->arp_op,move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],set_field:fa:16:3e:00:00:0c->arp_sha,set_field:10.0.0.12->arp_spa,IN_PORT',
      'table=21, priority=1,icmp6,dl_vlan=7,icmp_type=135,nd_target=2001:db8::12 actions=move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:fa:16:3e:00:00:0c->eth_src,move:NXM_NX_IPV6_SRC[]->NXM_NX_IPV6_DST[],set_field:2001:db8::12->ipv6_src,set_field:2->nd_options_type,set_field:1610612736->nd_reserved,set_field:136->icmpv6_type,goto_table:26',
    ]);
  });

  it('bears the position of the last event that set it, and that of its tunnel where it uses it', () => {
    const builder = cloud().entry(12, 501, 'cmp2');
    const entryAt = builder.view.position;
    const tunnelAt = builder.node('cmp2', { tunnelIp: '192.0.2.22' }).view.position;
    expect(flowsOf(builder, 12).map(({ position }) => position)).toEqual([tunnelAt, entryAt]);
    const movedAt = builder.entry(12, 501, 'cmp3').view.position;
    expect(flowsOf(builder, 12).map(({ position }) => position)).toEqual([movedAt, movedAt]);
  });

  it('leads to where the log has it now, and nowhere when its host has no tunnel', () => {
    const builder = cloud().entry(12, 501, 'cmp2');
    expect(unicastOf(builder, 12)).toEqual(['3 vxlan-c0000202']);
    expect(unicastOf(builder.entry(12, 501, 'cmp3'), 12)).toEqual(['3 vxlan-c0000203']);
    expect(lines(builder.node('cmp3', { tunnelIp: '192.0.2.3', removed: true }), 12)).toEqual([]);
    expect(lines(builder.entry(12, 501, 'cmp9'), 12)).toEqual([]);
    expect(lines(builder.entry(12, 502, 'cmp2'), 12)).toEqual([]);
  });

  it('answers for no port without port security: its MAC goes where the wire last showed it', () => {
    const builder = cloud().entry(12, 501, 'cmp2', { secured: false });
    expect([unicastOf(builder, 12), answersOf(builder, 12)]).toEqual([['1 vxlan-c0000202'], []]);
  });

  it.each(['10.0.0.12', '10.0.0.8/29', '0.0.0.0/0'])(
    'answers for no address that a pair of another port allows: %s',
    (allowed) => {
      const builder = cloud()
        .entry(12, 501, 'cmp2', { addresses: ['10.0.0.12', '10.0.0.200'] })
        .entry(13, 501, 'cmp1', { pairs: allows(allowed, 13) });
      const rest = allowed === '0.0.0.0/0' ? [] : ['10.0.0.200'];
      expect([unicastOf(builder, 12), answersOf(builder, 12)]).toEqual([['3 vxlan-c0000202'], rest]);
      // Of another network, or the port's own.
      builder.remove(`forwardingentry/${idOf(13)}`).entry(14, 502, 'cmp2', { pairs: allows(allowed, 14) });
      expect(answersOf(builder, 12)).toEqual(['10.0.0.12', '10.0.0.200']);
      builder.entry(12, 501, 'cmp2', { pairs: allows(allowed, 12) });
      expect(answersOf(builder, 12)).toEqual(['10.0.0.12']);
    },
  );

  it('lets the wire say where a MAC is that another port may have', () => {
    const builder = cloud().entry(12, 501, 'cmp2');
    builder.entry(13, 501, 'cmp3', { pairs: allows('10.0.0.77', 12) });
    expect([unicastOf(builder, 12), answersOf(builder, 12)]).toEqual([['1 vxlan-c0000202'], ['10.0.0.12']]);
  });

  it('is not used where its network lost its tag or VNI to another one', () => {
    const builder = cloud().entry(12, 501, 'cmp2');
    builder.network(1, 'vxlan', { segmentationId: 501 }).placed(1, { cmp1: 8, cmp2: 3 });
    expect(lines(builder, 12)).toEqual([]);
  });
});

describe('an entry of a port here', () => {
  it('sends nothing to the other hosts that is for it, and lets it speak of its addresses itself', () => {
    expect(lines(cloud().entry(11, 501, 'cmp1', { addresses: ['10.0.0.11', '2001:db8::11'] }), 11)).toEqual([
      'table=20, priority=3,dl_vlan=7,dl_dst=fa:16:3e:00:00:0b actions=drop',
      'table=21, priority=1,arp,dl_vlan=7,arp_tpa=10.0.0.11 actions=drop',
      'table=21, priority=1,icmp6,dl_vlan=7,icmp_type=135,nd_target=2001:db8::11 actions=drop',
      'table=21, priority=2,arp,dl_vlan=7,dl_src=fa:16:3e:00:00:0b,arp_tpa=10.0.0.11 actions=goto_table:22',
    ]);
    expect(lines(cloud().entry(11, 501, 'cmp1', { secured: false }), 11)).toEqual([]);
  });
});

describe('a router’s port', () => {
  const routed = () => cloud().routerEntry(20, 501, 70, { addresses: ['10.0.0.1', '2001:db8::1'] });

  it('is answered for, and reached, where its router is; on no node, nothing is known of it', () => {
    const builder = routed();
    expect(lines(builder, 20)).toEqual([]);
    builder.routerPlace(20, 501, 70, 'cmp2');
    expect([unicastOf(builder, 20), answersOf(builder, 20)]).toEqual([
      ['3 vxlan-c0000202'],
      ['10.0.0.1', '2001:db8::1'],
    ]);
    const movedAt = builder.routerPlace(20, 501, 70, 'cmp3').view.position;
    expect(unicastOf(builder, 20)).toEqual(['3 vxlan-c0000203']);
    expect(flowsOf(builder, 20).map(({ position }) => position)).toEqual([movedAt, movedAt, movedAt]);
    expect(unicastOf(builder.routerPlace(20, 501, 70, 'cmp1'), 20)).toEqual([]);
    expect(lines(builder, 20)).toContain('table=21, priority=1,arp,dl_vlan=7,arp_tpa=10.0.0.1 actions=drop');
    expect(lines(builder.remove(`routerplace/${placeId(idOf(70), idOf(20))}`), 20)).toEqual([]);
  });

  it('is not known by the place of another router, and not answered for where a pair allows its address', () => {
    expect(lines(routed().routerPlace(20, 501, 71, 'cmp2'), 20)).toEqual([]);
    const builder = routed().routerPlace(20, 501, 70, 'cmp2');
    builder.entry(13, 501, 'cmp3', { pairs: allows('10.0.0.1', 13) });
    expect([unicastOf(builder, 20), answersOf(builder, 20)]).toEqual([['3 vxlan-c0000202'], ['2001:db8::1']]);
  });
});

it('costs two flows for each port elsewhere with one address, in any number of networks', () => {
  const count = (networks: number, ports: number) => {
    const builder = cloud();
    for (let n = 0; n < networks; n += 1) {
      builder.network(1000 + n, 'vxlan').placed(1000 + n, { cmp1: 100 + n, cmp2: 100 + n });
      for (let p = 0; p < ports; p += 1) builder.entry(10_000 + n * ports + p, 1000 + n, 'cmp2');
    }
    return render(builder.view, config, new Map(), { mayRemove: true }).flows.get('br-tun')?.length ?? 0;
  };
  const base = count(0, 0);
  expect(count(300, 10) - base).toBe(300 * (2 + 10 * 2));
});
