/** Port forwardings of a floating IP with `openstack`. */
import type { Journey } from '../journey.js';

export const forwarding: Journey = [
  {
    run: 'network create ext --external --provider-network-type flat --provider-physical-network physnet1',
    as: 'ext',
  },
  { run: 'subnet create ext-subnet --network ext --subnet-range 10.200.0.0/24 --no-dhcp' },
  { run: 'network create inside' },
  { run: 'subnet create inside-subnet --network inside --subnet-range 10.0.0.0/24' },
  { run: 'router create r1 --external-gateway ext', as: 'r1' },
  { run: 'router add subnet r1 inside-subnet' },
  { run: 'port create vm1 --network inside --fixed-ip ip-address=10.0.0.11', as: 'vm1' },
  { run: 'floating ip create ext', as: 'fip' },
  {
    run: [
      ...'floating ip port forwarding create --port vm1 --internal-ip-address 10.0.0.11'.split(' '),
      ...'--internal-protocol-port 22 --external-protocol-port 2222 --protocol tcp --description'.split(' '),
      'to the shell',
      '{fip.floating_ip_address}',
    ],
    as: 'ssh',
    shows: {
      internal_port_id: '{vm1.id}',
      internal_ip_address: '10.0.0.11',
      internal_port: 22,
      external_port: 2222,
      protocol: 'tcp',
      description: 'to the shell',
    },
  },
  {
    run: 'floating ip port forwarding create --port vm1 --internal-ip-address 10.0.0.11 --internal-protocol-port 53 --external-protocol-port 53 --protocol udp {fip.id}',
    as: 'dns',
  },
  {
    run: 'floating ip port forwarding create --port vm1 --internal-ip-address 10.0.0.11 --internal-protocol-port 23 --external-protocol-port 2222 --protocol tcp {fip.id}',
    fails: /There is a port collision with the external_port_range/,
  },
  {
    run: 'floating ip port forwarding create --port vm1 --internal-ip-address 10.0.0.12 --internal-protocol-port 23 --external-protocol-port 23 --protocol tcp {fip.id}',
    fails: /10\.0\.0\.12/,
  },
  {
    run: 'floating ip port forwarding create --port vm1 --internal-ip-address 10.0.0.11 --internal-protocol-port 70000 --external-protocol-port 23 --protocol tcp {fip.id}',
    fails: /The port number range is <1-65535>/,
  },
  {
    run: 'floating ip port forwarding list {fip.floating_ip_address}',
    column: ['External Port', [2222, 53]],
    has: [{ ID: '{ssh.id}', 'Internal Port': 22, 'Internal IP Address': '10.0.0.11', Protocol: 'tcp' }],
  },
  { run: 'floating ip port forwarding list {fip.id} --protocol udp', column: ['ID', ['{dns.id}']] },
  { run: 'floating ip port forwarding list {fip.id} --external-protocol-port 2222', column: ['ID', ['{ssh.id}']] },
  { run: 'floating ip port forwarding list {fip.id} --port vm1', column: ['ID', ['{ssh.id}', '{dns.id}']] },
  { run: 'floating ip show {fip.id}', shows: { router_id: '{r1.id}', port_id: null, fixed_ip_address: null } },
  { run: 'floating ip set --port vm1 {fip.id}', fails: /port forwarding/i },
  {
    run: 'floating ip port forwarding set {fip.id} {ssh.id} --internal-protocol-port 2022 --external-protocol-port 2223 --description moved',
  },
  {
    run: 'floating ip port forwarding show {fip.id} {ssh.id}',
    shows: { internal_port: 2022, external_port: 2223, description: 'moved', protocol: 'tcp' },
  },
  {
    run: 'floating ip port forwarding show {fip.id} 00000000-0000-4000-8000-000000000000',
    fails: /No PortForwarding found for/,
  },
  { run: 'router remove subnet r1 inside-subnet', fails: /required by one or more floating IPs|port forwarding/ },
  { run: 'floating ip port forwarding delete {fip.id} {ssh.id} {dns.id}' },
  { run: 'floating ip port forwarding list {fip.id}', column: ['ID', []] },
  { run: 'floating ip show {fip.id}', shows: { router_id: null } },
  { run: 'floating ip set --port vm1 {fip.id}' },
  { run: 'floating ip show {fip.id}', shows: { port_id: '{vm1.id}' } },
  {
    run: 'floating ip port forwarding create --port vm1 --internal-ip-address 10.0.0.11 --internal-protocol-port 22 --external-protocol-port 22 --protocol tcp {fip.id}',
    fails: /associated|already/,
  },
  { run: 'floating ip delete {fip.id}' },
  { run: 'router remove subnet r1 inside-subnet' },
  { run: 'router delete r1' },
  { run: 'port delete vm1' },
  { run: 'network delete inside ext' },
  { run: 'port list', column: ['ID', []] },
];
