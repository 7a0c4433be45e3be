/** What Open vSwitch 3.1 printed of real packets (switching.node.spec.ts asks real switches), read into data. */
import { describe, expect, it } from '@jest/globals';
import { flowText } from './trace.js';
import { parseTrace } from './trace-text.js';

/** From an instance to one of another node: conntrack, two bridges, a tunnel of the userspace datapath. */
const TO_TUNNEL = `Flow: ct_state=new|trk,ct_nw_src=10.0.0.11,ct_nw_dst=10.0.0.13,ct_

bridge("br-int")
----------------
 0. in_port=tap11,vlan_tci=0x0000/0x1fff, priority 10, cookie 0x504c00000000000b
    set_field:0x1->reg6
    set_field:0x9bd5bb07->reg7
    goto_table:71
71. ip,in_port=tap11,dl_src=fa:16:3e:00:00:0b,nw_src=10.0.0.11, priority 90, cookie 0x504c00000000000b
    goto_table:72
72. ip, priority 60, cookie 0x504c000000000001
    ct(table=78,zone=NXM_NX_REG6[0..15])
    drop
     -> A clone of the packet is forked to recirculate. The forked pipeline will be resumed at table 78.
     -> Sets the packet to an untracked state, and clears all the conntrack fields.

Datapath actions: ct(zone=1),recirc(0x3)

===============================================================================
recirc(0x3) - resume conntrack with default ct_state=trk|new (use --ct-next to customize)
===============================================================================

Flow: recirc_id=0x3,ct_state=new|trk,ct_zone=1,ct_nw_src=10.0.0.11

bridge("br-int")
----------------
    thaw
        Resuming from table 78
78. priority 0, cookie 0x504c000000000001
    goto_table:84
84. conj_id=637088668,ip, priority 10, cookie 0x504c000000000009
    goto_table:90
90. reg5=0, priority 30, cookie 0x504c000000000001
    push_vlan:0x8100
    move:NXM_NX_REG6[0..11]->OXM_OF_VLAN_VID[]
     -> OXM_OF_VLAN_VID[] is now 4097
    resubmit(,62)
62. priority 0, cookie 0x504c000000000001
    goto_table:63
63. ct_state=+new+trk,ip, priority 10, cookie 0x504c000000000001
    ct(commit,zone=NXM_NX_REG6[0..15])
    drop
     -> Sets the packet to an untracked state, and clears all the conntrack fields.
    goto_table:64
64. vlan_tci=0x0001/0x0fff,dl_dst=fa:16:3e:00:00:0d, priority 1, cookie 0x504c800000000000
    output:"patch-tun"

bridge("br-tun")
----------------
 0. in_port="patch-int", priority 1, cookie 0x504c000000000001
    goto_table:2
 2. dl_dst=00:00:00:00:00:00/01:00:00:00:00:00, priority 0, cookie 0x504c000000000001
    goto_table:20
20. dl_vlan=1,dl_dst=fa:16:3e:00:00:0d, priority 3, cookie 0x504c00000000000d
    pop_vlan
    set_field:0x1f5->tun_id
    output:"vxlan-c0000202"
     -> output to native tunnel
     -> tunneling to 192.0.2.2 via br-under
     -> tunneling from 06:6e:45:5f:b7:4f 192.0.2.1 to 6e:03:3b:a0:5e:4b 192.0.2.2

bridge("br-under")
------------------
 0. priority 0
    NORMAL
     -> forwarding to learned port

Datapath actions: push_vlan(vid=1,pcp=0),ct(commit,zone=1),pop_vlan,tnl_push(tnl_port(vxlan_sys_4789),header(size=50,type=4,eth(dst=6e:03:3b:a0:5e:4b,src=06:6e:45:5f:b7:4f,dl_type=0x0800),ipv4(src=192.0.2.1,dst=192.0.2.2,proto=17,tos=0,ttl=64,frag=0x4000),udp(src=0,dst=4789,csum=0x0),vxlan(flags=0x8000000,vni=0x1f5)),out_port(br-under)),wire0`;

/** Through a provider bridge, which floods: no action names the ports. */
const FLOODED = `Flow: icmp,in_port="tap1"

bridge("br-int")
----------------
 0. in_port="tap1", priority 2, cookie 0x504c000000000007
    output:"int-br-ex"

    bridge("br-ex")
    ---------------
         0. in_port="phy-br-ex",dl_vlan=2, priority 4, cookie 0x504c000000000008
            pop_vlan
            NORMAL
             -> no learned MAC for destination, flooding
    output:"tap2"
 5. No match.
    drop
99. ip, priority 7, cookie 0x1234
    drop
    >> dropping VLAN 5 tagged packet received on access port
60. vlan_tci=0x0001/0x0fff, priority 1, cookie 0x504c800000000000
    output:"tap2"

Final flow: unchanged
Datapath actions: clone(ct(commit,zone=1),eth1),clone(tnl_push(tnl_port(7),header(size=50),out_port(9)),eth2),"tap2",br-ex`;

describe('what the switch printed', () => {
  it('is flows by bridge and table with their events, and where it leaves', () => {
    const { flows, outputs, devices, remarks } = parseTrace(TO_TUNNEL);
    expect(flows.map(({ bridge, table }) => `${bridge} ${table}`)).toEqual([
      ...[0, 71, 72, 78, 84, 90, 62, 63, 64].map((table) => `br-int ${table}`),
      ...['br-tun 0', 'br-tun 2', 'br-tun 20', 'br-under 0'],
    ]);
    expect(flows[0]).toEqual({
      ...{
        bridge: 'br-int',
        table: 0,
        match: 'in_port=tap11,vlan_tci=0x0000/0x1fff',
        priority: 10,
        of: 'ours',
        position: 11,
      },
      actions: ['set_field:0x1->reg6', expect.stringMatching(/->reg7$/), 'goto_table:71'],
    });
    expect(flows[2]?.actions).toEqual(['ct(table=78,zone=NXM_NX_REG6[0..15])']);
    expect(flows.at(-1)).toMatchObject({ match: '', priority: 0, of: 'foreign', position: null, actions: ['NORMAL'] });
    expect(outputs).toEqual([
      { bridge: 'br-int', port: 'patch-tun', tunId: null },
      { bridge: 'br-tun', port: 'vxlan-c0000202', tunId: 501 },
    ]);
    expect([devices, remarks]).toEqual([[], []]);
  });

  it('is whose a flow is, what no flow matched, and the ports that NORMAL chose', () => {
    const { flows, outputs, devices, remarks } = parseTrace(FLOODED);
    expect(flows.map(({ bridge, table, of, position }) => [bridge, table, of, position])).toEqual([
      ['br-int', 0, 'ours', 7],
      ['br-ex', 0, 'ours', 8],
      ['br-int', 5, 'none', null],
      ['br-int', 99, 'foreign', null],
      ['br-int', 60, 'learned', null],
    ]);
    expect(outputs.map(({ port }) => port)).toEqual(['int-br-ex', 'tap2', 'tap2']);
    expect(devices).toEqual(['eth1', 'tap2', 'br-ex']);
    expect(remarks).toEqual(['dropping VLAN 5 tagged packet received on access port']);
  });

  it('of something else is nothing', () => {
    expect(parseTrace('')).toEqual({ flows: [], outputs: [], devices: [], remarks: [] });
    expect(parseTrace('syntax error\n  whatever: -> 12. x')).toMatchObject({ flows: [], outputs: [] });
  });
});

describe('what the switch is asked', () => {
  const packet = {
    protocol: 6,
    srcMac: 'fa:16:3e:00:00:01',
    dstMac: 'fa:16:3e:00:00:02',
    src: '10.0.0.1',
    dst: '10.0.0.2',
    sport: 1,
    dport: 2,
  };

  it('names the packet, and the connection by the packet that opened it', () => {
    const opened = { src: '10.0.0.2', dst: '10.0.0.1', sport: 2, dport: 1 };
    expect(flowText(packet, { bridge: 'br-int', port: 'tap1' })).toBe(
      'in_port=tap1,tcp,dl_src=fa:16:3e:00:00:01,dl_dst=fa:16:3e:00:00:02,nw_ttl=64,nw_src=10.0.0.1,nw_dst=10.0.0.2,tcp_src=1,tcp_dst=2,' +
        'ct_state=trk|new,ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=6,ct_tp_src=1,ct_tp_dst=2',
    );
    expect(flowText(packet, { bridge: 'br-int', port: 'tap1', opened })).toContain(
      'ct_state=trk|est|rpl,ct_nw_src=10.0.0.2',
    );
    const tunnel = { vni: 7, remoteIp: '192.0.2.1', localIp: '192.0.2.2' };
    expect(flowText(packet, { bridge: 'br-tun', port: 'vxlan-1', tunnel })).toContain(
      'tun_id=7,tun_src=192.0.2.1,tun_dst=192.0.2.2',
    );
  });

  it('is never a name that would be read as something else', () => {
    for (const port of ['a,dl_vlan=1', 'a b', '', 'a"', 'a=1'])
      expect(() => flowText(packet, { bridge: 'br-int', port })).toThrow('of this name');
  });
});
