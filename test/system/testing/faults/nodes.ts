/** On nodes. */
import { tapName } from '@plumbline/lab';
import { plugAgain } from '../harm.js';
import { until } from '../test-lab.js';
import type { Fault, Hands, Patient } from './hands.js';

export function nodeFaults(patient: Patient, hands: Hands): readonly Fault[] {
  const { lab, vm1, direct, publicNetwork } = patient;
  const {
    at,
    shell,
    port,
    isActive,
    works,
    agentUnit,
    stop,
    go,
    stopped,
    bringBack,
    request,
    agentsAnswer,
    address,
    netns,
    ofFloatingIp,
    ofPort,
  } = hands;
  let flows = '';
  const flowsAway = async (bridge: string, match: string): Promise<void> => {
    const text = await lab.text('net1', [
      'ovs-ofctl',
      '-O',
      'OpenFlow14',
      '--no-stats',
      '--names',
      'dump-flows',
      bridge,
    ]);
    flows = text
      .split('\n')
      .filter((line) => line.startsWith(' ') && line.includes(match))
      .map((line) => line.trim())
      .join('\n');
    await at(
      'net1',
      'ovs-ofctl',
      '-O',
      'OpenFlow14',
      '--strict',
      'del-flows',
      bridge,
      flows.replace(/cookie=\S+ /, '').replace(/ actions=.*/, ''),
    );
  };
  const flowsBack = async (bridge: string): Promise<void> => {
    await lab.at('net1', ['ovs-ofctl', '-O', 'OpenFlow14', 'add-flows', bridge, '-'], { stdin: `${flows}\n` });
  };
  async function nodes(): Promise<readonly string[]> {
    const body = await request('GET', '/plumbline/v1/nodes');
    return (body?.['nodes'] as readonly { node: unknown }[]).map(({ node }) => JSON.stringify(node));
  }
  function stateDirOf(host: string): string {
    return lab.wanted(agentUnit('ovs', host)).env['PLUMB_STATE_DIR'] ?? '';
  }
  return [
    {
      name: 'the mapping names another physical network',
      check: 'physical-network-mapped',
      ask: ofFloatingIp,
      make: async () => {
        for (const host of ['net1', 'cmp1', 'cmp2'])
          await at(
            host,
            'ovs-vsctl',
            'set',
            'Open_vSwitch',
            '.',
            'external_ids:plumb-bridge-mappings="physnet2:br-ex"',
          );
        await until(
          async () => (await nodes()).every((text) => text.includes('physnet2')),
          () => 'the nodes do not say that they map physnet2',
        );
      },
      unmake: async () => {
        for (const host of ['net1', 'cmp1', 'cmp2'])
          await at(host, 'ovs-vsctl', 'remove', 'Open_vSwitch', '.', 'external_ids', 'plumb-bridge-mappings');
        await until(
          async () => (await nodes()).every((text) => !text.includes('physnet2')),
          () => 'the nodes do not say that they map physnet1',
        );
        await works();
      },
    },
    {
      name: 'the uplink is set down',
      check: 'uplink',
      ask: ofFloatingIp,
      make: () => at('net1', 'ip', 'link', 'set', 'eth1', 'down'),
      unmake: async () => {
        await at('net1', 'ip', 'link', 'set', 'eth1', 'up');
        await works();
      },
    },
    {
      name: 'the uplink of the node of an instance on the provider network is set down',
      check: 'uplink',
      ask: ofPort(direct),
      make: () => at('cmp1', 'ip', 'link', 'set', 'eth1', 'down'),
      unmake: async () => {
        await at('cmp1', 'ip', 'link', 'set', 'eth1', 'up');
        await lab.answers('outside', direct.ip, direct.name);
      },
    },
    {
      name: 'the uplink was taken off the bridge',
      check: 'uplink',
      ask: () => `network/${publicNetwork.id}`,
      make: () => at('net1', 'ovs-vsctl', 'del-port', 'br-ex', 'eth1'),
      unmake: async () => {
        await at('net1', 'ovs-vsctl', 'add-port', 'br-ex', 'eth1');
        await works();
      },
    },
    {
      name: 'the patch pair is broken while the agent is stopped',
      check: 'patch-pair',
      ask: ofFloatingIp,
      make: async () => {
        stop(agentUnit('ovs', 'net1'));
        await at('net1', 'ovs-vsctl', 'del-port', 'br-ex', 'phy-br-ex');
      },
      unmake: async () => {
        go(agentUnit('ovs', 'net1'));
        await works();
      },
      says: () => /does not answer/,
    },
    {
      name: 'the flow that strips the tag is gone while the agent is stopped',
      check: 'tag-flows',
      ask: ofFloatingIp,
      make: async () => {
        stop(agentUnit('ovs', 'net1'));
        await flowsAway('br-ex', 'dl_vlan=');
      },
      unmake: async () => {
        await flowsBack('br-ex');
        go(agentUnit('ovs', 'net1'));
        await works();
      },
      says: () => /strips the tag/,
    },
    {
      name: 'the flow that adds the tag is gone while the agent is stopped',
      check: 'tag-flows',
      ask: ofFloatingIp,
      make: async () => {
        stop(agentUnit('ovs', 'net1'));
        await flowsAway('br-int', 'in_port="int-br-ex",vlan_tci');
      },
      unmake: async () => {
        await flowsBack('br-int');
        go(agentUnit('ovs', 'net1'));
        await works();
      },
      says: () => /gives packets from br-ex the tag/,
    },
    {
      name: 'a flow of somebody else drops what the instance is sent',
      check: 'foreign-flow',
      ask: ofFloatingIp,
      make: () =>
        at(
          'cmp1',
          'ovs-ofctl',
          '-O',
          'OpenFlow14',
          'add-flow',
          'br-int',
          `priority=60000,ip,nw_dst=${vm1.ip},actions=drop`,
        ),
      unmake: () =>
        at(
          'cmp1',
          'ovs-ofctl',
          '-O',
          'OpenFlow14',
          '--strict',
          'del-flows',
          'br-int',
          `priority=60000,ip,nw_dst=${vm1.ip}`,
        ),
    },
    {
      name: "a rule of somebody else in the router's namespace drops",
      check: 'foreign-rule',
      ask: ofFloatingIp,
      make: () => at('net1', 'ip', 'netns', 'exec', netns, 'iptables', '-I', 'FORWARD', '-p', 'tcp', '-j', 'DROP'),
      unmake: () => at('net1', 'ip', 'netns', 'exec', netns, 'iptables', '-D', 'FORWARD', '-p', 'tcp', '-j', 'DROP'),
    },
    {
      name: 'a wrong iface-id',
      check: 'port-plugged',
      ask: ofFloatingIp,
      make: () =>
        at(
          'cmp1',
          'ovs-vsctl',
          'set',
          'Interface',
          tapName(vm1.portId),
          `external_ids:iface-id=${vm1.portId.slice(0, -1)}x`,
        ),
      unmake: async () => {
        await at('cmp1', 'ovs-vsctl', 'set', 'Interface', tapName(vm1.portId), `external_ids:iface-id=${vm1.portId}`);
        await works();
      },
      says: () => /another iface-id/,
    },
    {
      name: 'an instance that is not plugged in',
      check: 'port-plugged',
      ask: ofFloatingIp,
      make: () => at('cmp1', 'ovs-vsctl', 'del-port', 'br-int', tapName(vm1.portId)),
      unmake: async () => {
        await plugAgain(lab, vm1);
        await works();
      },
      says: () => /not plugged in/,
    },
    {
      name: 'an instance that is on another node than its port',
      check: 'port-plugged',
      ask: ofFloatingIp,
      make: () => port(vm1, { 'binding:host_id': 'cmp2' }),
      unmake: async () => {
        await port(vm1, { 'binding:host_id': 'cmp1' });
        await isActive(vm1);
        await works();
      },
      says: () => /on another node/,
    },
    {
      name: 'the device of an instance is set down',
      check: 'port-device',
      ask: ofFloatingIp,
      make: () => at('cmp1', 'ip', 'link', 'set', tapName(vm1.portId), 'down'),
      unmake: async () => {
        await at('cmp1', 'ip', 'link', 'set', tapName(vm1.portId), 'up');
        await works();
      },
    },
    {
      name: 'the address of the floating IP is missing while the agent is stopped',
      check: 'router-namespace',
      ask: ofFloatingIp,
      make: async () => {
        stop(agentUnit('l3', 'net1'));
        await shell(
          'net1',
          `ip netns exec ${netns} sh -c 'ip address delete ${address}/32 dev $(ls /sys/class/net | grep qg-)'`,
        );
      },
      unmake: async () => {
        go(agentUnit('l3', 'net1'));
        await until(
          async () => (await lab.text('net1', ['ip', '-n', netns, 'address'])).includes(`${address}/32`),
          () => 'the address is not put back',
        );
        await works();
      },
    },
    {
      name: 'an L3 agent is stopped',
      check: 'agent-answers',
      ask: ofFloatingIp,
      make: () => Promise.resolve(stop(agentUnit('l3', 'net1'))),
      unmake: async () => {
        go(agentUnit('l3', 'net1'));
        await agentsAnswer('l3', 'net1');
      },
      says: () => /L3 agent of net1/,
    },
    {
      name: 'the only agent of a compute node is stopped',
      check: 'agent-answers',
      ask: () => 'node/cmp1',
      make: () => Promise.resolve(stop(agentUnit('ovs', 'cmp1'))),
      unmake: async () => {
        go(agentUnit('ovs', 'cmp1'));
        await agentsAnswer('ovs', 'cmp1');
      },
      says: () => /Open vSwitch agent of cmp1/,
    },
    {
      name: "another machine reports under a node's name",
      check: 'machine-owns-name',
      ask: () => 'node/cmp2',
      make: async () => {
        stopped.set('ovs-agent-cmp2', lab.wanted('ovs-agent-cmp2'));
        await at('cmp2', 'mkdir', '-p', '/run/another');
        await lab.withEnvironment('ovs-agent-cmp2', { PLUMB_STATE_DIR: '/run/another' });
        await until(
          async () => JSON.stringify(await request('GET', '/plumbline/v1/nodes/cmp2')).includes('"reason"'),
          () => 'nobody is refused',
        );
      },
      unmake: async () => {
        await bringBack('ovs-agent-cmp2');
        await agentsAnswer('ovs', 'cmp2');
      },
    },
    {
      name: 'the disk of an agent is full',
      check: 'agent-disk',
      ask: ofFloatingIp,
      make: () => shell('net1', `mount -t tmpfs -o size=64k tmpfs ${stateDirOf('net1')}`),
      unmake: () => shell('net1', `umount ${stateDirOf('net1')}`),
    },
    {
      name: 'the process of the switch is stuck',
      check: 'switch-answers',
      ask: ofFloatingIp,
      make: () => Promise.resolve(stop('ovs-vswitchd-cmp1')),
      unmake: async () => {
        go('ovs-vswitchd-cmp1');
        await works();
      },
    },
  ];
}
