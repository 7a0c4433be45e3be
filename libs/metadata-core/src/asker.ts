/**
 * Who asks for metadata: the router or network whose namespace the question came in by, and the address that it came from. Both are the proxy's words, which no
 * guest can say itself; together they name a port, and the port its device.
 */
import { dhcpNetns } from '@plumbline/dhcp-core';
import { netnsOf } from '@plumbline/l3-core';

/** A namespace in which guests are answered: a router's, or that of a network's DHCP. */
export type Asker = Readonly<{ kind: 'router' | 'network'; id: string }>;
/** `<kind>/<id>`: the key of the object in a view. */
export type AskerKey = `${Asker['kind']}/${string}`;

export const askerKey = ({ kind, id }: Asker): AskerKey => `${kind}/${id}`;
export const askerNetns = ({ kind, id }: Asker): string => (kind === 'router' ? netnsOf(id) : dhcpNetns(id));

/** Headers that the proxy sets, one of them, whatever a guest sends. The reference's. */
export const ASKER_HEADERS: Readonly<Record<Asker['kind'], string>> = {
  router: 'X-Neutron-Router-ID',
  network: 'X-Neutron-Network-ID',
};
export const SOURCE_HEADER = 'X-Forwarded-For';
