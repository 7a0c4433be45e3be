/** Attribute types of security group rules and address groups: the reference's conversions, with its own refusals. */
import { invalidEthertype, invalidIpPrefix, invalidPortValue, toProtocol } from '@plumbline/domain';
import { canonicalAddress, IpAddress } from '@plumbline/contracts';
import { z } from 'zod';
import { type AttributeType, integer, isStorable, list, shown, text, toCidr } from './attribute-types.js';
import { badRequest, invalidAttribute } from '../../errors/edge-error.js';

const MOST_ADDRESSES = 1024;

/** The id of another object. Text that is no UUID is not refused here: the look-up does not find it. */
export const reference: AttributeType<string> = {
  schema: z.uuid(),
  parse: (value, attribute) => text(36).parse(value, attribute).toLowerCase(),
  filter: (value, attribute) => text(4096).parse(value, attribute).toLowerCase(),
};

/** A name or a number; null and `any` mean every protocol. */
export const protocol: AttributeType<string | null> = {
  schema: z.union([z.string(), z.int().min(0).max(255)]).nullable(),
  parse: toProtocol,
  filter: (value) => (value === '' || value === 'any' ? null : value.toLowerCase()),
};

const ETHERTYPES = ['IPv4', 'IPv6'] as const;
const toEthertype = (value: unknown): (typeof ETHERTYPES)[number] => {
  const found = ETHERTYPES.find((name) => typeof value === 'string' && name.toLowerCase() === value.toLowerCase());
  if (!found) throw invalidEthertype(shown(value));
  return found;
};
/** Upper or lower case. */
export const ethertype: AttributeType<(typeof ETHERTYPES)[number]> = {
  schema: z.enum(ETHERTYPES),
  parse: toEthertype,
  filter: toEthertype,
};

/** A port, or of ICMP a type or code, that may be null. */
export const portValue: AttributeType<number | null> = {
  schema: z.int().min(0).max(65535).nullable(),
  parse: (value) => {
    if (value === null) return null;
    const number = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isInteger(number) || number < 0 || number > 65535)
      throw invalidPortValue(shown(value));
    return number;
  },
  filter: (value, attribute) => (value === '' ? null : integer(0, 65535).filter?.(value, attribute)),
};

/** A prefix, or an address, which becomes a prefix of full length; null and '' mean none. Host bits are kept. */
export const ipPrefix: AttributeType<string | null> = {
  schema: z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]).nullable(),
  parse: (value, attribute) => {
    if (value === null || value === '') return null;
    if (typeof value === 'string' && IpAddress.safeParse(value).success)
      return `${canonicalAddress(value)}/${value.includes(':') ? 128 : 32}`;
    try {
      return toCidr(value, attribute);
    } catch {
      throw invalidIpPrefix(shown(value));
    }
  },
  filter: (value, attribute) => (value === '' ? null : text(4096).filter?.(value, attribute)),
};

/** Prefixes of an address group; null means none. */
export const addresses: AttributeType<readonly string[]> = {
  schema: z.array(z.union([z.cidrv4(), z.cidrv6()])).nullable(),
  parse: (value, attribute) =>
    list(value ?? [], attribute, MOST_ADDRESSES, (item) => {
      try {
        return toCidr(item, attribute);
      } catch {
        throw invalidAttribute(attribute, `'${shown(item)}' is not a valid IP subnet`);
      }
    }),
};

/** An address stands for itself alone; anything else is left as it is. */
const orSingle = (item: unknown): unknown =>
  typeof item === 'string' && IpAddress.safeParse(item).success ? `${item}/${item.includes(':') ? 128 : 32}` : item;

/** Body of add_addresses and remove_addresses, with or without the resource's name around it. `single`: addresses are taken for prefixes of full length. */
export function namedAddresses(body: unknown, single = false): readonly string[] {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    value !== null && typeof value === 'object' && !Array.isArray(value);
  const inner = isObject(body) && isObject(body['address_group']) ? body['address_group'] : body;
  if (!isObject(inner) || !Object.hasOwn(inner, 'addresses'))
    throw badRequest(`Failed to parse request. Required attribute 'addresses' not specified`);
  const strange = Object.keys(inner).filter((name) => name !== 'addresses');
  if (strange.length > 0 && strange.every(isStorable))
    throw badRequest(`Unrecognized attribute(s) '${shown(strange.sort().join(', '))}'`);
  const { addresses: given } = inner;
  return addresses.parse(single && Array.isArray(given) ? given.map(orSingle) : given, 'addresses');
}
