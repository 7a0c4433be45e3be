import { describe, expect, it } from '@jest/globals';
import { bundleText, parseFlows } from './flow-text.js';

describe('parseFlows', () => {
  it('tells ours from those of others and from what the switch learned', () => {
    const dump = [
      'OFPST_FLOW reply (OF1.4) (xid=0x2):',
      ' cookie=0x504c000000000007, priority=2,in_port="int-br-ex" actions=drop',
      ' cookie=0x504c000000000001, table=23, priority=0 actions=drop',
      ' cookie=0x504c800000000000, table=20, hard_timeout=300, priority=1,vlan_tci=0x0001/0x0fff actions=drop',
      ' cookie=0x504c800000000000, table=20, priority=1,dl_vlan=3 actions=load:0->NXM_OF_VLAN_TCI[],output:"vxlan-c0000202"',
      ' cookie=0x504c800000000000, table=20, priority=1,dl_vlan=4 actions=load:0->NXM_OF_VLAN_TCI[],output:17',
      ' cookie=0xabc, table=60, priority=9 actions=drop',
      ' priority=0 actions=NORMAL',
      ' cookie=0x504c000000000001, table=9, actions=learn(table=1,load:0->NXM_OF_VLAN_TCI[]),output:1',
      '',
    ].join('\n');
    const { ours, foreign, lostPorts } = parseFlows(dump);
    expect([...ours]).toEqual([
      ['priority=2,in_port="int-br-ex"', { actions: 'drop', position: 7 }],
      ['table=23, priority=0', { actions: 'drop', position: 1 }],
      ['table=9,', { actions: 'learn(table=1,load:0->NXM_OF_VLAN_TCI[]),output:1', position: 1 }],
    ]);
    expect([...foreign]).toEqual(['table=60, priority=9', 'priority=0']);
    expect([...lostPorts]).toEqual([17]); // of ours, and learned: a number where others have a name
  });

  it('gives what is as it is wanted as the very object that is wanted', () => {
    const flow = (key: string, position: number) => ({ key, actions: 'drop', ports: [], position, owner: '' as const });
    const wanted = [flow('table=23, priority=0', 1), flow('table=23, priority=1', 2)];
    const line = (priority: number) => ` cookie=0x504c000000000001, table=23, priority=${priority} actions=drop\n`;
    const { ours } = parseFlows([0, 1, 2].map(line).join(''), wanted);
    const read = { actions: 'drop', position: 1 };
    expect([...ours]).toEqual([
      ['table=23, priority=0', wanted[0]],
      ['table=23, priority=1', read],
      ['table=23, priority=2', read],
    ]);
    expect(ours.get('table=23, priority=0')).toBe(wanted[0]);
  });

  it('does not pass over what it cannot read', () => {
    expect(() => parseFlows(' something else\n')).toThrow('something else');
  });
});

describe('bundleText', () => {
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
