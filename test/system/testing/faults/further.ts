/** What somebody's hands did on a node, and an agent does not mend because it is stopped; and what no agent mends. */
import { tapName } from '@plumbline/lab';
import { until } from '../test-lab.js';
import type { Fault, Hands, Patient } from './hands.js';

export function furtherFaults(patient: Patient, hands: Hands): readonly Fault[] {
  const { lab, vm1, privateNetwork } = patient;
  const { at, shell, works, stop, go, agentUnit, agentsAnswer, netns, ofFloatingIp, keep, kept } = hands;
  const inRouter = (script: string): Promise<void> => shell('net1', `ip netns exec ${netns} sh -c '${script}'`);
  /** Of what the L3 agent would put back, or sweep. */
  const behindItsBack = (name: string, check: string, made: string): Fault => ({
    ...{ name: `${name}, while the agent is stopped`, check, ask: ofFloatingIp },
    make: async () => {
      stop(agentUnit('l3', 'net1'));
      await inRouter(made);
    },
    unmake: async () => {
      go(agentUnit('l3', 'net1'));
      await lab.kill(agentUnit('l3', 'net1'));
      await agentsAnswer('l3', 'net1');
      await works();
    },
  });
  return [
    behindItsBack('the default route is gone', 'router-namespace', 'ip route delete default'),
    behindItsBack('packets are not forwarded', 'router-namespace', 'sysctl -qw net.ipv4.ip_forward=0'),
    behindItsBack('a route leads to nowhere', 'led-astray', `ip route add blackhole ${vm1.ip}/32`),
    behindItsBack(
      'a neighbour entry is wrong',
      'led-astray',
      `ip neighbour replace ${vm1.ip} lladdr 02:00:00:00:00:66 dev $(ls /sys/class/net | grep qr- | head -1) nud permanent`,
    ),
    behindItsBack('a policy rule leads elsewhere', 'led-astray', 'ip rule add priority 10 blackhole'),
    {
      name: 'a port of the router is administratively down',
      check: 'router-port-up',
      ask: ofFloatingIp,
      make: async () => {
        const query = `?device_id=${patient.router.id}&network_id=${privateNetwork.id}`;
        const [port] = await lab.list('ports', query);
        if (!port) throw new Error('the router has no port there');
        await keep('interface', Promise.resolve(port));
        await lab.update('port', port.id, { admin_state_up: false });
      },
      unmake: async () => {
        await lab.update('port', kept('interface'), { admin_state_up: true });
        await works();
      },
    },
    {
      name: 'somebody left a queueing discipline that loses packets on the device of an instance',
      check: 'port-device',
      ask: ofFloatingIp,
      make: () => at('cmp1', 'tc', 'qdisc', 'add', 'dev', tapName(vm1.portId), 'root', 'blackhole'),
      unmake: () => at('cmp1', 'tc', 'qdisc', 'delete', 'dev', tapName(vm1.portId), 'root'),
      says: () => /blackhole/,
    },
    {
      name: 'the uplink has a smaller MTU than the external network',
      check: 'uplink-length',
      ask: ofFloatingIp,
      make: async () => {
        await at('net1', 'ip', 'link', 'set', 'eth1', 'mtu', '700');
        await until(
          async () => (await lab.text('net1', ['ovs-vsctl', 'get', 'Interface', 'eth1', 'mtu'])).trim() === '700',
          () => 'the switch does not say so',
        );
      },
      unmake: () => at('net1', 'ip', 'link', 'set', 'eth1', 'mtu', '1500'),
    },
    {
      name: 'all flows of br-int were deleted while the agent is stopped',
      check: 'own-flows',
      ask: ofFloatingIp,
      make: async () => {
        stop(agentUnit('ovs', 'net1'));
        await at('net1', 'ovs-ofctl', '-O', 'OpenFlow14', 'del-flows', 'br-int');
      },
      unmake: async () => {
        go(agentUnit('ovs', 'net1'));
        await lab.kill(agentUnit('ovs', 'net1'));
        await agentsAnswer('ovs', 'net1');
        await works();
      },
    },
  ];
}
