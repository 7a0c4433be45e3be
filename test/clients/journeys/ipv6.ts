/** IPv6 with `openstack`: address modes, addresses that follow from the MAC, and what may not be combined. */
import { expect } from '@jest/globals';
import type { Journey } from '../journey.js';

export const ipv6: Journey = [
  { run: 'network create six', as: 'six' },
  {
    run: 'subnet create slaac --network six --ip-version 6 --subnet-range 2001:db8:1::/64 --ipv6-ra-mode slaac --ipv6-address-mode slaac',
    as: 'slaac',
    shows: { gateway_ip: '2001:db8:1::1', ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac', ip_version: 6 },
  },
  {
    run: 'subnet create plain --network six --ip-version 6 --subnet-range 2001:db8:2::/64',
    as: 'plain',
    shows: {
      ipv6_ra_mode: null,
      ipv6_address_mode: null,
      allocation_pools: [{ start: '2001:db8:2::2', end: '2001:db8:2:0:ffff:ffff:ffff:ffff' }],
    },
  },
  {
    run: 'subnet create clash --network six --ip-version 6 --subnet-range 2001:db8:3::/64 --ipv6-ra-mode slaac --ipv6-address-mode dhcpv6-stateful',
    fails: /ipv6_ra_mode .*ipv6_address_mode|same value/,
  },
  {
    run: 'subnet create four --network six --subnet-range 10.6.0.0/24 --ipv6-ra-mode slaac',
    fails: /ipv6_ra_mode/,
  },
  {
    run: 'port create auto --network six --mac-address fa:16:3e:00:00:01 --fixed-ip subnet=slaac',
    shows: { fixed_ips: [{ subnet_id: '{slaac.id}', ip_address: '2001:db8:1:0:f816:3eff:fe00:1' }] },
  },
  {
    run: 'port create chosen --network six --fixed-ip subnet=plain,ip-address=2001:db8:2::99',
    shows: {
      fixed_ips: expect.arrayContaining([{ subnet_id: expect.any(String), ip_address: '2001:db8:2::99' }]),
    },
  },
  { run: 'subnet list --network six --ip-version 6', column: ['Name', ['slaac', 'plain']] },
  { run: 'subnet list --network six --ip-version 4', column: ['Name', []] },
  { run: 'port list --network six --fixed-ip ip-address=2001:db8:2::99', column: ['Name', ['chosen']] },
  { run: 'port delete auto chosen' },
  { run: 'network delete six' },
  { run: 'subnet list', column: ['Name', []] },
];
