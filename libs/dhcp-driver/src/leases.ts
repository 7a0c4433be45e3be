/** The leases file of dnsmasq: one lease a line, `duid <server's>` above those of IPv6. */
import type { FoundLease } from '@plumbline/dhcp-core';

export function leasesIn(text: string): FoundLease[] {
  const leases: FoundLease[] = [];
  let serverDuid: string | null = null;
  for (const line of text.split('\n')) {
    const [first = '', second = '', address = '', , client = ''] = line.split(' ');
    if (first === 'duid') serverDuid = second;
    else if (address === '') continue;
    else if (serverDuid === null)
      leases.push({
        version: 4,
        address,
        mac: hardwareOf(second),
        clientId: client === '*' || client === '' ? null : client,
      });
    else leases.push({ version: 6, address, iaid: second.replace(/^T/, ''), duid: client, serverDuid });
  }
  return leases;
}

/** A hardware type other than Ethernet stands before the address: `06-...`. */
const hardwareOf = (text: string): string => text.split('-').at(-1) ?? text;
