/**
 * Scenario A with `openstack`: from nothing to an associated floating IP, what is refused on the way, and back to nothing. Addresses are chosen at random among
 * a pool's: one that a step names is in no pool, or all others on its network are named, too.
 */
import { expect } from '@jest/globals';
import type { Journey } from '../journey.js';

const UUID = expect.stringMatching(/^[0-9a-f-]{36}$/);

export const networking: Journey = [
  {
    run: 'network create ext --external --provider-network-type flat --provider-physical-network physnet1',
    as: 'ext',
    shows: { 'router:external': true, 'provider:network_type': 'flat', mtu: 1500, status: 'ACTIVE', shared: false },
  },
  {
    run: 'subnet create ext-subnet --network ext --subnet-range 10.200.0.0/24 --gateway 10.200.0.1 --no-dhcp --allocation-pool start=10.200.0.50,end=10.200.0.200',
    shows: {
      network_id: '{ext.id}',
      gateway_ip: '10.200.0.1',
      enable_dhcp: false,
      allocation_pools: [{ start: '10.200.0.50', end: '10.200.0.200' }],
    },
  },
  {
    run: ['network', 'create', 'inside', '--description', 'of the tenant'],
    as: 'inside',
    shows: { description: 'of the tenant', mtu: 1450, 'router:external': false, port_security_enabled: true },
  },
  {
    run: 'subnet create inside-subnet --network inside --subnet-range 10.0.0.0/24 --dns-nameserver 9.9.9.9 --host-route destination=10.9.0.0/16,gateway=10.0.0.9',
    as: 'subnet',
    shows: {
      gateway_ip: '10.0.0.1',
      allocation_pools: [{ start: '10.0.0.2', end: '10.0.0.254' }],
      dns_nameservers: ['9.9.9.9'],
      host_routes: [{ destination: '10.9.0.0/16', nexthop: '10.0.0.9' }],
    },
  },
  { run: 'network show inside', shows: { id: '{inside.id}', subnets: ['{subnet.id}'] } },
  {
    run: 'subnet create again --network inside --subnet-range 10.0.0.128/25',
    fails: /Requested subnet with cidr: 10\.0\.0\.128\/25 for network: .* overlaps with another subnet/,
  },
  {
    run: 'subnet create bad --network inside --subnet-range 10.0.0.300/24',
    fails: /not a valid IP subnet|Invalid input/,
  },

  { run: 'router create r1', as: 'r1', shows: { external_gateway_info: null, status: 'ACTIVE', admin_state_up: true } },
  { run: 'router set r1 --external-gateway ext' },
  { run: 'router add subnet r1 inside-subnet' },
  {
    run: 'router show r1',
    as: 'router',
    shows: {
      id: '{r1.id}',
      external_gateway_info: {
        network_id: '{ext.id}',
        enable_snat: true,
        external_fixed_ips: [{ subnet_id: UUID, ip_address: expect.stringMatching(/^10\.200\.0\./) }],
      },
      interfaces_info: [{ port_id: UUID, ip_address: '10.0.0.1', subnet_id: '{subnet.id}' }],
    },
  },
  { run: 'router add subnet r1 inside-subnet', fails: /Router already has a port on subnet/ },
  { run: 'router set r1 --disable-snat --external-gateway ext' },
  { run: 'router show r1', shows: { external_gateway_info: expect.objectContaining({ enable_snat: false }) } },
  { run: 'router set r1 --external-gateway ext --enable-snat --fixed-ip ip-address=10.200.0.60' },
  {
    run: 'router show r1',
    shows: {
      external_gateway_info: {
        enable_snat: true,
        network_id: '{ext.id}',
        external_fixed_ips: [{ subnet_id: UUID, ip_address: '10.200.0.60' }],
      },
    },
  },
  { run: 'router set r1 --route destination=10.77.0.0/24,gateway=10.0.0.77' },
  { run: 'router add route r1 --route destination=10.78.0.0/24,gateway=10.0.0.78' },
  {
    run: 'router show r1',
    shows: {
      routes: expect.arrayContaining([
        { destination: '10.77.0.0/24', nexthop: '10.0.0.77' },
        { destination: '10.78.0.0/24', nexthop: '10.0.0.78' },
      ]),
    },
  },
  {
    run: 'router remove route r1 --route destination=10.77.0.0/24,gateway=10.0.0.77',
  },
  { run: 'router show r1', shows: { routes: [{ destination: '10.78.0.0/24', nexthop: '10.0.0.78' }] } },
  { run: 'router set r1 --route destination=10.79.0.0/24,gateway=192.0.2.1', fails: /Invalid format for routes/ },
  { run: 'router unset r1 --route destination=10.78.0.0/24,gateway=10.0.0.78' },
  { run: 'router show r1', shows: { routes: [] } },

  {
    run: 'port create vm1 --network inside --fixed-ip subnet=inside-subnet,ip-address=10.0.0.11 --no-security-group --disable-port-security --host net2',
    as: 'vm1',
    shows: {
      fixed_ips: [{ subnet_id: '{subnet.id}', ip_address: '10.0.0.11' }],
      mac_address: expect.stringMatching(/^fa:16:3e:/),
      port_security_enabled: false,
      security_group_ids: [],
      binding_host_id: 'net2',
      binding_vif_type: 'ovs',
      status: 'DOWN',
    },
  },
  {
    run: 'port create vm2 --network inside --fixed-ip subnet=inside-subnet,ip-address=10.0.0.12 --no-security-group --disable-port-security',
    as: 'vm2',
    shows: { binding_vif_type: 'unbound', binding_host_id: '', status: 'DOWN' },
  },
  {
    run: 'port create vm3 --network inside --fixed-ip ip-address=10.0.0.11',
    fails: /IP address 10\.0\.0\.11 already allocated in subnet/,
  },
  { run: 'port create vm3 --network inside --fixed-ip ip-address=10.0.1.11', fails: /not a valid IP for/ },
  { run: 'port create vm3 --network inside --mac-address {vm1.mac_address}', fails: /is in use|already/ },
  { run: 'port set vm2 --name second --disable --description later --device i-2 --device-owner compute:nova' },
  {
    run: 'port show second',
    shows: {
      id: '{vm2.id}',
      admin_state_up: false,
      description: 'later',
      device_id: 'i-2',
      device_owner: 'compute:nova',
    },
  },
  { run: 'port set vm2 --enable', fails: /No Port found for vm2/ },
  { run: 'port set second --enable --host net1' },
  { run: 'port show second', shows: { admin_state_up: true, binding_host_id: 'net1', binding_vif_type: 'ovs' } },
  { run: 'port unset second --host' },
  { run: 'port show second', shows: { binding_host_id: '', binding_vif_type: 'unbound' } },
  { run: 'port set second --fixed-ip subnet=inside-subnet,ip-address=10.0.0.40' },
  {
    run: 'port show second',
    shows: { fixed_ips: expect.arrayContaining([{ subnet_id: UUID, ip_address: '10.0.0.40' }]) },
  },
  { run: 'port unset second --fixed-ip subnet=inside-subnet,ip-address=10.0.0.40' },
  {
    run: 'port show second',
    as: 'second',
    shows: { fixed_ips: [{ subnet_id: '{subnet.id}', ip_address: '10.0.0.12' }] },
  },

  {
    run: 'floating ip create ext',
    as: 'fip',
    shows: {
      floating_network_id: '{ext.id}',
      status: 'DOWN',
      port_id: null,
      router_id: null,
      fixed_ip_address: null,
      floating_ip_address: expect.stringMatching(/^10\.200\.0\./),
    },
  },
  { run: 'floating ip set --port vm1 {fip.floating_ip_address}' },
  {
    run: 'floating ip show {fip.id}',
    shows: {
      port_id: '{vm1.id}',
      router_id: '{r1.id}',
      fixed_ip_address: '10.0.0.11',
      port_details: expect.stringContaining("name='vm1'"),
    },
  },
  { run: 'floating ip create ext --port vm1', fails: /already has a floating IP|already associated/ },
  { run: 'router remove subnet r1 inside-subnet', fails: /required by one or more floating IPs/ },
  { run: 'floating ip unset --port {fip.floating_ip_address}' },
  { run: 'floating ip show {fip.floating_ip_address}', shows: { port_id: null, router_id: null, status: 'DOWN' } },
  {
    run: [
      'floating',
      'ip',
      'create',
      'ext',
      '--floating-ip-address',
      '10.200.0.210',
      '--port',
      'vm1',
      '--description',
      'named',
    ],
    as: 'named',
    shows: { floating_ip_address: '10.200.0.210', port_id: '{vm1.id}', description: 'named' },
  },
  { run: 'floating ip create ext --floating-ip-address 10.200.0.210', fails: /10\.200\.0\.210 already allocated/ },
  { run: 'floating ip create inside', fails: /is not a valid external network/ },
  {
    run: 'floating ip list --long',
    column: ['Floating IP Address', ['{fip.floating_ip_address}', '10.200.0.210']],
    has: [{ ID: '{named.id}', Router: '{r1.id}', 'Fixed IP Address': '10.0.0.11', Port: '{vm1.id}' }],
  },
  { run: 'floating ip list --port vm1', column: ['ID', ['{named.id}']] },
  { run: 'floating ip list --router r1', column: ['ID', ['{named.id}']] },
  { run: 'floating ip list --network ext', column: ['ID', ['{named.id}', '{fip.id}']] },
  { run: 'floating ip list --fixed-ip-address 10.0.0.11', column: ['ID', ['{named.id}']] },
  { run: 'floating ip list --floating-ip-address 10.200.0.210', column: ['ID', ['{named.id}']] },
  { run: 'floating ip list --status ACTIVE', column: ['ID', []] },

  { run: 'router remove subnet r1 inside-subnet', fails: /required by one or more floating IPs/ },
  { run: 'router delete r1', fails: /has ports still attached/ },
  {
    run: 'router unset r1 --external-gateway',
    fails: /Gateway cannot be updated for router|is required by one or more floating IPs/,
  },
  {
    run: 'port list --router r1 --device-owner network:router_interface',
    as: 'ifaces',
    column: ['MAC Address', [expect.any(String)]],
  },
  { run: 'port delete {ifaces.0.ID}', fails: /cannot be deleted directly via the port API/ },
  { run: 'subnet delete inside-subnet', fails: /One or more ports have an IP allocation/ },
  { run: 'network delete inside', fails: /There are one or more ports still in use on the network/ },

  { run: 'floating ip delete {fip.floating_ip_address} {named.id}' },
  { run: 'floating ip list', column: ['ID', []] },
  { run: 'router remove port r1 {ifaces.0.ID}' },
  { run: 'router unset r1 --external-gateway' },
  { run: 'router show r1', shows: { external_gateway_info: null, interfaces_info: [] } },
  { run: 'port create inner --network inside --fixed-ip subnet=inside-subnet,ip-address=10.0.0.200', as: 'inner' },
  { run: 'router add port r1 inner' },
  {
    run: 'router show r1',
    shows: { interfaces_info: [{ port_id: '{inner.id}', ip_address: '10.0.0.200', subnet_id: '{subnet.id}' }] },
  },
  { run: 'port show inner', shows: { device_id: '{r1.id}', device_owner: 'network:router_interface' } },
  { run: 'router remove subnet r1 inside-subnet' },
  { run: 'port show inner', fails: /No Port found for inner/ },
  { run: 'router delete r1' },
  { run: 'port delete vm1 second' },
  {
    run: 'subnet set inside-subnet --no-dhcp --gateway 10.0.0.254 --name renamed --no-allocation-pool --allocation-pool start=10.0.0.2,end=10.0.0.99',
  },
  {
    run: 'subnet show renamed',
    shows: {
      id: '{subnet.id}',
      enable_dhcp: false,
      gateway_ip: '10.0.0.254',
      allocation_pools: [{ start: '10.0.0.2', end: '10.0.0.99' }],
    },
  },
  {
    run: 'subnet unset renamed --dns-nameserver 9.9.9.9 --host-route destination=10.9.0.0/16,gateway=10.0.0.9 --gateway',
  },
  { run: 'subnet show renamed', shows: { dns_nameservers: [], host_routes: [], gateway_ip: null } },
  { run: 'subnet delete renamed' },
  { run: 'network set inside --name outside --mtu 1400 --disable' },
  { run: 'network show outside', shows: { id: '{inside.id}', mtu: 1400, admin_state_up: false } },
  { run: 'network delete outside ext' },
  { run: 'network list', column: ['Name', []] },
  { run: 'port list', column: ['ID', []] },
  { run: 'router list', column: ['ID', []] },
];
