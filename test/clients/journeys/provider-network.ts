/** Scenario D with the old command line: its two commands as they stand there, and what is read back. */
import type { Journey } from '../journey.js';

export const providerNetwork: Journey = [
  {
    run: 'net-create public01 --provider:network_type flat --provider:physical_network physnet1 --router:external=True --shared',
  },
  {
    run: 'subnet-create --name public_subnet --enable_dhcp=False --allocation_pool start=192.168.100.20,end=192.168.100.100 --gateway=192.168.100.1 public01 192.168.100.0/24',
  },
  {
    run: 'net-show public01',
    as: 'net',
    shows: {
      name: 'public01',
      'provider:network_type': 'flat',
      'provider:physical_network': 'physnet1',
      'router:external': true,
      shared: true,
      admin_state_up: true,
      status: 'ACTIVE',
    },
  },
  {
    run: 'subnet-list',
    as: 'subnets',
    has: [
      {
        name: 'public_subnet',
        cidr: '192.168.100.0/24',
        allocation_pools: [{ start: '192.168.100.20', end: '192.168.100.100' }],
      },
    ],
  },
  {
    run: 'subnet-show public_subnet',
    shows: {
      network_id: '{net.id}',
      enable_dhcp: false,
      gateway_ip: '192.168.100.1',
      ip_version: 4,
    },
  },
  { run: 'net-list --name public01', column: ['name', ['public01']] },
  { run: 'net-list --name public02', column: ['name', []] },
  {
    run: 'agent-list',
    has: ['net1', 'net2'].flatMap((host) => [
      { host, agent_type: 'L3 agent', alive: ':-)', admin_state_up: true },
      { host, agent_type: 'Open vSwitch agent', alive: ':-)', admin_state_up: true },
    ]),
  },
  {
    run: 'net-create public02 --provider:network_type flat --provider:physical_network physnet1',
    fails: /Unable to create the flat network. Physical network physnet1 is in use/,
  },
  { run: 'net-show public02', fails: /Unable to find network with name or id 'public02'/ },
  { run: 'port-create public01 --name gate --fixed-ip ip_address=192.168.100.50', as: 'gate' },
  { run: 'port-show gate', shows: { network_id: '{net.id}', status: 'DOWN', admin_state_up: true } },
  { run: 'net-delete public01', fails: /There are one or more ports still in use on the network/ },
  { run: 'port-delete gate' },
  { run: 'net-update public01 --name renamed --description changed' },
  { run: 'net-show renamed', shows: { id: '{net.id}', description: 'changed' } },
  { run: 'subnet-delete public_subnet' },
  { run: 'net-delete renamed' },
  { run: 'net-list', column: ['name', []] },
];
