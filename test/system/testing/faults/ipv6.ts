/** Faults of IPv6: between a router and an instance that takes its address by advertisements. */
import type { InstanceState } from '@plumbline/lab';
import { until } from '../test-lab.js';
import type { Fault, Hands, Patient } from './hands.js';

/** On the external network. */
export const GATEWAY6 = '2001:db8:e::1';

/**
 * `six`: such an instance, behind the patient's router. `address`: its own of IPv6, by the API; `outside`: its router's; `direct`: that of the patient's instance on the
 * external network. `stranger`: another instance of its network, whose port is not guarded.
 */
export type Six = Readonly<{
  vm: InstanceState;
  address: string;
  outside: string;
  direct: string;
  stranger: InstanceState;
}>;

export function ipv6Faults(
  { lab, router, direct }: Patient,
  { at, shell, stop, go, agentUnit, agentsAnswer, netns, inGuest }: Hands,
  six: () => Six,
): readonly Fault[] {
  const ask = (): string => `port/${six().vm.portId}`;
  const inRouter = (script: string): Promise<void> => shell('net1', `ip netns exec ${netns} sh -c '${script}'`);
  const has = (): Promise<void> =>
    until(
      async () => {
        const { stdout } = await lab.inside(six().vm, ['ip', '-6', 'route', 'show', 'default']);
        const { stdout: addresses } = await lab.inside(six().vm, ['ip', '-6', 'address', 'show', 'dev', 'eth0']);
        return stdout.includes('default') && addresses.includes(six().address) && !addresses.includes('tentative');
      },
      () => 'the instance takes no address by advertisements',
      90_000,
    );
  const back = async (): Promise<void> => {
    go(agentUnit('l3', 'net1'));
    await lab.kill(agentUnit('l3', 'net1'));
    await agentsAnswer('l3', 'net1');
  };
  const anew = async (): Promise<void> => {
    await inGuest(six().vm, 'ip link set eth0 down; ip link set eth0 up');
    await inGuest(six().vm, `ip route replace default via ${six().vm.gateway} dev eth0`);
    await has();
  };
  return [
    {
      name: 'radvd was killed while the agent is stopped',
      check: 'router-advertises',
      ask,
      make: async () => {
        stop(agentUnit('l3', 'net1'));
        const { stdout } = await lab.at('net1', ['pgrep', '-f', `radvd-${router.id}`]);
        for (const pid of stdout.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
      },
      unmake: back,
    },
    {
      name: 'IPv6 is not forwarded while the agent is stopped',
      check: 'router-namespace',
      ask,
      make: async () => {
        stop(agentUnit('l3', 'net1'));
        await inRouter('sysctl -qw net.ipv6.conf.all.forwarding=0');
      },
      unmake: back,
      says: () => /IPv6/,
    },
    {
      name: 'a rule of ip6tables of somebody else drops',
      check: 'foreign-rule',
      ask,
      make: () => inRouter('ip6tables -I FORWARD -j DROP'),
      unmake: () => inRouter('ip6tables -D FORWARD -j DROP'),
      says: () => /ip6tables/,
    },
    {
      name: "a machine outside has the router's IPv6 address",
      check: 'router-address-free',
      ask,
      make: () => at('outside', 'ip', '-6', 'address', 'add', `${six().outside}/128`, 'dev', 'eth0', 'nodad'),
      unmake: () => at('outside', 'ip', '-6', 'address', 'delete', `${six().outside}/128`, 'dev', 'eth0'),
      says: () => new RegExp(six().outside),
    },
    {
      name: 'the IPv6 gateway of the external network is off',
      check: 'outside-gateway-answers',
      ask,
      make: () => at('outside', 'ip', '-6', 'address', 'delete', `${GATEWAY6}/64`, 'dev', 'eth0'),
      unmake: () => at('outside', 'ip', '-6', 'address', 'add', `${GATEWAY6}/64`, 'dev', 'eth0', 'nodad'),
      says: () => new RegExp(GATEWAY6),
    },
    {
      name: 'an instance without its IPv6 address',
      check: 'guest-address-6',
      ask,
      // The next advertisement would give it back.
      make: () =>
        inGuest(
          six().vm,
          `sysctl -qw net.ipv6.conf.eth0.autoconf=0; ip -6 address delete ${six().address}/64 dev eth0`,
        ),
      unmake: async () => {
        await inGuest(six().vm, 'sysctl -qw net.ipv6.conf.eth0.autoconf=1');
        await anew();
      },
    },
    {
      name: 'another instance has the IPv6 address, and its port is not guarded',
      check: 'duplicate-address-6',
      ask,
      make: () => inGuest(six().stranger, `ip -6 address add ${six().address}/128 dev eth0 nodad`),
      unmake: () => inGuest(six().stranger, `ip -6 address delete ${six().address}/128 dev eth0`),
      says: () => /of port stranger has/,
    },
    {
      name: 'a machine outside has the IPv6 address of an instance on the provider network',
      check: 'duplicate-address-6',
      ask: () => `port/${direct.portId}`,
      make: () => at('outside', 'ip', '-6', 'address', 'add', `${six().direct}/128`, 'dev', 'eth0', 'nodad'),
      unmake: () => at('outside', 'ip', '-6', 'address', 'delete', `${six().direct}/128`, 'dev', 'eth0'),
      says: () => /somebody else answers/,
    },
    {
      name: 'an instance without a default route of IPv6',
      check: 'guest-gateway-6',
      ask,
      make: () => inGuest(six().vm, 'sysctl -qw net.ipv6.conf.eth0.accept_ra=0; ip -6 route delete default'),
      unmake: async () => {
        await inGuest(six().vm, 'sysctl -qw net.ipv6.conf.eth0.accept_ra=1');
        await anew();
      },
    },
  ];
}
