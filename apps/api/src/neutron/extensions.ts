/** Extensions of the Networking API that this server has whole. An alias is here only when all that clients may expect of it works. */
export type Extension = Readonly<{
  alias: string;
  name: string;
  description: string;
  updated: string;
  links: readonly [];
}>;

const extension = (alias: string, name: string, description: string, updated: string): Extension => ({
  alias,
  name,
  description,
  updated: `${updated}T00:00:00-00:00`,
  links: [],
});

export const EXTENSIONS: readonly Extension[] = [
  extension('agent', 'agent', 'Agents on the nodes: list, show, admin state, delete.', '2013-02-03'),
  extension('availability_zone', 'Availability Zone', 'Zones that agents are in.', '2015-01-01'),
  extension(
    'availability_zone_filter',
    'Availability Zone Filter Extension',
    'Filters of availability zones.',
    '2018-06-22',
  ),
  extension('binding', 'Port Binding', 'The node a port is bound to, and how it is plugged there.', '2014-02-03'),
  extension('empty-string-filtering', 'Empty String Filtering Extension', 'Filters match empty values.', '2018-05-01'),
  extension(
    'ext-gw-mode',
    'Neutron L3 Configurable external gateway mode',
    'Source NAT of a gateway on or off.',
    '2013-03-28',
  ),
  extension(
    'external-net',
    'Neutron external network',
    'Networks on which routers may have their gateway.',
    '2013-01-14',
  ),
  extension('extraroute', 'Neutron Extra Route', 'Extra routes of a router.', '2013-02-01'),
  extension(
    'extraroute-atomic',
    'Atomically add/remove extra routes',
    'Extra routes of a router added and taken away without naming the others.',
    '2019-07-10',
  ),
  extension('filter-validation', 'Filter parameters validation', 'Unknown filters are refused.', '2018-07-04'),
  extension(
    'fip-port-details',
    'Floating IP Port Details Extension',
    'A floating IP shows the port it leads to.',
    '2018-04-09',
  ),
  extension(
    'floating-ip-port-forwarding',
    'Floating IP Port Forwarding',
    'Ports of a floating IP that lead to ports of an inside address.',
    '2018-01-19',
  ),
  extension(
    'floating-ip-port-forwarding-description',
    'Floating IP Port Forwarding new attribute description',
    'Descriptions of port forwardings.',
    '2019-11-01',
  ),
  extension(
    'floating-ip-port-forwarding-detail',
    'Floating IP port forwarding detail',
    'A floating IP shows id and inside port of its forwardings.',
    '2022-05-06',
  ),
  extension(
    'floating-ip-port-forwarding-port-ranges',
    'Floating IP Port Forwarding support port ranges',
    'Port forwardings of ranges of ports.',
    '2020-07-01',
  ),
  extension(
    'expose-port-forwarding-in-fip',
    'Expose Floating IP port forwardings',
    'A floating IP shows its port forwardings.',
    '2018-06-28',
  ),
  extension(
    'l3-port-ip-change-not-allowed',
    'Prevent L3 router ports IP address change extension',
    "A router port's addresses change by the router only.",
    '2018-10-09',
  ),
  extension('l3_agent_scheduler', 'L3 Agent Scheduler', 'Routers put on agents and taken off by hand.', '2013-02-07'),
  extension('net-mtu', 'Network MTU', 'MTU of a network.', '2015-03-25'),
  extension('net-mtu-writable', 'Network MTU (writable)', 'MTU of a network can be set.', '2017-07-12'),
  extension('pagination', 'Pagination support', 'Lists in pages.', '2016-06-12'),
  extension('project-id', 'project_id field enabled', 'project_id beside tenant_id.', '2016-09-09'),
  extension('provider', 'Provider Network', 'Network type, physical network and segmentation id.', '2012-09-07'),
  extension('router', 'Neutron L3 Router', 'Routers and floating IPs.', '2012-07-20'),
  extension(
    'router-gateway-port-forwarding',
    'Router Gateway Port Forwarding',
    "Ports of a router's own gateway address that lead to ports of an inside address.",
    '2026-11-21',
  ),
  extension('router_availability_zone', 'Router Availability Zone', 'Zones a router may run in.', '2015-01-01'),
  extension('service-type', 'Neutron Service Type Management', 'Providers of services to choose from.', '2013-01-20'),
  extension('sorting', 'Sorting support', 'Lists sorted by several keys.', '2016-06-12'),
  extension('standard-attr-description', 'standard-attr-description', 'Descriptions.', '2016-02-10'),
  extension('standard-attr-revisions', 'Resource revision numbers', 'Revision numbers.', '2016-04-11'),
  extension('standard-attr-timestamp', 'Resource timestamps', 'Times of creation and change.', '2016-09-12'),
  extension('quotas', 'Quota management support', 'Limits by project.', '2012-07-29'),
  extension('quota_details', 'Quota details management support', 'Limits and usage by project.', '2017-02-10'),
  extension(
    'quota-check-limit',
    'Quota engine limit check',
    'A limit below what is used can be refused.',
    '2021-09-08',
  ),
  extension('rbac-policies', 'RBAC Policies', 'Networks shared with single projects.', '2015-06-17'),
  extension(
    'revision-if-match',
    'If-Match constraints based on revision_number',
    'A change only of the revision that the client knows.',
    '2016-12-11',
  ),
  extension(
    'standard-attr-tag',
    'Tag support for resources with standard attribute: port, subnet, subnetpool, network, security_group, router, floatingip, policy, trunk, network_segment_range',
    'Words on objects, and lists by them.',
    '2017-01-01',
  ),
  extension('address-group', 'Address group', 'Named sets of prefixes for security group rules.', '2020-07-15'),
  extension('allowed-address-pairs', 'Allowed Address Pairs', 'More addresses a port may send from.', '2013-07-23'),
  extension(
    'ip-substring-filtering',
    'IP address substring filtering',
    'Ports found by a part of an address.',
    '2017-11-28',
  ),
  extension(
    'port-mac-address-regenerate',
    'Neutron Port MAC address regenerate',
    'A MAC of null asks for another one.',
    '2018-05-03',
  ),
  extension('port-security', 'Port Security', 'What a port may send and receive is held to.', '2012-07-23'),
  extension(
    'port-security-groups-filtering',
    'Port filtering on security groups',
    'Ports found by their security groups.',
    '2018-01-09',
  ),
  extension(
    'rbac-address-group',
    'Add address_group type to RBAC',
    'Address groups shared with other projects.',
    '2021-01-20',
  ),
  extension(
    'rbac-security-groups',
    'Add security_group type to network RBAC',
    'Security groups shared with other projects.',
    '2019-02-14',
  ),
  extension('security-group', 'security-group', 'Security groups and their rules.', '2012-10-05'),
  extension(
    'security-groups-normalized-cidr',
    'Normalized CIDR field for security group rules',
    'The prefix of a rule without host bits.',
    '2020-07-28',
  ),
  extension(
    'security-groups-remote-address-group',
    'Remote address group id field for security group rules',
    'Rules that name an address group.',
    '2020-08-25',
  ),
  extension(
    'stateful-security-group',
    'Stateful security group',
    'Security groups with and without connection tracking.',
    '2019-11-26',
  ),
];
