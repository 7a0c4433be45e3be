import { canonicalCidr } from '@plumbline/contracts';
import {
  createSecurityGroupRules,
  deleteSecurityGroupRule,
  ensureDefaultGroup,
  NewSecurityGroupRule,
  securityGroupRuleNotFound,
} from '@plumbline/domain';
import { oneOf, orNull, text } from '../types/attribute-types.js';
import type { Attribute, Resource } from '../resource.js';
import { ethertype, ipPrefix, portValue, protocol, reference } from '../types/security-types.js';
import { head, tail } from './standard.js';

const field = (name: string, path: string, type: Attribute['type'], about: string): Attribute => ({
  name,
  path,
  type,
  post: 'allowed',
  default: null,
  filter: true,
  sort: true,
  about,
});

/** Made and deleted, never changed: the reference has no update of a rule. */
export const securityGroupRules: Resource = {
  name: 'security_group_rule',
  collection: 'security_group_rules',
  segment: 'security-group-rules',
  kind: 'securitygrouprule',
  visible: (project) =>
    `EXISTS (SELECT FROM plumbline.security_groups g WHERE g.id = o.doc ->> 'securityGroupId' AND g.project_id = ${project})`,
  before: ensureDefaultGroup,
  about: 'What a security group lets through.',
  attributes: [
    ...head,
    { ...field('security_group_id', 'securityGroupId', reference, 'The group it is of.'), post: 'required' },
    {
      ...field('direction', 'direction', oneOf(['ingress', 'egress']), 'Into the port, or out of it.'),
      post: 'required',
    },
    { ...field('ethertype', 'ethertype', ethertype, 'IPv4 or IPv6.'), default: 'IPv4' },
    field('protocol', 'protocol', protocol, 'Name or number; null for any.'),
    field('port_range_min', 'portRangeMin', portValue, 'First port; of ICMP the type.'),
    field('port_range_max', 'portRangeMax', portValue, 'Last port; of ICMP the code.'),
    field('remote_group_id', 'remoteGroupId', orNull(reference), 'From or to the ports of this group.'),
    field(
      'remote_address_group_id',
      'remoteAddressGroupId',
      orNull(reference),
      'From or to the addresses of this address group.',
    ),
    field('remote_ip_prefix', 'remoteIpPrefix', ipPrefix, 'From or to this prefix.'),
    {
      name: 'normalized_cidr',
      type: orNull(text()),
      sql: `network((o.doc ->> 'remoteIpPrefix')::inet)::text`,
      filter: true,
      sort: true,
      show: ({ doc }) => (doc['remoteIpPrefix'] === null ? null : canonicalCidr(String(doc['remoteIpPrefix']))),
      about: 'The prefix with its host bits zeroed.',
    },
    ...tail.filter(({ name }) => name !== 'tags').map(withoutPut),
  ],
  from: 'plumbline.security_group_rules o',
  notFound: securityGroupRuleNotFound,
  create: async (wishes) => createSecurityGroupRules(wishes as readonly NewSecurityGroupRule[]),
  delete: deleteSecurityGroupRule,
};

function withoutPut({ put: _put, ...attribute }: Attribute): Attribute {
  return attribute;
}
