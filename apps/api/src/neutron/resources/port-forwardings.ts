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
import type { CreateInput, UpdateInput } from '../input.js';
import { type Attribute, having, type Row, table } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import { description, id } from './standard.js';

const LAST_PORT = 65535;
const PROTOCOLS = ['tcp', 'udp', 'icmp', 'sctp'] as const;
type Protocol = (typeof PROTOCOLS)[number];

/** `first:last`, or one port. */
const portRange: AttributeType<PortRange> = {
  schema: z.string(),
  parse: (value, attribute) => {
    const [, from, to] =
      /^(\d{1,5})(?::(\d{1,5}))?$/.exec(typeof value === 'number' ? String(value) : text().parse(value, attribute)) ??
      [];
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

const protocol: AttributeType<Protocol> = {
  ...oneOf(PROTOCOLS),
  parse: (value, attribute) =>
    oneOf(PROTOCOLS).parse(typeof value === 'string' ? value.toLowerCase() : value, attribute),
  filter: (value) => value.toLowerCase(),
};

type Side = 'externalPorts' | 'internalPorts';
const rangeOf = (row: Row, side: Side): PortRange | null => row.doc[side] as PortRange | null;

const given = { post: 'allowed', put: true, default: null, filter: true, sort: true } as const;
const firstPort = (side: Side): string => `lpad(o.doc #>> '{${side},first}', 5, '0')`;

/** The ports of one side have two attributes: a single port, and a range. */
const onePort = <const P extends string>(name: string, path: P, side: Side, about: string) =>
  ({
    name,
    path,
    type: orNull(integer(1, LAST_PORT)),
    ...given,
    sql: firstPort(side),
    where: (values, context) =>
      having({ path: [side] })(
        values.map((value) => (value === null ? null : { first: value, last: value })),
        context,
      ),
    show: (row) => {
      const range = rangeOf(row, side);
      return range && range.first === range.last ? range.first : null;
    },
    about,
  }) as const satisfies Attribute;
const severalPorts = <const P extends string>(name: string, path: P, side: Side, about: string) =>
  ({
    name,
    path,
    type: orNull(portRange),
    ...given,
    sql: firstPort(side),
    where: having({ path: [side] }),
    show: (row) => {
      const range = rangeOf(row, side);
      return range && `${range.first}:${range.last}`;
    },
    about,
  }) as const satisfies Attribute;

const attributes = table([
  id,
  onePort('external_port', 'externalPort', 'externalPorts', 'The external port, when it is one.'),
  severalPorts('external_port_range', 'externalPortRange', 'externalPorts', 'The external ports, as first:last.'),
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
  onePort('internal_port', 'internalPort', 'internalPorts', 'The internal port, when it is one.'),
  severalPorts('internal_port_range', 'internalPortRange', 'internalPorts', 'The internal ports, as first:last.'),
  description,
]);

/** One side's ports as the client gave them; undefined when it did not mention them, null when it asked for none. */
function said(
  name: 'external' | 'internal',
  port: number | null | undefined,
  range: PortRange | null | undefined,
): PortRange | null | undefined {
  if (port === undefined && range === undefined) return undefined;
  const one = typeof port === 'number' ? { first: port, last: port } : null;
  if (one && range && (range.first !== one.first || range.last !== one.last))
    throw badRequest(`Attributes ${name}_port and ${name}_port_range contradict each other: give one of them`);
  return range ?? one;
}

type Changes = UpdateInput<typeof attributes>;
const sides = ({ externalPort, externalPortRange, internalPort, internalPortRange }: Changes) => ({
  externalPorts: said('external', externalPort, externalPortRange),
  internalPorts: said('internal', internalPort, internalPortRange),
});

function created(input: CreateInput<typeof attributes>, outside: NewPortForwarding['outside']): NewPortForwarding {
  const { protocol, description, internalPortId, internalIpAddress } = input;
  const { externalPorts = null, internalPorts = null } = sides(input);
  return { outside, protocol, description, internalPortId, internalIpAddress, externalPorts, internalPorts };
}

function changed(input: Changes): PortForwardingChanges {
  const { protocol, description, internalPortId, internalIpAddress } = input;
  return { protocol, description, internalPortId, internalIpAddress, ...sides(input) };
}

const shared = (kind: OutsideKind) =>
  ({
    name: 'port_forwarding',
    collection: 'port_forwardings',
    kind: 'portforwarding',
    visible: 'own',
    attributes,
    notFound: portForwardingNotFound,
    update: async (forwarding: string, input: Changes) => updatePortForwarding(kind, forwarding, changed(input)),
    delete: (forwarding: string) => deletePortForwarding(kind, forwarding),
  }) as const;

export const floatingIpPortForwardings: Resource = declare({
  ...shared('floatingip'),
  partOf: { name: 'floatingip', path: 'floatingIpId' },
  about: 'Ports of a floating IP that lead to a port of an inside address.',
  create: async (inputs) =>
    createPortForwardings(inputs.map((input) => created(input, { floatingIpId: input.floatingIpId }))),
});

/** Our extension `router-gateway-port-forwarding`: docs/design/router-gateway-port-forwarding.md. */
export const gatewayPortForwardings: Resource = declare({
  ...shared('gateway'),
  partOf: { name: 'router', path: 'routerId' },
  about: "Ports of a router's own gateway address that lead to a port of an inside address.",
  from: (tables) => `(SELECT * FROM ${tables.of('portforwarding')} WHERE doc -> 'floatingIpId' = 'null') o`,
  create: async (inputs) => createPortForwardings(inputs.map((input) => created(input, { routerId: input.routerId }))),
});
