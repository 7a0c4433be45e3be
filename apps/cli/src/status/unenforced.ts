/**
 * Hosts that enforce no security groups while ports with port security are bound there: their rules hold nothing back now, and when the host begins to enforce
 * them, ports whose groups let nothing in become silent at once. An operator opens these first (docs/how-to/enforce-security-groups.md).
 */
import { z } from 'zod';
import type { ApiReader } from './api-reader.js';

/** `letsIn`: what its groups let in from elsewhere; `groups`: other ports of security groups alone. */
export type Closed = Readonly<{ id: string; name: string; letsIn: 'nothing' | 'groups' }>;
/** `ports`: number of ports with port security that are bound there. */
export type Unenforced = Readonly<{ host: string; ports: number; closed: readonly Closed[] }>;

const Port = z.object({
  id: z.string(),
  name: z.string(),
  device_owner: z.string(),
  security_groups: z.array(z.string()),
});
const Rule = z.object({ direction: z.string(), remote_group_id: z.string().nullable() });
const Group = z.object({ id: z.string(), security_group_rules: z.array(Rule) });

/** Ids in one request: its address stays short. */
const AT_ONCE = 50;

/** Two lists for each host, and the groups of their ports. */
export async function unenforcedOn(reader: ApiReader, hosts: readonly string[]): Promise<Unenforced[]> {
  const found = await Promise.all(hosts.map(async (host) => ({ host, ports: await securedOn(reader, host) })));
  const bound = found.filter(({ ports }) => ports.length > 0);
  const groups = [...new Set(bound.flatMap(({ ports }) => ports.flatMap((port) => port.security_groups)))].sort();
  const opening = await openings(reader, groups);
  return bound.map(({ host, ports }) => ({
    host,
    ports: ports.length,
    closed: ports.flatMap(({ id, name, security_groups }): Closed[] => {
      const given = security_groups.map((group) => opening.get(group) ?? 'nothing');
      if (given.includes('others')) return [];
      return [{ id, name, letsIn: given.includes('groups') ? 'groups' : 'nothing' }];
    }),
  }));
}

async function securedOn(reader: ApiReader, host: string): Promise<z.infer<typeof Port>[]> {
  const fields = ['id', 'name', 'device_owner', 'security_groups'].map((field) => `fields=${field}`).join('&');
  const where = `binding:host_id=${encodeURIComponent(host)}&port_security_enabled=true`;
  const ports = await reader.list(`/v2.0/ports?${where}&${fields}`, 'ports', Port);
  // No security group applies to ports of the cloud's own services.
  return ports.filter(({ device_owner }) => !device_owner.startsWith('network:'));
}

/** Group -> what it lets in. */
async function openings(
  reader: ApiReader,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Closed['letsIn'] | 'others'>> {
  const openings = new Map<string, Closed['letsIn'] | 'others'>();
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const some = ids.slice(at, at + AT_ONCE).map((id) => `id=${id}`);
    const path = `/v2.0/security-groups?fields=id&fields=security_group_rules&${some.join('&')}`;
    for (const { id, security_group_rules } of await reader.list(path, 'security_groups', Group)) {
      const ingress = security_group_rules.filter(({ direction }) => direction === 'ingress');
      const others = ingress.some(({ remote_group_id }) => remote_group_id === null);
      openings.set(id, others ? 'others' : ingress.length > 0 ? 'groups' : 'nothing');
    }
  }
  return openings;
}
