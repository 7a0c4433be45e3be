/** In the instance, and what gives it its address. */
import { type Resource, until } from '../test-lab.js';
import type { Fault, Hands, Patient } from './hands.js';

export function guestFaults(patient: Patient, hands: Hands): readonly Fault[] {
  const { lab, vm1, vm2, privateNetwork, privateSubnet } = patient;
  const { inGuest, port, works, agentUnit, stop, go, lose, regain, address, ofFloatingIp, ofPort } = hands;
  let held: unknown;
  /** An address of vm1's subnet that no port has. */
  let wrongGateway = '';
  const unused = async (network: Resource): Promise<string> => {
    const ports = JSON.stringify(await lab.list('ports', `?network_id=${network.id}`));
    const free = [254, 253, 252, 251, 250, 249, 248].map((last) => `192.168.50.${last}`);
    return free.find((each) => !ports.includes(`"${each}"`)) ?? '';
  };
  async function served(): Promise<void> {
    await until(
      async () => (await dnsmasqs()).length > 0,
      () => 'no dnsmasq serves the network',
    );
  }
  async function dnsmasqs(): Promise<readonly number[]> {
    const text = await lab.text('net1', ['ip', 'netns', 'pids', `qdhcp-${privateNetwork.id}`]);
    return text.split('\n').filter(Boolean).map(Number);
  }
  return [
    {
      name: 'an instance without its address',
      check: 'guest-address',
      ask: ofFloatingIp,
      make: () => lose(vm1),
      unmake: async () => {
        await regain(vm1);
        await works();
      },
    },
    {
      name: 'an instance with a wrong gateway',
      check: 'guest-gateway',
      ask: ofFloatingIp,
      make: async () => {
        wrongGateway = await unused(privateNetwork);
        await inGuest(vm1, `ip route replace default via ${wrongGateway} dev eth0`);
      },
      unmake: async () => {
        await regain(vm1);
        await works();
      },
      says: () => new RegExp(wrongGateway.replaceAll('.', '\\.')),
    },
    {
      name: 'an instance without a default route',
      check: 'guest-gateway',
      ask: ofFloatingIp,
      make: () => inGuest(vm1, 'ip route delete default'),
      unmake: async () => {
        await regain(vm1);
        await works();
      },
    },
    {
      name: 'an instance whose own firewall drops everything',
      check: 'guest-answers',
      ask: ofFloatingIp,
      make: () => inGuest(vm1, 'iptables -I INPUT -j DROP'),
      unmake: () => inGuest(vm1, 'iptables -D INPUT -j DROP'),
    },
    {
      name: 'an instance whose own firewall drops one TCP port',
      check: 'guest-answers',
      ask: () => `floating-ip/${address}?protocol=tcp&port=80`,
      make: () => inGuest(vm1, 'iptables -I INPUT -p tcp --dport 80 -j DROP'),
      unmake: () => inGuest(vm1, 'iptables -D INPUT -p tcp --dport 80 -j DROP'),
    },
    {
      name: 'two instances with one address',
      check: 'duplicate-address',
      ask: ofPort(vm1),
      make: async () => {
        held = (await lab.get('port', vm2.portId))['security_groups'];
        await port(vm2, { port_security_enabled: false, security_groups: [] });
        await inGuest(vm2, `ip address add ${vm1.ip}/32 dev eth0`);
      },
      unmake: async () => {
        await inGuest(vm2, `ip address delete ${vm1.ip}/32 dev eth0`);
        await port(vm2, { port_security_enabled: true, security_groups: held });
      },
    },
    {
      name: 'an instance without its address, and DHCP is off',
      check: 'dhcp-enabled',
      ask: ofPort(vm2),
      make: async () => {
        await lab.update('subnet', privateSubnet.id, { enable_dhcp: false });
        await lose(vm2);
      },
      unmake: async () => {
        await lab.update('subnet', privateSubnet.id, { enable_dhcp: true });
        await regain(vm2);
      },
    },
    {
      name: 'dnsmasq was killed while its agent is stopped',
      check: 'dhcp-served',
      ask: ofPort(vm2),
      make: async () => {
        await served();
        stop(agentUnit('dhcp', 'net1'));
        // Now nobody starts another one.
        for (const pid of await dnsmasqs()) process.kill(pid, 'SIGKILL');
        await lose(vm2);
      },
      unmake: async () => {
        go(agentUnit('dhcp', 'net1'));
        await regain(vm2);
        await served();
      },
    },
  ];
}
