/** Security groups, their rules and address groups with `openstack`. */
import { expect } from '@jest/globals';
import type { Journey } from '../journey.js';

export const securityGroups: Journey = [
  { run: 'network create net' },
  { run: 'subnet create sub --network net --subnet-range 10.0.0.0/24' },
  { run: 'port create first --network net', as: 'first', shows: { security_group_ids: [expect.any(String)] } },
  { run: 'security group list', as: 'groups', column: ['Name', ['default']] },
  { run: 'port show first', shows: { security_group_ids: ['{groups.0.ID}'], port_security_enabled: true } },
  { run: 'security group show default', as: 'default', shows: { name: 'default', stateful: true } },
  {
    run: 'security group rule list default --long',
    column: ['Direction', ['egress', 'egress', 'ingress', 'ingress']],
    has: [
      { Direction: 'ingress', Ethertype: 'IPv4', 'Remote Security Group': '{default.id}' },
      { Direction: 'ingress', Ethertype: 'IPv6', 'Remote Security Group': '{default.id}' },
      { Direction: 'egress', Ethertype: 'IPv4', 'Remote Security Group': null },
    ],
  },
  { run: 'security group delete default', fails: /in use/ },
  { run: 'security group create default', fails: /[Dd]efault security group/ },

  {
    run: ['security', 'group', 'create', 'web', '--description', 'to the web', '--tag', 'w'],
    as: 'web',
    shows: { name: 'web', description: 'to the web', stateful: true, tags: ['w'] },
  },
  { run: 'security group rule list web', column: ['Ethertype', ['IPv4', 'IPv6']] },
  {
    run: 'security group rule create web --protocol tcp --dst-port 80 --remote-ip 192.0.2.0/24',
    as: 'http',
    shows: {
      direction: 'ingress',
      ether_type: 'IPv4',
      protocol: 'tcp',
      port_range_min: 80,
      port_range_max: 80,
      remote_ip_prefix: '192.0.2.0/24',
      security_group_id: '{web.id}',
    },
  },
  {
    run: 'security group rule create web --protocol tcp --dst-port 80 --remote-ip 192.0.2.0/24',
    fails: /already exists/,
  },
  {
    run: 'security group rule create web --protocol tcp --dst-port 8000:8080 --ethertype IPv6 --remote-group web',
    shows: { ether_type: 'IPv6', port_range_min: 8000, port_range_max: 8080, remote_group_id: '{web.id}' },
  },
  {
    run: 'security group rule create web --protocol icmp --icmp-type 8 --icmp-code 0 --egress',
    shows: { direction: 'egress', protocol: 'icmp', port_range_min: 8, port_range_max: 0 },
  },
  { run: 'security group rule create web --protocol 115', as: 'l2tp', shows: { protocol: '115' } },
  {
    run: 'security group rule create web --protocol tcp --dst-port 90:80',
    fails: /port_range_min must be <= port_range_max|range/,
  },
  { run: 'security group rule create web --protocol icmp --icmp-code 3', fails: /icmp-type|ICMP type/ },
  { run: 'security group rule create web --protocol tcp --remote-ip 192.0.2.0/33', fails: /192\.0\.2\.0\/33/ },
  {
    run: 'security group rule create web --protocol tcp --ethertype IPv6 --remote-ip 192.0.2.0/24',
    fails: /Conflicting value ethertype IPv6|[Ee]thertype/,
  },
  { run: 'security group rule show {http.id}', shows: { id: '{http.id}', port_range_min: 80 } },
  { run: 'security group rule list web --protocol tcp', column: ['Port Range', ['80:80', '8000:8080']] },
  { run: 'security group rule list web --ingress', column: ['IP Protocol', ['tcp', 'tcp', '115']] },
  { run: 'security group rule list web --egress', column: ['IP Protocol', [null, null, 'icmp']] },
  { run: 'security group rule delete {http.id} {l2tp.id}' },
  { run: 'security group rule list web --ingress', column: ['IP Protocol', ['tcp']] },

  { run: 'security group create loose --stateless', shows: { stateful: false } },
  { run: ['security', 'group', 'set', 'loose', '--name', 'tight', '--stateful', '--description', 'now'] },
  { run: 'security group show tight', as: 'tight', shows: { stateful: true, description: 'now' } },
  { run: 'security group list', column: ['Name', ['default', 'web', 'tight']] },
  { run: 'security group list --tags w', column: ['Name', ['web']] },

  {
    run: 'address group create offices --address 198.51.100.0/24 --address 203.0.113.7/32',
    as: 'offices',
    shows: { addresses: expect.arrayContaining(['198.51.100.0/24', '203.0.113.7/32']) },
  },
  { run: 'address group set offices --address 192.0.2.9/32' },
  { run: 'address group unset offices --address 203.0.113.7/32' },
  { run: 'address group show offices', shows: { addresses: ['192.0.2.9/32', '198.51.100.0/24'] } },
  { run: 'address group list', column: ['Name', ['offices']] },
  {
    run: 'security group rule create tight --protocol udp --dst-port 53 --remote-address-group offices',
    as: 'dns',
    shows: { remote_address_group_id: '{offices.id}' },
  },
  { run: 'address group delete offices', fails: /in use/ },
  { run: 'security group rule delete {dns.id}' },
  { run: 'address group delete offices' },

  { run: 'port create second --network net --security-group web --security-group tight', as: 'second' },
  // openstack 6.0.0 has `port list --security-group`, and openstacksdk 0.101 does not know that filter.
  { run: 'port-list --security_groups={web.id}', at: 'neutron', column: ['name', ['second']] },
  { run: 'security group delete web', fails: /in use/ },
  { run: 'port unset second --security-group web' },
  { run: 'port show second', shows: { security_group_ids: ['{tight.id}'] } },
  { run: 'port set second --security-group web' },
  {
    run: 'port show second',
    shows: { security_group_ids: expect.arrayContaining([expect.any(String), expect.any(String)]) },
  },
  { run: 'port set second --disable-port-security', fails: /[Pp]ort security|security group/ },
  { run: 'port set second --no-security-group --disable-port-security' },
  { run: 'port show second', shows: { security_group_ids: [], port_security_enabled: false } },
  {
    run: 'port set second --allowed-address ip-address=192.0.2.99',
    fails: /Port Security must be enabled|port security/i,
  },
  { run: 'port set first --allowed-address ip-address=192.0.2.99,mac-address=fa:16:3e:00:00:99' },
  {
    run: 'port show first',
    shows: { allowed_address_pairs: [{ ip_address: '192.0.2.99', mac_address: 'fa:16:3e:00:00:99' }] },
  },
  { run: 'port set first --no-allowed-address' },
  { run: 'port show first', shows: { allowed_address_pairs: [] } },
  { run: 'port set first --extra-dhcp-option name=mtu,value=1400' },
  { run: 'port show first', shows: { extra_dhcp_opts: [{ opt_name: 'mtu', opt_value: '1400', ip_version: 4 }] } },

  { run: 'port delete first second' },
  { run: 'security group delete web tight' },
  { run: 'security group list', column: ['Name', ['default']] },
  { run: 'network delete net' },
];
