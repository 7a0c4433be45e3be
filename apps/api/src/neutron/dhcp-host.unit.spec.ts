import { expect, it } from '@jest/globals';
import { dhcpHost } from './dhcp-host.js';

// The device ids of the reference on a host of this name.
it.each(['vm', 'vm.example.org'])('the UUID of %s is that of its short name', (host) => {
  expect(dhcpHost(host)).toEqual({ host, uuid: 'e5e61fb5-d685-5b50-9ba7-acb6e6962ef3' });
});
