/** Attribute types that are lists and objects of addresses. */
import type { AllocationPool, HostRoute } from '@plumbline/contracts';
import { z } from 'zod';
import {
  AttributeType,
  isUuid,
  list,
  members,
  onlyNull,
  isNothing,
  orAnyEmpty,
  orEmpty,
  orNull,
  bool,
  refuseDuplicates,
  shown,
  toCidr,
  toIp,
  uuid,
} from './attribute-types.js';
import { badRequest, invalidAttribute } from '../../errors/edge-error.js';

const MOST_ITEMS = 64;
/** One address of a port as a client asks for it: at least one of both. */
type FixedIp = Readonly<{ subnetId?: string; ipAddress?: string }>;
type Gateway = Readonly<{ networkId: string; enableSnat?: boolean; externalFixedIps?: readonly FixedIp[] }>;

const address = z.union([z.ipv4(), z.ipv6()]);
const prefix = z.union([z.cidrv4(), z.cidrv6()]);

const fixedIp = (value: unknown, attribute: string): FixedIp => {
  const { subnet_id: subnetId, ip_address: ipAddress } = members(value, attribute, 'fixed IP', [
    'subnet_id',
    'ip_address',
  ]);
  if (subnetId === undefined && ipAddress === undefined)
    throw invalidAttribute(attribute, `Invalid data format for fixed IP: '${shown(value)}'`);
  return {
    ...(subnetId !== undefined && { subnetId: uuid.parse(subnetId, attribute) }),
    ...(ipAddress !== undefined && { ipAddress: toIp(ipAddress, attribute) }),
  };
};

export const fixedIps: AttributeType<readonly FixedIp[]> = {
  schema: z.array(z.object({ subnet_id: z.uuid().optional(), ip_address: address.optional() })),
  parse: (value, attribute) => {
    const ips = list(value, attribute, MOST_ITEMS, fixedIp);
    refuseDuplicates(
      ips.flatMap((ip) => ip.ipAddress ?? []),
      attribute,
      'IP address',
    );
    return ips;
  },
};

export const allocationPools: AttributeType<readonly AllocationPool[]> = {
  schema: z.array(z.object({ start: address, end: address })),
  parse: (value, attribute) =>
    list(value, attribute, MOST_ITEMS, (item) => {
      const { start, end } = members(item, attribute, 'IP pool', ['start', 'end']);
      return { start: toIp(start, attribute), end: toIp(end, attribute) };
    }),
};

const route = (what: string) => (item: unknown, attribute: string) => {
  const { destination, nexthop } = members(item, attribute, what, ['destination', 'nexthop']);
  return { destination: toCidr(destination, attribute), nexthop: toIp(nexthop, attribute) };
};

/** Null means none. */
export const hostRoutes = orEmpty<HostRoute>({
  schema: z.array(z.object({ destination: prefix, nexthop: address })),
  parse: (value, attribute) => {
    const routes = list(value, attribute, MOST_ITEMS, route('hostroute'));
    refuseDuplicates(
      routes.map((each) => JSON.stringify(each)),
      attribute,
      'hostroute',
    );
    return routes;
  },
});

/** Null, "" and {} mean none. */
export const nameservers = orAnyEmpty<string>({
  schema: z.array(address),
  parse: (value, attribute) => {
    const servers = list(value, attribute, MOST_ITEMS, toIp);
    refuseDuplicates(servers, attribute, 'nameserver');
    return servers;
  },
});

const gateway: AttributeType<Gateway | null> = {
  schema: z.object({
    network_id: z.uuid(),
    enable_snat: z.boolean().optional(),
    external_fixed_ips: fixedIps.schema.optional(),
    qos_policy_id: onlyNull.schema.optional(),
  }),
  parse: (value, attribute) => {
    const given = members(value, attribute, attribute, [
      'network_id',
      'enable_snat',
      'external_fixed_ips',
      'qos_policy_id',
    ]);
    const { network_id: networkId, enable_snat: snat, external_fixed_ips: ips, qos_policy_id: policy } = given;
    if (policy !== undefined) onlyNull.parse(policy, `${attribute}.qos_policy_id`);
    if (networkId === undefined)
      throw invalidAttribute(attribute, `Validation of dictionary's keys failed. Expected keys: network_id`);
    return {
      networkId: uuid.parse(networkId, attribute),
      ...(snat !== undefined && { enableSnat: bool.parse(snat, `${attribute}.enable_snat`) }),
      ...(ips !== undefined &&
        ips !== null && { externalFixedIps: fixedIps.parse(ips, `${attribute}.external_fixed_ips`) }),
    };
  },
};
/** Null and whatever else is nothing mean: none. */
export const gatewayInfo: AttributeType<Gateway | null> = {
  ...orNull(gateway),
  parse: (value, attribute) => (isNothing(value) ? null : gateway.parse(value, attribute)),
};

/** Body of add_router_interface and remove_router_interface: not a resource, so it has no name around it. */
export function interfaceName(body: unknown): { subnetId?: string; portId?: string } {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) throw badRequest('Resource body required');
  const { subnet_id: subnetId, port_id: portId, ...rest } = body as Record<string, unknown>;
  const strange = Object.keys(rest).filter((name) => name !== 'id' && name !== 'tenant_id');
  if (strange.length > 0) throw badRequest(`Unrecognized attribute(s) '${shown(strange.sort().join(', '))}'`);
  const named = (value: unknown, attribute: string): string => {
    if (typeof value !== 'string' || !isUuid(value))
      throw invalidAttribute(attribute, `'${shown(value)}' is not a valid UUID`);
    return value.toLowerCase();
  };
  return {
    ...(subnetId !== undefined && subnetId !== null && { subnetId: named(subnetId, 'subnet_id') }),
    ...(portId !== undefined && portId !== null && { portId: named(portId, 'port_id') }),
  };
}
