/** A host as DHCP ports name it: `dhcp<uuid>-<network>`, with the UUID (version 5, RFC 9562 section 5.5) of the host's short name, as in the reference. */
import { createHash } from 'node:crypto';
import type { DhcpHost } from '@plumbline/domain';

/** Namespace of domain names. */
const DNS = '6ba7b8109dad11d180b400c04fd430c8';

export function dhcpHost(host: string): DhcpHost {
  const name = host.split('.')[0] ?? '';
  const hash = createHash('sha1').update(Buffer.from(DNS, 'hex')).update(name).digest().subarray(0, 16);
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return {
    host,
    uuid: [
      [0, 8],
      [8, 12],
      [12, 16],
      [16, 20],
      [20, 32],
    ]
      .map(([from, to]) => hex.slice(from, to))
      .join('-'),
  };
}
