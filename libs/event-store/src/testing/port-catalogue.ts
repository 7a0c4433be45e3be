/** A catalogue small enough to see through: ports that are made, moved to another address, and deleted. For specs of the rebuild. */
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import type { RowUpsert } from '../event-store.js';
import type { Derivation } from '../postgres/rebuild/derivation.js';

export type Port = Readonly<{ id: string; ip: string; version: number; setAt: Record<string, number> }>;

export const derivation: Derivation<Port> = {
  keyOf: (event) => event.stream,
  evolve(port, { position, stream, streamVersion, event }) {
    if (event.type === 'PortDeleted') return undefined;
    const ip = (event.data as { ip: string }).ip;
    return {
      id: stream.slice('port-'.length),
      ip,
      version: streamVersion,
      setAt: { existence: port?.setAt['existence'] ?? position, ip: position },
    };
  },
  rowOf: (port) => rowOf(port),
  claimsOf: (port) => [`address/${port.ip}`],
  tallyOf: ({ id }) => tallyOf(id),
  generation: CATALOGUE_VERSION,
};

export const tallyOf = (id: string): string => `port/${id.slice(0, 1)}`;

export const rowOf = ({ id, ip, version, setAt }: Port): RowUpsert => ({
  kind: 'port',
  id,
  version,
  projectId: 'p',
  name: `port ${ip}`,
  doc: { id, ip },
  setAt,
});
