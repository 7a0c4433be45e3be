/** What was asked for: objects of the API that say something else than packets need. */
import type { Fault, Hands, Patient } from './hands.js';

export function askedFaults(patient: Patient, hands: Hands): readonly Fault[] {
  const { lab, vm1, alone, aloneSubnet, floatingIp, router, privateNetwork, publicNetwork } = patient;
  const { port, works, request, made, keep, kept, remove, address, ofFloatingIp, ofPort } = hands;
  let held: unknown;
  async function admitted(roles: readonly string[], physicalNetworks: readonly string[]): Promise<void> {
    await request('PUT', '/plumbline/v1/nodes/net1/admission', { roles, physicalNetworks });
  }
  return [
    {
      name: 'the floating IP was taken off its port',
      check: 'floating-ip-associated',
      ask: ofFloatingIp,
      make: () => lab.update('floatingip', floatingIp.id, { port_id: null }).then(() => undefined),
      unmake: async () => {
        await lab.update('floatingip', floatingIp.id, { port_id: vm1.portId });
        await works();
      },
    },
    {
      name: 'a port is administratively down',
      check: 'port-up',
      ask: ofFloatingIp,
      make: () => port(vm1, { admin_state_up: false }),
      unmake: async () => {
        await port(vm1, { admin_state_up: true });
        await works();
      },
    },
    {
      name: 'a network is administratively down',
      check: 'network-up',
      ask: ofFloatingIp,
      make: () => lab.update('network', privateNetwork.id, { admin_state_up: false }).then(() => undefined),
      unmake: async () => {
        await lab.update('network', privateNetwork.id, { admin_state_up: true });
        await works();
      },
    },
    {
      name: 'a router is administratively down',
      check: 'router-up',
      ask: ofFloatingIp,
      make: () => lab.update('router', router.id, { admin_state_up: false }).then(() => undefined),
      unmake: async () => {
        await lab.update('router', router.id, { admin_state_up: true });
        await works();
      },
    },
    {
      name: 'an external network was made of type vxlan',
      check: 'external-network-leads-outside',
      ask: () => `network/${kept('outside')}`,
      make: async () =>
        void (await keep(
          'outside',
          lab.create('network', { 'router:external': true, 'provider:network_type': 'vxlan' }),
        )),
      unmake: () => remove('network', 'outside'),
    },
    {
      name: 'a virtual address without allowed_address_pairs',
      check: 'virtual-address-allowed',
      ask: () => `floating-ip/${String(made.get('virtual-floating')?.['floating_ip_address'])}`,
      make: async () => {
        const virtual = await keep('virtual', lab.create('port', { network_id: privateNetwork.id }));
        await keep(
          'virtual-floating',
          lab.create('floatingip', { floating_network_id: publicNetwork.id, port_id: virtual.id }),
        );
      },
      unmake: async () => {
        await remove('floatingip', 'virtual-floating');
        await remove('port', 'virtual');
      },
    },
    {
      name: 'an instance whose port is bound nowhere',
      check: 'port-bound',
      ask: () => `port/${kept('unbound')}`,
      make: async () =>
        void (await keep(
          'unbound',
          lab.create('port', { network_id: privateNetwork.id, device_id: 'vm9', device_owner: 'compute:nova' }),
        )),
      unmake: () => remove('port', 'unbound'),
    },
    {
      name: 'a port bound to a node with a name that no node has',
      check: 'node-known',
      ask: () => `port/${kept('astray')}`,
      make: async () =>
        void (await keep(
          'astray',
          lab.create('port', {
            ...{ network_id: privateNetwork.id, device_id: 'vm9', device_owner: 'compute:nova' },
            ...{ 'binding:host_id': 'cmp1.example.org', port_security_enabled: false },
          }),
        )),
      unmake: () => remove('port', 'astray'),
      says: () => /cmp1: is that meant/,
    },
    {
      name: 'a physical network that no node maps',
      check: 'physical-network-mapped',
      ask: () => `network/${kept('unmapped')}`,
      make: async () =>
        void (await keep(
          'unmapped',
          lab.create('network', { 'provider:network_type': 'flat', 'provider:physical_network': 'physnet9' }),
        )),
      unmake: () => remove('network', 'unmapped'),
    },
    {
      name: 'security groups that let nothing in',
      check: 'security-group',
      ask: ofFloatingIp,
      make: async () => {
        held = (await lab.get('port', vm1.portId))['security_groups'];
        const closed = await keep('closed', lab.create('security_group', { name: 'closed' }));
        await port(vm1, { security_groups: [closed.id] });
      },
      unmake: async () => {
        await port(vm1, { security_groups: held });
        await remove('security_group', 'closed');
        await works();
      },
    },
    {
      name: 'security groups that let in ping, and TCP was meant',
      check: 'security-group',
      ask: () => `floating-ip/${address}?protocol=tcp&port=80`,
      make: async () => {
        held = (await lab.get('port', vm1.portId))['security_groups'];
        const pings = await keep('pings', lab.create('security_group', { name: 'pings' }));
        await lab.create('security_group_rule', {
          security_group_id: pings.id,
          direction: 'ingress',
          protocol: 'icmp',
        });
        await port(vm1, { security_groups: [pings.id] });
      },
      unmake: async () => {
        await port(vm1, { security_groups: held });
        await remove('security_group', 'pings');
        await works();
      },
      says: () => /tcp\/80/,
    },
    {
      name: 'a subnet on no router',
      check: 'subnet-on-router',
      ask: ofPort(alone),
      make: () => Promise.resolve(),
      unmake: () => Promise.resolve(),
    },
    {
      name: 'a router without external gateway',
      check: 'router-gateway',
      ask: ofPort(alone),
      make: async () => {
        const inner = await keep('inner', lab.create('router', { name: 'inner' }));
        await request('PUT', `/v2.0/routers/${inner.id}/add_router_interface`, { subnet_id: aloneSubnet.id });
        await lab.becomes('router', inner.id, 'ACTIVE');
      },
      unmake: async () => {
        await request('PUT', `/v2.0/routers/${kept('inner')}/remove_router_interface`, { subnet_id: aloneSubnet.id });
        await remove('router', 'inner');
      },
    },
    {
      name: 'a router was taken off its node',
      check: 'router-placed',
      ask: ofFloatingIp,
      make: async () => {
        const [agent] = await lab.list('agents', '?binary=plumb-l3-agent&host=net1');
        if (agent) made.set('l3', agent);
        await request('DELETE', `/v2.0/agents/${kept('l3')}/l3-routers/${router.id}`);
      },
      unmake: async () => {
        await request('POST', `/v2.0/agents/${kept('l3')}/l3-routers`, { router_id: router.id });
        await works();
      },
    },
    {
      name: 'a node lost the role network',
      check: 'node-admitted',
      ask: ofFloatingIp,
      make: () => admitted(['compute'], ['physnet1']),
      unmake: () => admitted(['compute', 'network'], ['physnet1']),
    },
  ];
}
