import { describe, expect, it } from '@jest/globals';
import type { ObservedPort } from '@plumbline/ovs-core';
import { bundleText, DumpedFlows, namedFlows, parseFlows } from './flow-text.js';

/** Of the names that ports with these numbers have. */
const portsOf = (named: Readonly<Record<string, number>>) =>
  new Map(Object.entries(named).map(([name, ofport]) => [name, { name, ofport } as ObservedPort]));

it('a dump with numbers is named as ovs-ofctl names it, of others, too', () => {
  const dump = [
    ' cookie=0x1, table=5, priority=7,ip,in_port=LOCAL actions=LOCAL,output:1,resubmit(1,6),IN_PORT',
    ' cookie=0x504c000000000018, priority=3,in_port=2,vlan_tci=0x0000/0x1fff actions=output:3,output:17,resubmit(,6)',
  ].join('\n');
  expect(namedFlows(dump, portsOf({ eth2: 1, 'int-br-ex': 2, tap3: 3 })).split('\n')).toEqual([
    ' cookie=0x1, table=5, priority=7,ip,in_port=LOCAL actions=LOCAL,output:eth2,resubmit(eth2,6),IN_PORT',
    ' cookie=0x504c000000000018, priority=3,in_port="int-br-ex",vlan_tci=0x0000/0x1fff actions=output:tap3,output:17,resubmit(,6)',
  ]);
});

describe('parseFlows', () => {
  it('tells ours from those of others and from what the switch learned', () => {
    const dump = [
      'OFPST_FLOW reply (OF1.4) (xid=0x2):',
      ' cookie=0x504c000000000007, priority=2,in_port=2 actions=drop',
      ' cookie=0x504c000000000008, priority=2,in_port=12 actions=output:3,output:13',
      ' cookie=0x504c000000000001, table=23, priority=0 actions=drop',
      ' cookie=0x504c800000000000, table=20, hard_timeout=300, priority=1,vlan_tci=0x0001/0x0fff actions=drop',
      ' cookie=0x504c800000000000, table=20, priority=1,dl_vlan=3 actions=load:0->NXM_OF_VLAN_TCI[],output:4',
      ' cookie=0x504c800000000000, table=20, priority=1,dl_vlan=4 actions=load:0->NXM_OF_VLAN_TCI[],output:17',
      ' cookie=0xabc, table=60, priority=9,in_port=6 actions=drop',
      ' priority=0 actions=NORMAL',
      ' cookie=0x504c000000000001, table=9, actions=learn(table=1,load:0->NXM_OF_VLAN_TCI[]),output:5',
      '',
    ].join('\n');
    const { ours, foreign, lostPorts } = parseFlows(
      dump,
      portsOf({ 'int-br-ex': 2, tap3: 3, 'vxlan-c0000202': 4, 'patch-tun': 5, local: 6 }),
    );
    expect([...ours]).toEqual([
      ['priority=2,in_port="int-br-ex"', { actions: 'drop', position: 7 }],
      ['priority=2,in_port=12', { actions: 'output:tap3,output:13', position: 8 }],
      ['table=23, priority=0', { actions: 'drop', position: 1 }],
      ['table=9,', { actions: 'learn(table=1,load:0->NXM_OF_VLAN_TCI[]),output:"patch-tun"', position: 1 }],
    ]);
    expect([...foreign]).toEqual(['table=60, priority=9,in_port="local"', 'priority=0']);
    expect([...lostPorts]).toEqual([17]); // of ours, and learned, and no port's
  });

  it('gives what is as it is wanted as the very object that is wanted', () => {
    const flow = (key: string, position: number) => ({ key, actions: 'drop', ports: [], position, owner: '' as const });
    const wanted = [flow('table=23, priority=0', 1), flow('table=23, priority=1', 2)];
    const line = (priority: number) => ` cookie=0x504c000000000001, table=23, priority=${priority} actions=drop\n`;
    const { ours } = parseFlows([0, 1, 2].map(line).join(''), new Map(), wanted);
    const read = { actions: 'drop', position: 1 };
    expect([...ours]).toEqual([
      ['table=23, priority=0', wanted[0]],
      ['table=23, priority=1', read],
      ['table=23, priority=2', read],
    ]);
    expect(ours.get('table=23, priority=0')).toBe(wanted[0]);
  });

  it('reads the same of a dump that comes in pieces, wherever it is cut', () => {
    const line = (priority: number) => ` cookie=0x504c000000000001, table=23, priority=${priority} actions=output:5\n`;
    const dump = `OFPST_FLOW reply (OF1.4) (xid=0x2):\n${[0, 1, 2].map(line).join('')} priority=0 actions=controller(max_len=9)`;
    const ports = portsOf({ tap5: 5 });
    for (let size = 1; size < dump.length; size += 1) {
      const dumped = new DumpedFlows(ports, []);
      for (let at = 0; at < dump.length; at += size) dumped.take(dump.slice(at, at + size));
      expect([size, dumped.end(), dumped.copies]).toEqual([size, parseFlows(dump, ports), true]);
    }
  });

  it('does not pass over what it cannot read', () => {
    expect(() => parseFlows(' something else\n', new Map())).toThrow('something else');
  });
});

describe('bundleText', () => {
  it('has the numbers of ports, and the names of those that have none', () => {
    const step = {
      ...({ op: 'flows', bridge: 'br-int', forget: [], forgetPorts: [], remove: ['priority=9,in_port=tap3'] } as const),
      add: [
        {
          ...{ key: 'priority=3,in_port="int-br-ex",dl_vlan=4', position: 9, owner: '' as const },
          actions: 'learn(table=20,output:OXM_OF_IN_PORT[]),output:"patch-tun",output:tap4',
        },
      ],
    };
    expect(bundleText(step, portsOf({ 'int-br-ex': 2, tap3: 3, 'patch-tun': 5 })).split('\n')).toEqual([
      'delete_strict cookie=0x504c000000000000/0xffff000000000000, priority=9,in_port=3',
      'add cookie=0x504c000000000009, priority=3,in_port=2,dl_vlan=4 actions=learn(table=20,output:OXM_OF_IN_PORT[]),output:5,output:tap4',
      '',
    ]);
    expect(bundleText(step)).toContain(
      'actions=learn(table=20,output:OXM_OF_IN_PORT[]),output:"patch-tun",output:tap4',
    );
  });

  it('removes before it adds, only what has our mark, and forgets what was learned for a tag, a MAC or a port', () => {
    const text = bundleText({
      op: 'flows',
      bridge: 'br-tun',
      remove: ['table=4, hard_timeout=5, priority=1,tun_id=0x1'],
      add: [{ key: 'table=4, priority=1,tun_id=0x2', actions: 'drop', position: 9, owner: '' }],
      forget: [{ localVlanId: 4 }, { localVlanId: 5, mac: 'fa:16:3e:00:00:01' }],
      forgetPorts: [17],
    });
    expect(text.split('\n')).toEqual([
      'delete cookie=0x504c800000000000/0xffff800000000000, table=20, vlan_tci=0x0004/0x0fff',
      'delete cookie=0x504c800000000000/0xffff800000000000, table=20, vlan_tci=0x0005/0x0fff,dl_dst=fa:16:3e:00:00:01',
      'delete cookie=0x504c800000000000/0xffff800000000000, table=20, out_port=17',
      'delete_strict cookie=0x504c000000000000/0xffff000000000000, table=4, priority=1,tun_id=0x1',
      'add cookie=0x504c000000000009, table=4, priority=1,tun_id=0x2 actions=drop',
      '',
    ]);
  });
});
