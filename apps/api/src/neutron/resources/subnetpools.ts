import {
  addPrefixes,
  createSubnetPools,
  type Decide,
  deleteSubnetPool,
  invalidInput,
  onboardSubnets,
  removePrefixes,
  subnetPoolNotFound,
  updateSubnetPool,
} from '@plumbline/domain';
import { z } from 'zod';
import {
  type AttributeType,
  bool,
  cidr,
  integer,
  ipVersion,
  list,
  notBlank,
  numberOrNone,
  orNull,
  shown,
  toCidr,
  uuid,
} from '../types/attribute-types.js';
import { badRequest } from '../../errors/edge-error.js';
import { type Attribute, table } from '../attribute.js';
import { type Action, declare, type Resource } from '../resource.js';
import { isOpened, shared, sharedWith } from './shared.js';
import { head, partsChange, tailWithParts } from './standard.js';

const MOST_PREFIXES = 128;
const MOST_QUOTA = 2 ** 31 - 1;

const prefixes: AttributeType<readonly string[]> = {
  schema: z.array(z.union([z.cidrv4(), z.cidrv6()])),
  parse: (value, attribute) => list(value, attribute, MOST_PREFIXES, toCidr),
  filter: cidr.filter,
};

/** Prefix lengths are shown as text, as the reference does. */
const prefixLength = <const P extends string>(name: string, path: P, about: string) =>
  ({
    name,
    path,
    type: integer(0, 128),
    shownAs: z.string(),
    post: 'allowed',
    put: true,
    filter: true,
    sort: true,
    show: ({ doc }) => String(doc[path]),
    about,
  }) as const satisfies Attribute;

/** The body of an action is the object itself, without the resource's name around it. */
function fieldsOf(body: unknown, ...names: readonly string[]): Readonly<Record<string, unknown>> {
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw badRequest('Request body contains invalid data');
  const strange = Object.keys(body).filter((each) => !names.includes(each));
  if (strange.length > 0) throw badRequest(`Unrecognized attribute(s) '${shown(strange.sort().join(', '))}'`);
  return body as Record<string, unknown>;
}

function prefixesIn(body: unknown): readonly string[] {
  const { prefixes: given } = fieldsOf(body, 'prefixes');
  if (!Array.isArray(given) || given.length === 0) throw badRequest('Request body contains invalid data');
  return prefixes.parse(given, 'prefixes');
}

const answering =
  <T>(decide: Decide<T>, answer: (result: T) => unknown): ReturnType<Action> extends Promise<infer D> ? D : never =>
  (topology, context) => {
    const { result, ...decision } = decide(topology, context);
    return { ...decision, result: answer(result) as Record<string, unknown> };
  };
const asPrefixes = (left: readonly string[]) => ({ prefixes: left });

const attributes = table([
  ...head,
  {
    name: 'name',
    path: 'name',
    type: notBlank(),
    post: 'required',
    put: true,
    sql: 'o.name',
    filter: true,
    sort: true,
    about: 'Name, not blank; need not be unique.',
  },
  {
    name: 'prefixes',
    path: 'prefixes',
    type: prefixes,
    post: 'required',
    put: true,
    about:
      'Prefixes of one IP version; adjacent ones are merged. An update may only add; add_prefixes and remove_prefixes change single ones.',
  },
  {
    name: 'ip_version',
    path: 'ipVersion',
    type: { ...ipVersion, filter: numberOrNone },
    filter: true,
    sort: true,
    about: '4 or 6.',
  },
  prefixLength(
    'default_prefixlen',
    'defaultPrefixLength',
    'Prefix length of a subnet that names none; min_prefixlen when absent.',
  ),
  prefixLength('min_prefixlen', 'minPrefixLength', 'The shortest: 8 of IPv4, 64 of IPv6 when absent.'),
  prefixLength('max_prefixlen', 'maxPrefixLength', 'The longest: 32 of IPv4, 128 of IPv6 when absent.'),
  {
    name: 'default_quota',
    path: 'defaultQuota',
    type: orNull(integer(0, MOST_QUOTA)),
    post: 'allowed',
    put: true,
    default: null,
    filter: true,
    sort: true,
    about: 'What one project may take from it at the most: IPv4 addresses or IPv6 /64 prefixes. Null and 0: no limit.',
  },
  {
    name: 'address_scope_id',
    path: 'addressScopeId',
    type: orNull(uuid),
    post: 'allowed',
    put: true,
    default: null,
    filter: true,
    sort: true,
    about: 'Address scope in which its addresses are unique.',
  },
  shared('Every project, or the one that asks, may take subnets from it.'),
  {
    name: 'is_default',
    path: 'isDefault',
    type: bool,
    post: 'allowed',
    put: true,
    default: false,
    write: 'admin',
    filter: true,
    sort: true,
    about: 'The pool of its IP version for subnets that name none.',
  },
  ...tailWithParts('subnetpool'),
]);

export const subnetpools: Resource = declare({
  name: 'subnetpool',
  collection: 'subnetpools',
  kind: 'subnetpool',
  visible: (seeing) => `o.doc @> '{"shared": true}' OR ${isOpened('o.id', seeing)}`,
  tagged: true,
  about: 'Prefixes from which subnets get theirs.',
  attributes,
  columns: { ...sharedWith, ...partsChange('subnetpool') },
  notFound: subnetPoolNotFound,
  create: async (inputs) => createSubnetPools(inputs),
  update: async (id, input) => updateSubnetPool(id, input),
  delete: deleteSubnetPool,
  actions: {
    add_prefixes: async (id, body) => answering(addPrefixes(id, prefixesIn(body)), asPrefixes),
    remove_prefixes: async (id, body) => answering(removePrefixes(id, prefixesIn(body)), asPrefixes),
    onboard_network_subnets: async (id, body) => {
      const { network_id: networkId } = fieldsOf(body, 'network_id');
      if (networkId === undefined || networkId === null) throw invalidInput('network_id must be specified');
      return answering(onboardSubnets(id, uuid.parse(networkId, 'network_id')), (subnets) => subnets);
    },
  },
});
