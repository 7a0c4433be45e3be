import { canonicalCidr } from '@plumbline/contracts';
import {
  createSecurityGroupRules,
  deleteSecurityGroupRule,
  ensureDefaultGroup,
  securityGroupRuleNotFound,
} from '@plumbline/domain';
import { type Attribute, table } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import { type AttributeType, oneOf, orNull, text } from '../types/attribute-types.js';
import { ethertype, ipPrefix, portValue, protocol, reference } from '../types/security-types.js';
import { changes, description, head } from './standard.js';

const field = <const P extends string, T>(name: string, path: P, type: AttributeType<T>, about: string) =>
  ({
    name,
    path,
    type,
    post: 'allowed',
    filter: true,
    sort: true,
    about,
  }) as const satisfies Attribute;
const optional = <const P extends string, T>(name: string, path: P, type: AttributeType<T>, about: string) =>
  ({ ...field(name, path, type, about), default: null }) as const satisfies Attribute;
/** A rule is never changed. */
const { put: _put, ...aboutIt } = description;

/** Made and deleted, never changed: the reference has no update of a rule. */
const attributes = table([
  ...head,
  { ...field('security_group_id', 'securityGroupId', reference, 'The group it is of.'), post: 'required' },
  {
    ...field('direction', 'direction', oneOf(['ingress', 'egress']), 'Into the port, or out of it.'),
    post: 'required',
  },
  { ...field('ethertype', 'ethertype', ethertype, 'IPv4 or IPv6.'), default: 'IPv4' },
  optional('protocol', 'protocol', protocol, 'Name or number; null for any.'),
  optional('port_range_min', 'portRangeMin', portValue, 'First port; of ICMP the type.'),
  optional('port_range_max', 'portRangeMax', portValue, 'Last port; of ICMP the code.'),
  optional('remote_group_id', 'remoteGroupId', orNull(reference), 'From or to the ports of this group.'),
  optional(
    'remote_address_group_id',
    'remoteAddressGroupId',
    orNull(reference),
    'From or to the addresses of this address group.',
  ),
  optional('remote_ip_prefix', 'remoteIpPrefix', ipPrefix, 'From or to this prefix.'),
  {
    name: 'normalized_cidr',
    type: orNull(text()),
    sql: `network((o.doc ->> 'remoteIpPrefix')::inet)::text`,
    filter: true,
    sort: true,
    show: ({ doc }) => (doc['remoteIpPrefix'] === null ? null : canonicalCidr(String(doc['remoteIpPrefix']))),
    about: 'The prefix with its host bits zeroed.',
  },
  aboutIt,
  ...changes,
]);

export const securityGroupRules: Resource = declare({
  name: 'security_group_rule',
  collection: 'security_group_rules',
  segment: 'security-group-rules',
  kind: 'securitygrouprule',
  visible: { kind: 'securitygroup', path: 'securityGroupId', seen: ({ project }) => `n.project_id = ${project}` },
  before: ensureDefaultGroup,
  about: 'What a security group lets through.',
  attributes,
  notFound: securityGroupRuleNotFound,
  create: async (inputs) => createSecurityGroupRules(inputs),
  delete: deleteSecurityGroupRule,
});
