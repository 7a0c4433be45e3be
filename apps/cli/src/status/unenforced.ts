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

type Family = 4 | 6;
const Address = z.object({ ip_address: z.string() });
const Port = z.object({
  id: z.string(),
  name: z.string(),
  device_owner: z.string(),
  security_groups: z.array(z.string()),
  fixed_ips: z.array(Address),
  allowed_address_pairs: z.array(Address),
});
const Rule = z.object({
  direction: z.string(),
  ethertype: z.string(),
  remote_group_id: z.string().nullable(),
  /** Absent: an API of a release without address groups. */
  remote_address_group_id: z.string().nullish(),
});
const Group = z.object({ id: z.string(), security_group_rules: z.array(Rule) });
const AddressGroup = z.object({ id: z.string(), addresses: z.array(z.string()) });

/** What one rule lets in. */
type Opening = Readonly<{ family: Family; from: 'groups' | 'others' }>;

/** Ids in one request: its address stays short. */
const AT_ONCE = 50;

/** One list for each host, and the groups of their ports. */
export async function unenforcedOn(reader: ApiReader, hosts: readonly string[]): Promise<Unenforced[]> {
  const found = await Promise.all(hosts.map(async (host) => ({ host, ports: await securedOn(reader, host) })));
  const bound = found.filter(({ ports }) => ports.length > 0);
  const groups = bound.flatMap(({ ports }) => ports.flatMap((port) => port.security_groups));
  const openings = await openingsOf(reader, groups);
  return bound.map(({ host, ports }) => ({
    host,
    ports: ports.length,
    closed: ports.flatMap((port): Closed[] => {
      const families = familiesOf(port);
      const open = port.security_groups
        .flatMap((group) => openings.get(group) ?? [])
        .filter(({ family }) => families.has(family));
      if (open.some(({ from }) => from === 'others')) return [];
      return [{ id: port.id, name: port.name, letsIn: open.length > 0 ? 'groups' : 'nothing' }];
    }),
  }));
}

async function securedOn(reader: ApiReader, host: string): Promise<z.infer<typeof Port>[]> {
  const fields = Object.keys(Port.shape).map((field) => `fields=${field}`);
  const where = `binding:host_id=${encodeURIComponent(host)}&port_security_enabled=true`;
  const ports = await reader.list(`/v2.0/ports?${where}&${fields.join('&')}`, 'ports', Port);
  // No security group applies to ports of the cloud's own services.
  return ports.filter(({ device_owner }) => !device_owner.startsWith('network:'));
}

/** Of the addresses that packets for the port may have. */
function familiesOf({ fixed_ips, allowed_address_pairs }: z.infer<typeof Port>): ReadonlySet<Family> {
  return new Set([...fixed_ips, ...allowed_address_pairs].map(({ ip_address }) => familyOf(ip_address)));
}
const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4);

/** Group -> what its rules let in. */
async function openingsOf(reader: ApiReader, ids: readonly string[]): Promise<ReadonlyMap<string, readonly Opening[]>> {
  const groups = await byIds(reader, 'security-groups', 'security_groups', Group, ids);
  const rules = groups.flatMap(({ security_group_rules }) => security_group_rules);
  const named = rules.flatMap(({ remote_address_group_id: id }) => (id ? [id] : []));
  const sets = await byIds(reader, 'address-groups', 'address_groups', AddressGroup, named);
  const addresses = new Map(sets.map(({ id, addresses }) => [id, addresses]));
  const opening = (rule: z.infer<typeof Rule>): Opening[] => {
    const family = rule.ethertype === 'IPv6' ? 6 : 4;
    const set = rule.remote_address_group_id && (addresses.get(rule.remote_address_group_id) ?? []);
    if (rule.direction !== 'ingress' || (set && !set.some((each) => familyOf(each) === family))) return [];
    return [{ family, from: rule.remote_group_id === null ? 'others' : 'groups' }];
  };
  return new Map(groups.map(({ id, security_group_rules }) => [id, security_group_rules.flatMap(opening)]));
}

async function byIds<T>(
  reader: ApiReader,
  path: string,
  collection: string,
  schema: z.ZodObject & z.ZodType<T>,
  ids: readonly string[],
): Promise<T[]> {
  const wanted = [...new Set(ids)].sort();
  const fields = Object.keys(schema.shape).map((field) => `fields=${field}`);
  const found: T[] = [];
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    const some = wanted.slice(at, at + AT_ONCE).map((id) => `id=${id}`);
    found.push(...(await reader.list(`/v2.0/${path}?${[...fields, ...some].join('&')}`, collection, schema)));
  }
  return found;
}
