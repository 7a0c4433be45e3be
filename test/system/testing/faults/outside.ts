/** On the wire outside. */
import type { Fault, Hands, Patient } from './hands.js';

export function outsideFaults(patient: Patient, hands: Hands): readonly Fault[] {
  const { direct, router } = patient;
  const { at, works, address, ofFloatingIp, ofPort } = hands;
  const gateway = (router['external_gateway_info'] as { external_fixed_ips: { ip_address: string }[] })
    .external_fixed_ips[0]?.ip_address;
  return [
    {
      name: 'a machine outside has the address of the floating IP',
      check: 'floating-address-free',
      ask: ofFloatingIp,
      make: () => at('outside', 'ip', 'address', 'add', `${address}/32`, 'dev', 'eth0'),
      unmake: () => at('outside', 'ip', 'address', 'delete', `${address}/32`, 'dev', 'eth0'),
    },
    {
      name: "a machine outside has the router's address",
      check: 'router-address-free',
      ask: ofFloatingIp,
      make: () => at('outside', 'ip', 'address', 'add', `${gateway}/32`, 'dev', 'eth0'),
      unmake: () => at('outside', 'ip', 'address', 'delete', `${gateway}/32`, 'dev', 'eth0'),
    },
    {
      name: 'a machine outside has the address of an instance on the provider network',
      check: 'duplicate-address',
      ask: ofPort(direct),
      make: () => at('outside', 'ip', 'address', 'add', `${direct.ip}/32`, 'dev', 'eth0'),
      unmake: () => at('outside', 'ip', 'address', 'delete', `${direct.ip}/32`, 'dev', 'eth0'),
    },
    {
      name: 'the gateway of the external network is off',
      check: 'outside-gateway-answers',
      ask: ofFloatingIp,
      make: () => at('outside', 'ip', 'link', 'set', 'eth0', 'down'),
      unmake: async () => {
        await at('outside', 'ip', 'link', 'set', 'eth0', 'up');
        await works();
      },
    },
  ];
}
