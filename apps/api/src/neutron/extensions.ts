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
  extension('filter-validation', 'Filter parameters validation', 'Unknown filters are refused.', '2018-07-04'),
  extension(
    'fip-port-details',
    'Floating IP Port Details Extension',
    'A floating IP shows the port it leads to.',
    '2018-04-09',
  ),
  extension(
    'l3-port-ip-change-not-allowed',
    'Prevent L3 router ports IP address change extension',
    "A router port's addresses change by the router only.",
    '2018-10-09',
  ),
  extension('net-mtu', 'Network MTU', 'MTU of a network.', '2015-03-25'),
  extension('net-mtu-writable', 'Network MTU (writable)', 'MTU of a network can be set.', '2017-07-12'),
  extension('pagination', 'Pagination support', 'Lists in pages.', '2016-06-12'),
  extension('project-id', 'project_id field enabled', 'project_id beside tenant_id.', '2016-09-09'),
  extension('provider', 'Provider Network', 'Network type, physical network and segmentation id.', '2012-09-07'),
  extension('router', 'Neutron L3 Router', 'Routers and floating IPs.', '2012-07-20'),
  extension('sorting', 'Sorting support', 'Lists sorted by several keys.', '2016-06-12'),
  extension('standard-attr-description', 'standard-attr-description', 'Descriptions.', '2016-02-10'),
  extension('standard-attr-revisions', 'Resource revision numbers', 'Revision numbers.', '2016-04-11'),
  extension('standard-attr-timestamp', 'Resource timestamps', 'Times of creation and change.', '2016-09-12'),
];
