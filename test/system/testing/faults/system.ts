/** Between nodes, and in the control plane. */
import { until } from '../test-lab.js';
import type { Fault, Hands, Patient } from './hands.js';

export function systemFaults(patient: Patient, hands: Hands): readonly Fault[] {
  const { lab } = patient;
  const { at, shell, works, takeAway, bringBack, agentsAnswer, ofFloatingIp } = hands;
  const tunnels = (isUp: boolean) =>
    until(
      async () => {
        const argv = ['ovs-vsctl', '--columns=name,bfd_status', '--format=csv', 'find', 'Interface', 'type=vxlan'];
        const texts = await Promise.all(['net1', 'cmp1'].map((host) => lab.text(host, argv)));
        const ends = texts.flatMap((text) => text.split('\n').filter((line) => line.includes('vxlan-')));
        return isUp ? ends.every((end) => /[^_]state=up/.test(end)) : ends.some((end) => /[^_]state=down/.test(end));
      },
      () => `the tunnels are not ${isUp ? 'up' : 'down'}`,
    );
  const tunnelAddress = (): string => `${lab.spec.nodes.find(({ host }) => host === 'cmp1')?.tunnelIp ?? ''}/24`;
  return [
    {
      name: 'a firewall drops VXLAN between two nodes',
      check: 'tunnel-answers',
      ask: ofFloatingIp,
      make: async () => {
        await shell(
          'mgmt',
          `nft add table bridge doctor && nft add chain bridge doctor forward '{ type filter hook forward priority 0; }' &&
           nft add rule bridge doctor forward oifname cmp1-t udp dport 4789 drop`,
        );
        await tunnels(false);
      },
      unmake: async () => {
        await at('mgmt', 'nft', 'delete', 'table', 'bridge', 'doctor');
        await tunnels(true);
        await works();
      },
      says: () => /UDP port 4789/,
    },
    {
      name: 'the underlay carries smaller packets than the network needs',
      check: 'tunnel-length',
      ask: ofFloatingIp,
      make: () => at('mgmt', 'ip', 'link', 'set', 'cmp1-t', 'mtu', '1400'),
      unmake: () => at('mgmt', 'ip', 'link', 'set', 'cmp1-t', 'mtu', '1500'),
    },
    {
      name: 'the tunnel address of a node was taken off its device',
      check: 'tunnel-end-here',
      ask: ofFloatingIp,
      make: () => at('cmp1', 'ip', 'address', 'delete', tunnelAddress(), 'dev', 'br-phy'),
      unmake: async () => {
        await at('cmp1', 'ip', 'address', 'replace', tunnelAddress(), 'dev', 'br-phy');
        await tunnels(true);
        await works();
      },
      says: () => /no device of cmp1 has/,
    },
    {
      name: 'NATS is away',
      check: 'broker',
      ask: ofFloatingIp,
      make: async () => {
        await takeAway('nats');
        await until(
          async () => JSON.stringify((await lab.request('GET', '/healthz')).body).includes('"connected":false'),
          () => 'the API does not notice',
        );
      },
      unmake: async () => {
        await bringBack('nats');
        for (const kind of ['ovs', 'l3', 'dhcp'] as const) await agentsAnswer(kind, 'net1');
        for (const host of ['cmp1', 'cmp2']) await agentsAnswer('ovs', host);
      },
    },
    {
      name: 'PostgreSQL is away',
      check: 'database',
      ask: ofFloatingIp,
      make: () => takeAway('postgres'),
      unmake: async () => {
        await bringBack('postgres');
        await until(
          async () => (await lab.request('GET', '/healthz')).status === 200,
          () => 'the API is not well again',
        );
      },
    },
  ];
}
