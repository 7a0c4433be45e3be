import {
  createNetworks,
  deleteNetwork,
  ensureDefaultGroup,
  invalidInput,
  networkNotFound,
  NewNetwork,
  segmentsWithProvider,
  updateNetwork,
} from '@plumbline/domain';
import { z } from 'zod';
import { saidByOthers } from '../computed/computed.js';
import {
  type AttributeType,
  bool,
  integer,
  isNothing,
  list,
  members,
  onlyFalse,
  orNull,
  physicalNetwork,
  text,
  uuid,
} from '../types/attribute-types.js';
import { dnsDomain } from '../types/dns-types.js';
import { type Attribute, type Row, table } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import type { CreateInput } from '../input.js';
import type { Tables } from '../tables.js';
import { hasPolicy, isOpened, shared, sharedWith } from './shared.js';
import {
  adminStateUp,
  constant,
  emptyList,
  head,
  name,
  none,
  noQosPolicy,
  partsChange,
  SHOWN,
  tailWithParts,
} from './standard.js';

const provider = <const P extends string, T>(name: string, path: P, type: AttributeType<T>, about: string) =>
  ({
    name: `provider:${name}`,
    path,
    type,
    post: 'allowed',
    default: null,
    filter: true,
    sort: true,
    read: 'admin',
    write: 'admin',
    about,
  }) as const satisfies Attribute;
const flag = <const P extends string>(name: string, path: P, value: boolean, about: string) =>
  ({
    name,
    path,
    type: bool,
    post: 'allowed',
    put: true,
    default: value,
    filter: true,
    sort: true,
    about,
  }) as const satisfies Attribute;

const networkType = orNull(text(32));
const segmentationId = orNull(integer(0, 2 ** 24));

const SEGMENT = ['provider:network_type', 'provider:physical_network', 'provider:segmentation_id'] as const;
const [TYPE, PHYSICAL, ID] = SEGMENT;

type Segment = Readonly<{
  networkType: string | null;
  physicalNetwork: string | null;
  segmentationId: number | null;
}>;

/** The segments of a network, in the form of the extension multi-provider: this server's networks have one. An empty list, text or object names none. */
const segments: AttributeType<Segment | undefined> = {
  schema: z
    .array(
      z.object({
        [TYPE]: networkType.schema.optional(),
        [PHYSICAL]: physicalNetwork.schema.optional(),
        [ID]: segmentationId.schema.optional(),
      }),
    )
    .max(1),
  parse: (value, attribute) => {
    if (value === '' || (typeof value === 'object' && value !== null && isNothing(value))) return undefined;
    const parsed = list(value, attribute, 64, (item) => {
      const given = members(item, attribute, 'segment', SEGMENT);
      return {
        networkType: networkType.parse(given[TYPE] ?? null, TYPE),
        physicalNetwork: physicalNetwork.parse(given[PHYSICAL] ?? null, PHYSICAL),
        segmentationId: segmentationId.parse(given[ID] ?? null, ID),
      };
    });
    const [only] = parsed;
    if (!only || parsed.length > 1)
      throw invalidInput(`a network of ${parsed.length} segments is not supported by this server: name one`, attribute);
    return only;
  },
};

/** Attributes of a network that come from its subnets. */
type OfSubnets = Readonly<{ ids: readonly string[]; scope4: string | null; scope6: string | null }>;
const NO_SUBNETS: OfSubnets = { ids: [], scope4: null, scope6: null };
const ofSubnets = (row: Row): OfSubnets => row['subnets'] as OfSubnets;

const scopeOf = (version: 4 | 6): string =>
  `'scope${version}', min(p.doc ->> 'addressScopeId') FILTER (WHERE s.doc ->> 'ipVersion' = '${version}')`;
const OF_SUBNETS = saidByOthers(
  (tables) => `(SELECT jsonb_build_object('ids', jsonb_agg(s.id ORDER BY s.id), ${scopeOf(4)}, ${scopeOf(6)})
    FROM ${tables.of('subnet')} s LEFT JOIN ${tables.of('subnetpool')} p ON p.id = s.doc ->> 'subnetPoolId'
    WHERE s.doc @> jsonb_build_object('networkId', o.id) HAVING count(*) > 0)`,
  NO_SUBNETS,
);

/** The address scope of the pools that its subnets of one IP version come from. All of them have the same one, or none has one. */
const addressScope = (version: 4 | 6): Attribute => ({
  name: `ipv${version}_address_scope`,
  type: orNull(uuid),
  show: (row) => ofSubnets(row)[`scope${version}`],
  about: `Address scope of its IPv${version} subnets.`,
});

const IS_EXTERNAL = `o.doc @> '{"external": true}'`;
const EXTERNAL_FOR_SOME = hasPolicy('access_as_external');

/** External for everybody, or by an RBAC policy for some projects. Everybody who sees the network sees it. */
const external = {
  ...flag('router:external', 'external', false, 'Routers may have their gateway on it.'),
  write: 'admin',
  sql: (tables: Tables) => `CASE WHEN ${IS_EXTERNAL} OR ${EXTERNAL_FOR_SOME.sql(tables)} THEN 'true' ELSE 'false' END`,
  show: ({ doc, external_for_some: forSome }: Row) => doc['external'] === true || forSome === true,
} as const satisfies Attribute;

const attributes = table([
  ...head,
  name,
  adminStateUp,
  {
    name: 'mtu',
    path: 'mtuBytes',
    type: integer(0, 65535),
    post: 'allowed',
    put: true,
    default: 0,
    filter: true,
    sort: true,
    about: 'Bytes; 0 asks for what the segment allows.',
  },
  { ...constant('status', 'ACTIVE', 'Always ACTIVE.'), filter: true, sort: true, sql: `'ACTIVE'::text` },
  {
    name: 'subnets',
    type: text(),
    shownAs: SHOWN.words,
    about: 'Ids of its subnets.',
    show: (row) => ofSubnets(row).ids,
  },
  { ...shared('Every project, or the one that asks, may use it.'), put: true },
  external,
  { ...flag('is_default', 'isDefault', false, 'The default external network.'), write: 'admin' },
  flag('port_security_enabled', 'portSecurityEnabled', true, 'Default of its ports.'),
  {
    name: 'dns_domain',
    path: 'dnsDomain',
    type: dnsDomain,
    post: 'allowed',
    put: true,
    default: '',
    filter: true,
    sort: true,
    about: "Domain of its ports' names; ends with a dot.",
  },
  provider('network_type', 'networkType', networkType, 'flat, local, vlan or vxlan.'),
  provider('physical_network', 'physicalNetwork', physicalNetwork, 'Physical network that carries it.'),
  provider('segmentation_id', 'segmentationId', segmentationId, 'VLAN id or VNI.'),
  {
    name: 'segments',
    path: 'segments',
    type: segments,
    post: 'allowed',
    write: 'admin',
    visible: false,
    about: 'Its provider attributes as a list of one.',
  },
  noQosPolicy,
  {
    ...none('vlan_transparent', onlyFalse, { post: 'allowed' }, 'False only: the bridges of the nodes filter VLANs.'),
    sql: `'false'::text`,
    filter: true,
  },
  emptyList('availability_zone_hints', 'No availability zones.'),
  constant('availability_zones', [], 'No availability zones.'),
  addressScope(4),
  addressScope(6),
  ...tailWithParts('network'),
]);

export const networks: Resource = declare({
  name: 'network',
  collection: 'networks',
  kind: 'network',
  visible: (seeing) => `o.doc @> '{"shared": true}' OR ${IS_EXTERNAL} OR ${isOpened('o.id', seeing)}`,
  tagged: true,
  after: ensureDefaultGroup,
  about: 'An isolated layer 2 segment.',
  attributes,
  columns: { ...partsChange('network'), subnets: OF_SUBNETS, ...sharedWith, external_for_some: EXTERNAL_FOR_SOME },
  notFound: networkNotFound,
  create: async (inputs, { segments: policy }) => createNetworks(inputs.map(onItsSegment), policy),
  update: async (id, input) => updateNetwork(id, input),
  delete: deleteNetwork,
});

/** Takes a segment that was given as a list as the network's provider attributes. */
function onItsSegment({ segments: segment, ...facts }: CreateInput<typeof attributes>): NewNetwork {
  if (segment === undefined) return facts;
  const { networkType, physicalNetwork, segmentationId } = facts;
  if ([networkType, physicalNetwork, segmentationId].some((given) => given !== null)) throw segmentsWithProvider();
  return { ...facts, ...segment };
}
