/** What goes wrong on a node: agents killed, switches restarted, messages late, lost and doubled, and somebody who deletes, alters and adds by hand. */
import { drawing } from '../drawing.js';
import { type Cloud, FOREIGN_PORT, type Host } from './cloud.js';

/** Breaks something on the node; what it resolves with ends it, where it does not end by itself. */
export type Fault = readonly [name: string, does: (host: Host) => Promise<() => unknown>];

export function faultsOf(cloud: Cloud): readonly Fault[] {
  const { draw, chance, agent, settingOf, plugs, model, foreign, vsctl, ofctl, deviceOf } = cloud;
  const look = (host: Host) => () => agent(host).session.touch('all');
  return [
    [
      'the agent is killed',
      async (host) => {
        await agent(host).kill();
        return () => agent(host).start();
      },
    ],
    [
      'the agent is killed while it works',
      async (host) => async () => {
        await agent(host).kill();
        await agent(host).start();
      },
    ],
    [
      'the switch is restarted',
      async (host) => {
        const { ovs } = agent(host).node;
        await ovs.stopSwitch(true);
        (foreign.get(host) as { flow: boolean }).flow = false;
        return () => ovs.startSwitch();
      },
    ],
    [
      'messages come late, twice or never',
      async (host) => {
        const { broker } = agent(host);
        const fates = drawing(Math.floor(draw() * 1e9));
        broker.fate = () => (fates() < 0.3 ? [] : fates() < 0.3 ? [0, fates() * 300] : [fates() * 500]);
        return () => void (broker.fate = () => [0]);
      },
    ],
    [
      'somebody deletes flows',
      async (host) => {
        const tables = [0, 2, 4, 10, 20, 21, 22, 24, 25, 59, 60, 62].filter(() => chance(0.4));
        for (const bridge of ['br-int', 'br-tun'])
          for (const table of tables)
            await ofctl(host, 'del-flows', bridge, `cookie=0x504c000000000000/0xffff000000000000,table=${table}`);
        // Nothing tells of it but the timer's next look at everything.
        return look(host);
      },
    ],
    [
      'somebody adds flows with our mark',
      async (host) => {
        const mark = 'cookie=0x504c000000000001';
        for (const [bridge, flow] of [
          ['br-tun', 'table=20,priority=3,dl_vlan=99,dl_dst=fa:16:3e:99:99:99,actions=drop'],
          ['br-tun', 'table=21,priority=1,arp,dl_vlan=1,arp_tpa=10.0.241.1,actions=drop'],
          ['br-int', 'table=0,priority=50,dl_dst=fa:16:3e:99:99:99,actions=drop'],
        ] as const)
          await ofctl(host, 'add-flow', bridge, `${mark},${flow}`);
        return look(host);
      },
    ],
    [
      'somebody deletes ports of ours',
      async (host) => {
        const bridges = Object.entries(model.of(host, settingOf(host), []).ports);
        for (const [bridge, names] of bridges)
          for (const name of names.filter((each) => !each.includes('internal') && chance(0.4)))
            await vsctl(host, '--if-exists', 'del-port', bridge, name.split(' ')[0] ?? '');
        return () => undefined;
      },
    ],
    [
      'somebody adds a tunnel with our mark',
      async (host) => {
        const stray = ['vxlan-c00002ff', '--', 'set', 'Interface', 'vxlan-c00002ff', 'type=vxlan'];
        const options = ['options:remote_ip=192.0.2.255', 'options:in_key=flow', 'options:out_key=flow'];
        const marked = ['--', 'set', 'Port', 'vxlan-c00002ff', 'external_ids:plumb=1'];
        await vsctl(host, '--may-exist', 'add-port', 'br-tun', ...stray, ...options, ...marked);
        return () => undefined;
      },
    ],
    [
      'somebody alters tags',
      async (host) => {
        for (const { n } of plugs.filter((each) => each.host === host))
          if (chance(0.5)) await vsctl(host, 'set', 'Port', deviceOf(n), 'tag=77');
          else await vsctl(host, 'clear', 'Port', deviceOf(n), 'tag');
        return () => undefined;
      },
    ],
    [
      'br-tun is deleted',
      async (host) => {
        await vsctl(host, '--if-exists', 'del-br', 'br-tun');
        return () => undefined;
      },
    ],
    [
      'somebody adds a port and a flow of their own',
      async (host) => {
        const its = foreign.get(host) as { flow: boolean; port: boolean };
        if (!its.port)
          await vsctl(
            host,
            'add-port',
            'br-int',
            FOREIGN_PORT,
            'tag=55',
            '--',
            'set',
            'Interface',
            FOREIGN_PORT,
            'type=internal',
          );
        if (!its.flow)
          await ofctl(
            host,
            'add-flow',
            'br-int',
            'cookie=0xabc,table=60,priority=9,dl_dst=02:00:00:00:00:99,actions=drop',
          );
        its.port = its.flow = true;
        return () => undefined;
      },
    ],
  ];
}
