/** Port forwardings, of floating IPs and of routers' own gateway addresses: the same attributes at two places. */
import type { PortRange } from '@plumbline/contracts';
import {
  createPortForwardings,
  deletePortForwarding,
  type NewPortForwarding,
  type OutsideKind,
  type PortForwardingChanges,
  portForwardingNotFound,
  updatePortForwarding,
} from '@plumbline/domain';
import { z } from 'zod';
import { type AttributeType, integer, ip, oneOf, orNull, shown, text, uuid } from '../types/attribute-types.js';
import { badRequest, invalidAttribute } from '../../errors/edge-error.js';
import { type Attribute, containing, type Resource, type Row, type Wish } from '../resource.js';
import { description, id } from './standard.js';

const LAST_PORT = 65535;
const PROTOCOLS = ['tcp', 'udp', 'icmp', 'sctp'];

/** `first:last`, or one port. */
const portRange: AttributeType = {
  schema: z.string(),
  parse: (value, attribute) => {
    const [, from, to] =
      /^(\d{1,5})(?::(\d{1,5}))?$/.exec(
        typeof value === 'number' ? String(value) : (text().parse(value, attribute) as string),
      ) ?? [];
    if (from === undefined)
      throw invalidAttribute(attribute, `'${shown(value)}' is not a port or a range of ports first:last`);
    const range = { first: Number(from), last: Number(to ?? from) };
    if (range.first < 1 || range.last > LAST_PORT)
      throw invalidAttribute(attribute, 'Invalid port value, the port value must be a value between 1 and 65535');
    if (range.first > range.last)
      throw invalidAttribute(attribute, 'First port in a port range must be lower than the second port');
    return range;
  },
  filter: (value, attribute) => portRange.parse(value, attribute),
};

const protocol: AttributeType = {
  ...oneOf(PROTOCOLS),
  parse: (value, attribute) =>
    oneOf(PROTOCOLS).parse(typeof value === 'string' ? value.toLowerCase() : value, attribute),
  filter: (value) => value.toLowerCase(),
};

type Side = 'externalPorts' | 'internalPorts';
const rangeOf = (row: Row, side: Side): PortRange | null => row.doc[side] as PortRange | null;

/** A side's ports under their two names: a single port, and a range. */
function ports(name: 'external' | 'internal', side: Side): readonly Attribute[] {
  const common = { post: 'allowed', put: true, default: null, filter: true, sort: true } as const;
  const sql = `lpad(o.doc #>> '{${side},first}', 5, '0')`;
  return [
    {
      name: `${name}_port`,
      path: `${name}Port`,
      type: orNull(integer(1, LAST_PORT)),
      ...common,
      sql,
      where: containing((value) => ({ [side]: value === null ? null : { first: value, last: value } })),
      show: (row) => {
        const range = rangeOf(row, side);
        return range && range.first === range.last ? range.first : null;
      },
      about: `The ${name} port, when it is one.`,
    },
    {
      name: `${name}_port_range`,
      path: `${name}PortRange`,
      type: orNull(portRange),
      ...common,
      sql,
      where: containing((value) => ({ [side]: value })),
      show: (row) => {
        const range = rangeOf(row, side);
        return range && `${range.first}:${range.last}`;
      },
      about: `The ${name} ports, as first:last.`,
    },
  ];
}

const attributes: readonly Attribute[] = [
  id,
  ...ports('external', 'externalPorts'),
  {
    name: 'protocol',
    path: 'protocol',
    type: protocol,
    post: 'required',
    put: true,
    filter: true,
    sort: true,
    about: 'tcp, udp and sctp with ports; icmp without.',
  },
  {
    name: 'internal_port_id',
    path: 'internalPortId',
    type: uuid,
    post: 'required',
    put: true,
    filter: true,
    sort: true,
    about: 'The port it leads to.',
  },
  {
    name: 'internal_ip_address',
    path: 'internalIpAddress',
    type: orNull(ip),
    post: 'allowed',
    put: true,
    default: null,
    filter: true,
    sort: true,
    about: 'Which IPv4 address of that port; the first when absent.',
  },
  ...ports('internal', 'internalPorts'),
  description,
];

/** One side's ports as the client said them; undefined when it said nothing, null when it said none. */
function said(wish: Wish, name: 'external' | 'internal'): PortRange | null | undefined {
  const port = wish[`${name}Port`] as number | null | undefined;
  const range = wish[`${name}PortRange`] as PortRange | null | undefined;
  if (port === undefined && range === undefined) return undefined;
  const one = typeof port === 'number' ? { first: port, last: port } : null;
  if (one && range && (range.first !== one.first || range.last !== one.last))
    throw badRequest(`Attributes ${name}_port and ${name}_port_range contradict each other: give one of them`);
  return range ?? one;
}

function created(wish: Wish, outside: NewPortForwarding['outside']): NewPortForwarding {
  const { protocol, description, internalPortId, internalIpAddress } = wish as unknown as NewPortForwarding;
  return {
    outside,
    protocol,
    description,
    internalPortId,
    internalIpAddress,
    externalPorts: said(wish, 'external') ?? null,
    internalPorts: said(wish, 'internal') ?? null,
  };
}

function changed(wish: Wish): PortForwardingChanges {
  const { protocol, description, internalPortId, internalIpAddress } = wish as PortForwardingChanges;
  return {
    protocol,
    description,
    internalPortId,
    internalIpAddress,
    externalPorts: said(wish, 'external'),
    internalPorts: said(wish, 'internal'),
  };
}

const shared = (kind: OutsideKind) =>
  ({
    name: 'port_forwarding',
    collection: 'port_forwardings',
    kind: 'portforwarding',
    visible: 'own',
    attributes,
    notFound: portForwardingNotFound,
    update: async (forwarding: string, wish: Wish) => updatePortForwarding(kind, forwarding, changed(wish)),
    delete: (forwarding: string) => deletePortForwarding(kind, forwarding),
  }) as const;

export const floatingIpPortForwardings: Resource = {
  ...shared('floatingip'),
  partOf: { name: 'floatingip', path: 'floatingIpId' },
  about: 'Ports of a floating IP that lead to a port of an inside address.',
  from: 'plumbline.port_forwardings o',
  create: async (wishes) =>
    createPortForwardings(wishes.map((wish) => created(wish, { floatingIpId: String(wish['floatingIpId']) }))),
};

/** Our extension `router-gateway-port-forwarding`: docs/design/router-gateway-port-forwarding.md. */
export const gatewayPortForwardings: Resource = {
  ...shared('gateway'),
  partOf: { name: 'router', path: 'routerId' },
  about: "Ports of a router's own gateway address that lead to a port of an inside address.",
  from: `(SELECT * FROM plumbline.port_forwardings WHERE doc -> 'floatingIpId' = 'null') o`,
  create: async (wishes) =>
    createPortForwardings(wishes.map((wish) => created(wish, { routerId: String(wish['routerId']) }))),
};
