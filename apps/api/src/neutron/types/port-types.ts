/** Attribute types of ports: what they may send and receive, what DHCP tells them, and how they are found by address. */
import {
  addressPairWithoutIp,
  duplicateAddressPair,
  invalidInput,
  tooManyAddressPairs,
  type RequestedDhcpOption,
  type RequestedPair,
} from '@plumbline/domain';
import { whyNoDhcpOption } from '@plumbline/contracts';
import { z } from 'zod';
import {
  type AttributeType,
  isStorable,
  isUuid,
  list,
  mac,
  members,
  refuseDuplicates,
  shown,
  toCidr,
  toIp,
  uuid,
} from './attribute-types.js';
import { badRequest, invalidAttribute } from '../../errors/edge-error.js';
import { having, type ConditionContext } from '../attribute.js';
import { fixedIps } from './structured-types.js';

const MOST_GROUPS = 64;
/** A longer list is refused before its items are parsed; the domain has the same limit. */
const MOST_PAIRS = 10;
const MOST_OPTIONS = 64;

/** Ids of security groups; null means none. */
export const securityGroupIds: AttributeType<readonly string[]> = {
  schema: z.array(z.uuid()),
  parse: (value, attribute) => {
    const ids = list(value ?? [], attribute, MOST_GROUPS, (id) => uuid.parse(id, attribute));
    refuseDuplicates(ids, attribute, 'item');
    return ids;
  },
  filter: uuid.filter,
};

const addressPair = (value: unknown, attribute: string): RequestedPair => {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw invalidAttribute(attribute, `'${shown(value)}' is not a dictionary`);
  const { ip_address: ip, mac_address: macAddress, ...rest } = value as Record<string, unknown>;
  if (ip === undefined) throw addressPairWithoutIp();
  const strange = Object.keys(rest);
  if (strange.length > 0) throw badRequest(`Unrecognized attribute(s) '${shown(strange.sort().join(', '))}'`);
  return {
    ipAddress: typeof ip === 'string' && ip.includes('/') ? toCidr(ip, attribute) : toIp(ip, attribute),
    macAddress: macAddress === undefined || macAddress === null ? null : mac.parse(macAddress, attribute),
  };
};

/** Null means none. */
export const addressPairs: AttributeType<readonly RequestedPair[]> = {
  schema: z
    .array(
      z.object({
        ip_address: z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]),
        mac_address: z.string().nullable().optional(),
      }),
    )
    .max(MOST_PAIRS)
    .nullable(),
  parse: (value, attribute) => {
    if (Array.isArray(value) && value.length > MOST_PAIRS) throw tooManyAddressPairs(MOST_PAIRS);
    const pairs = list(value ?? [], attribute, MOST_PAIRS, addressPair);
    const seen = new Set<string>();
    for (const pair of pairs) {
      const text = JSON.stringify(pair);
      if (seen.has(text)) throw duplicateAddressPair(pair.macAddress, pair.ipAddress);
      seen.add(text);
    }
    return pairs;
  },
};

const MAY_BE_EMPTY = ['router', 'classless-static-route'];

function oneLine(value: unknown, attribute: string, most: number, least: number): string {
  if (typeof value !== 'string') throw invalidAttribute(attribute, `'${shown(value)}' is not a valid string`);
  if (value.length > most) throw invalidAttribute(attribute, `'${shown(value)}' exceeds maximum length of ${most}`);
  if (value.trim().length < least)
    throw invalidAttribute(attribute, `'${shown(value)}' Blank strings are not permitted`);
  if (/[\n\r]/.test(value)) throw invalidAttribute(attribute, 'Multi-line strings are not permitted');
  if (!isStorable(value)) throw invalidAttribute(attribute, `'${shown(value)}' holds characters that cannot be stored`);
  return value;
}

const dhcpOption = (item: unknown, attribute: string): RequestedDhcpOption => {
  const fields = members(item, attribute, 'DHCP option', ['opt_name', 'opt_value', 'ip_version']);
  const missing = ['opt_name', 'opt_value'].filter((name) => fields[name] === undefined);
  if (missing.length > 0)
    throw invalidAttribute(attribute, `Validation of dictionary's keys failed. Expected keys: ${missing.join(', ')}`);
  const { opt_name: optName, opt_value: optValue, ip_version: version = 4 } = fields;
  const ipVersion = Number(version);
  if (ipVersion !== 4 && ipVersion !== 6) throw invalidAttribute(attribute, `'${shown(version)}' is not in [4, 6]`);
  const name = oneLine(optName, attribute, 64, 1);
  const value = optValue === null ? null : oneLine(optValue, attribute, 255, MAY_BE_EMPTY.includes(name) ? 0 : 1);
  // One of an older release that cannot be sent may still be removed.
  const wrong = value === null ? null : whyNoDhcpOption({ name, value, ipVersion });
  if (wrong !== null) throw invalidAttribute(attribute, wrong);
  return { name, value, ipVersion };
};

/** Null means none: nothing is changed by it. */
export const dhcpOptions: AttributeType<readonly RequestedDhcpOption[]> = {
  schema: z
    .array(
      z.object({
        opt_name: z.string().max(64),
        opt_value: z.string().max(255).nullable(),
        ip_version: z.union([z.literal(4), z.literal(6)]).optional(),
      }),
    )
    .nullable(),
  parse: (value, attribute) => {
    const options = list(value ?? [], attribute, MOST_OPTIONS, dhcpOption);
    refuseDuplicates(
      options.map(({ name, ipVersion }) => `${name} (IPv${ipVersion})`),
      attribute,
      'option',
    );
    return options;
  },
};

/** Bytes of a name with its domain (RFC 1035 2.3.4). */
const MOST_NAME = 255;

/** Refuses an absolute name outside the operator's domain, and a relative one that is too long with that domain appended. */
export function checkInDomain(name: string, domain: string): void {
  if (name.endsWith('.') ? !name.endsWith(`.${domain}`) : name.length + 1 + domain.length > MOST_NAME)
    throw invalidInput(`dns_name '${shown(name)}' does not fit into the domain '${domain}'`, 'dns_name');
}

/** The DNS name of one address of a port: made from the port's name, or from the address if the port has none. */
export function namedInDns(name: string, ipAddress: string, domain: string): object {
  const host = name === '' ? `host-${ipAddress.replace(/[.:]/g, '-')}` : name;
  const fqdn = host.endsWith('.') ? host : `${host}.${domain}`;
  const hostname = host.endsWith(`.${domain}`) ? host.slice(0, -domain.length - 1) : host;
  return { ip_address: ipAddress, hostname, fqdn };
}

/** Found by a member's value: `subnet_id=...`, `ip_address=10.0.0.3`, or `ip_address_substr=10.0`. */
type WantedIp = Readonly<{ member: 'subnetId' | 'ipAddress' | 'substring'; value: string }>;
const MEMBERS: Readonly<Record<string, WantedIp['member']>> = {
  subnet_id: 'subnetId',
  ip_address: 'ipAddress',
  ip_address_substr: 'substring',
};

/** `fixed_ips=ip_address=10.0.0.3`: the name of a member, then its value. */
export const filteredFixedIps: AttributeType<ReturnType<(typeof fixedIps)['parse']>> = {
  ...fixedIps,
  filter: (text, attribute): WantedIp => {
    const [name = '', ...rest] = text.split('=');
    const value = rest.join('=');
    const member = Object.hasOwn(MEMBERS, name) ? MEMBERS[name] : undefined;
    if (member === undefined || !isStorable(value))
      throw badRequest(
        `Invalid filter for ${attribute}: use ip_address=<address>, ip_address_substr=<part of one> or subnet_id=<id>`,
      );
    return { member, value: member === 'subnetId' && isUuid(value) ? value.toLowerCase() : value };
  },
};

/** Values of one member are alternatives; different members must all match. */
export function havingFixedIps(values: readonly unknown[], statement: ConditionContext): string {
  const wanted = values as readonly WantedIp[];
  return [...new Set(wanted.map(({ member }) => member))]
    .map((member) => ({ member, same: wanted.filter((each) => each.member === member).map(({ value }) => value) }))
    .map(({ member, same }) =>
      member === 'substring'
        ? `(${havingSubstring(same, statement)})`
        : `(${having({ path: ['fixedIps'], each: [member] })(same, statement)})`,
    )
    .join(' AND ');
}

/** No index answers them, and each is looked for in each address. */
const MOST_SUBSTRINGS = 16;

function havingSubstring(parts: readonly string[], { param }: ConditionContext): string {
  if (parts.length > MOST_SUBSTRINGS) throw badRequest(`More than ${MOST_SUBSTRINGS} values of ip_address_substr`);
  return `EXISTS (SELECT FROM jsonb_array_elements(o.doc -> 'fixedIps') f, unnest(${param(parts, 'text[]')}) part
    WHERE strpos(f ->> 'ipAddress', part) > 0)`;
}
