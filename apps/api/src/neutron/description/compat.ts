/**
 * The reference implementation (OpenStack Neutron 21 with ML2, Open vSwitch and L3 agents) as data: which attributes each resource has, who may set them when
 * and who sees them, and which extensions it knows. And in words: every point in which this server differs. compat.unit.spec.ts compares both with the
 * declarations, so that docs/reference/networking-api.md is true: what is the same has no note, what differs has one, and no note is out of date.
 */
import { AGENT_KINDS, agentOf } from '@plumbline/contracts';

/**
 * Attribute -> flags. C: in a create (C! required); U: in an update; r: administrators see it; w: administrators set it; n: the network's owner sets it;
 * h: never shown. Sources: neutron_lib/api/definitions and neutron/conf/policies of that release.
 */
export type ReferenceAttributes = Readonly<Record<string, string>>;

const owner = { tenant_id: 'C', project_id: 'C' };
const standard = { description: 'C U', created_at: '', updated_at: '', revision_number: '' };
const tagged = { ...standard, tags: '' };

/** By resource; a sub-resource has its parent's name before it. */
export const REFERENCE: Readonly<Record<string, ReferenceAttributes>> = {
  network: {
    id: '',
    ...owner,
    name: 'C U',
    admin_state_up: 'C U',
    status: '',
    subnets: '',
    mtu: 'C U',
    shared: 'C U w',
    'router:external': 'C U w',
    is_default: 'C U w',
    port_security_enabled: 'C U',
    'provider:network_type': 'C U r w',
    'provider:physical_network': 'C U r w',
    'provider:segmentation_id': 'C U r w',
    segments: 'C U r w',
    availability_zone_hints: 'C',
    availability_zones: '',
    ipv4_address_scope: '',
    ipv6_address_scope: '',
    dns_domain: 'C U',
    qos_policy_id: 'C U',
    vlan_transparent: 'C',
    l2_adjacency: '',
    ...tagged,
  },
  subnet: {
    id: '',
    ...owner,
    name: 'C U',
    network_id: 'C!',
    ip_version: 'C!',
    cidr: 'C',
    prefixlen: 'C h',
    subnetpool_id: 'C',
    use_default_subnetpool: 'C h',
    gateway_ip: 'C U',
    allocation_pools: 'C U',
    dns_nameservers: 'C U',
    host_routes: 'C U',
    enable_dhcp: 'C U',
    ipv6_ra_mode: 'C',
    ipv6_address_mode: 'C',
    service_types: 'C U',
    segment_id: 'C U r w',
    dns_publish_fixed_ip: 'C U',
    shared: 'h',
    ...tagged,
  },
  subnetpool: {
    id: '',
    ...owner,
    name: 'C! U',
    prefixes: 'C! U',
    ip_version: '',
    default_prefixlen: 'C U',
    min_prefixlen: 'C U',
    max_prefixlen: 'C U',
    default_quota: 'C U',
    address_scope_id: 'C U',
    shared: 'C w',
    is_default: 'C U w',
    ...tagged,
  },
  address_scope: { id: '', ...owner, name: 'C U', ip_version: 'C!', shared: 'C U w' },
  port: {
    id: '',
    ...owner,
    name: 'C U',
    network_id: 'C!',
    mac_address: 'C U n',
    admin_state_up: 'C U',
    status: '',
    device_id: 'C U',
    device_owner: 'C U',
    fixed_ips: 'C U',
    allowed_address_pairs: 'C U n',
    extra_dhcp_opts: 'C U',
    security_groups: 'C U',
    port_security_enabled: 'C U n',
    'binding:host_id': 'C U r w',
    'binding:vnic_type': 'C U',
    'binding:profile': 'C U r w',
    'binding:vif_type': 'r',
    'binding:vif_details': 'r',
    dns_name: 'C U',
    dns_assignment: '',
    dns_domain: 'C U',
    ip_allocation: '',
    device_profile: 'C',
    numa_affinity_policy: 'C U',
    qos_policy_id: 'C U',
    qos_network_policy_id: '',
    resource_request: 'r',
    propagate_uplink_status: 'C',
    data_plane_status: 'U',
    trunk_details: '',
    ...tagged,
    tags: 'C',
  },
  router: {
    id: '',
    ...owner,
    name: 'C U',
    admin_state_up: 'C U',
    status: '',
    external_gateway_info: 'C U',
    routes: 'U',
    distributed: 'C U r w',
    ha: 'C U r w',
    flavor_id: 'C',
    service_type_id: 'C',
    enable_ndp_proxy: 'C U',
    availability_zone_hints: 'C',
    availability_zones: '',
    ...tagged,
  },
  floatingip: {
    id: '',
    ...owner,
    floating_network_id: 'C!',
    floating_ip_address: 'C w',
    subnet_id: 'C h',
    port_id: 'C U',
    fixed_ip_address: 'C U',
    router_id: '',
    status: '',
    port_details: '',
    port_forwardings: '',
    dns_name: 'C',
    dns_domain: 'C',
    qos_policy_id: 'C U',
    qos_network_policy_id: '',
    ...tagged,
  },
  'floatingip/port_forwarding': {
    id: '',
    external_port: 'C U',
    external_port_range: 'C U',
    protocol: 'C! U',
    internal_port_id: 'C! U',
    internal_ip_address: 'C! U',
    internal_port: 'C U',
    internal_port_range: 'C U',
    description: 'C U',
  },
  security_group: {
    id: '',
    ...owner,
    name: 'C U',
    stateful: 'C U',
    security_group_rules: '',
    shared: '',
    ...tagged,
  },
  security_group_rule: {
    id: '',
    ...owner,
    security_group_id: 'C!',
    direction: 'C!',
    ethertype: 'C',
    protocol: 'C',
    port_range_min: 'C',
    port_range_max: 'C',
    remote_group_id: 'C',
    remote_address_group_id: 'C',
    remote_ip_prefix: 'C',
    normalized_cidr: '',
    ...standard,
    description: 'C',
  },
  address_group: { id: '', ...owner, name: 'C U', addresses: 'C', shared: '', ...standard },
  log: {
    id: '',
    ...owner,
    name: 'C U',
    resource_type: 'C!',
    resource_id: 'C',
    target_id: 'C',
    event: 'C',
    enabled: 'C U',
    ...standard,
  },
  rbac_policy: { id: '', ...owner, object_type: 'C!', object_id: 'C!', action: 'C!', target_tenant: 'C! U' },
  segment: {
    id: '',
    network_id: 'C!',
    network_type: 'C!',
    physical_network: 'C',
    segmentation_id: 'C U',
    name: 'C U',
    ...standard,
  },
  agent: {
    id: '',
    agent_type: '',
    binary: '',
    topic: '',
    host: '',
    admin_state_up: 'U',
    created_at: '',
    started_at: '',
    heartbeat_timestamp: '',
    description: 'U',
    availability_zone: '',
    resources_synced: '',
    alive: '',
    configurations: '',
  },
};

const of = (...names: string[]): string => ['id', 'tenant_id', 'project_id', ...names].join(' ');
/** Attributes that the reference filters lists by, beside tags. Sources: `is_filter` in the same places. */
export const FILTERS: Readonly<Record<string, string>> = {
  network: of(
    ...['name', 'admin_state_up', 'status', 'shared', 'router:external', 'is_default', 'mtu', 'vlan_transparent'],
    ...['provider:network_type', 'provider:physical_network', 'provider:segmentation_id', 'description'],
  ),
  subnet: of(
    ...['name', 'ip_version', 'network_id', 'subnetpool_id', 'cidr', 'gateway_ip', 'enable_dhcp'],
    ...['ipv6_ra_mode', 'ipv6_address_mode', 'shared', 'segment_id', 'description'],
  ),
  subnetpool: of(
    ...['name', 'default_quota', 'ip_version', 'default_prefixlen', 'min_prefixlen', 'max_prefixlen'],
    ...['is_default', 'shared', 'address_scope_id', 'description'],
  ),
  address_scope: of('name', 'shared', 'ip_version'),
  port: of(
    ...['name', 'network_id', 'admin_state_up', 'mac_address', 'fixed_ips', 'device_id', 'device_owner', 'status'],
    ...['ip_allocation', 'binding:host_id', 'security_groups', 'description'],
  ),
  router: of('name', 'admin_state_up', 'enable_ndp_proxy', 'description'),
  floatingip: of(
    ...['floating_ip_address', 'floating_network_id', 'router_id', 'port_id', 'fixed_ip_address', 'status'],
    'description',
  ),
  'floatingip/port_forwarding': 'id internal_port_id internal_ip_address internal_port external_port protocol',
  security_group: of('name', 'shared', 'description'),
  security_group_rule: of(
    ...['security_group_id', 'remote_group_id', 'direction', 'protocol', 'port_range_min', 'port_range_max'],
    ...['ethertype', 'remote_ip_prefix', 'normalized_cidr', 'remote_address_group_id', 'description'],
  ),
  address_group: 'id name description project_id',
  log: of('name', 'resource_type', 'resource_id', 'target_id', 'event', 'enabled'),
  rbac_policy: of('object_type', 'object_id', 'target_tenant', 'action'),
  segment: 'id network_id network_type physical_network name',
  agent: 'id agent_type binary topic host admin_state_up description alive availability_zone',
};

export type Note = Readonly<{ is: 'absent' | 'differs' | 'ours'; why: string }>;
const absent = (why: string): Note => ({ is: 'absent', why });
const differs = (why: string): Note => ({ is: 'differs', why });
const ours = (why: string): Note => ({ is: 'ours', why });

const NO_QOS = absent('No quality of service.');
const NULL_QOS = differs('Only null is accepted, and it is not shown: no quality of service.');
const SEGMENT_STAYS = 'Set when the network is created, and not changed later.';
const MADE_WITH = differs(
  'A network has one segment, which is created and deleted with it. Administrators can read it; nobody can set it.',
);
const REASON = ours('Why the status is ERROR, as the node reports it; absent otherwise.');
const ROUTER_PF = ours('Port forwardings of the router itself, as those of a floating IP, on its own outside address.');

/** `<resource>.<attribute>`, or `<resource>.*` for a resource that the reference does not have. */
export const NOTES: Readonly<Record<string, Note>> = {
  'network.mtu': differs(
    'At most 1500, with VXLAN 1450; in the reference the operator configures the limits. At least 1280 with an IPv6 subnet (RFC 8200).',
  ),
  'network.is_default': differs('Always shown; refused on a network that is not external.'),
  'network.provider:network_type': differs(
    `flat, local, vlan and vxlan; gre and geneve are refused: tunnels are VXLAN. ${SEGMENT_STAYS}`,
  ),
  'network.router:external': differs(
    'A network whose policies `access_as_external` are all deleted is no longer external, and then must have no gateways and floating IPs.',
  ),
  'network.updated_at': differs(
    'When the network itself last changed: a change of its subnets and policies does not count.',
  ),
  'network.provider:physical_network': differs(
    `Any name in the bridge mappings of a node; the operator keeps no list of them. ${SEGMENT_STAYS}`,
  ),
  'network.provider:segmentation_id': differs(SEGMENT_STAYS),
  'network.segments': differs(
    'A list of one segment, instead of the provider attributes; answers have the provider attributes.',
  ),
  'network.availability_zone_hints': differs(
    'Always empty: networks are scheduled to DHCP agents without regard to zones.',
  ),
  'network.availability_zones': differs('Always empty, for the same reason.'),
  'network.dns_domain': differs(
    'Names of ports are answered in it, too, inside the network; not published in another DNS.',
  ),
  'network.qos_policy_id': NULL_QOS,
  'network.vlan_transparent': differs(
    'Only false is accepted, and it is not shown: the bridges of the nodes filter VLANs.',
  ),
  'network.l2_adjacency': absent('Every network is one broadcast domain.'),
  'network.revision_number': differs(
    'Starts at 0. Counts changes of the network, its subnets and its RBAC policies; policies that an earlier release made do not count.',
  ),
  'subnet.segment_id': differs('Only null is accepted, and it is not shown: a network has one segment.'),
  'subnet.gateway_ip': differs(
    'Addresses that no host has (multicast, loopback, 0.0.0.0, the network address of IPv6) are refused.',
  ),
  'subnet.dns_publish_fixed_ip': differs(
    'Only false is accepted, and it is not shown: names are not published in a DNS.',
  ),
  'port.mac_address': differs('The owner of the network may also change it; in the reference only administrators may.'),
  'port.status': differs(
    'DOWN, never BUILD, until it is wired. ERROR if a node could not wire the port. status_reason says why it is one of them. A port of a router is ACTIVE when both agents of its node have it; any other when it is wired and, where a DHCP agent that is alive served its subnet when it was bound, one has read its address back. It stays so when that agent dies.',
  ),
  'port.status_reason': ours(
    'Why the status is ERROR or DOWN, as the node reports it, or why the binding failed, or what keeps the guest of a port that is ACTIVE from talking; absent otherwise.',
  ),
  'port.device_owner': differs(
    'The owners of router and floating IP ports are refused: such ports are created and deleted with their router or floating IP.',
  ),
  'port.binding:host_id': differs('Letters, digits, "-" and "_": the name is part of a NATS subject.'),
  'port.binding:vnic_type': differs(
    'Values other than normal are stored, but such a port is never wired: its vif_type is binding_failed.',
  ),
  'port.binding:vif_type': differs(
    'Computed when the port is read: it becomes ovs without an update once the host can carry the network.',
  ),
  'port.binding:vif_details': differs('port_filter is true where the node enforces security groups (PLUMB_FIREWALL).'),
  'port.security_groups': differs(
    'Enforced by the node (PLUMB_FIREWALL of its OVS agent). A port with port security is not bound to a node that does not.',
  ),
  'port.port_security_enabled': differs(
    'A port with port security is not bound to a node that does not enforce it (PLUMB_FIREWALL of its OVS agent).',
  ),
  'port.allowed_address_pairs': differs(
    'The port may send from them where its node enforces security groups (PLUMB_FIREWALL).',
  ),
  'port.extra_dhcp_opts': differs(
    'By number, or by a name of dnsmasq; a name, number or value that no guest could be sent is refused (400). `tag:ipxe,` and `tag:!ipxe,` may stand in front.',
  ),
  'port.dns_name': differs(
    'Answered by the nameserver of the DHCP agent, inside the network; not published in another DNS.',
  ),
  'port.dns_domain': differs(
    "Only the empty text is accepted, and it is not shown: all names of ports end with the operator's PLUMB_DNS_DOMAIN.",
  ),
  'port.device_profile': differs('Only null is accepted, and it is not shown: no accelerators.'),
  'port.numa_affinity_policy': differs('Only null is accepted, and it is not shown: nothing here places instances.'),
  'port.qos_policy_id': NULL_QOS,
  'port.revision_number': differs('Starts at 0. Port forwardings that lead to the port do not count.'),
  'port.qos_network_policy_id': NO_QOS,
  'port.resource_request': NO_QOS,
  'port.propagate_uplink_status': differs('Only false is accepted, and it is not shown: no SR-IOV.'),
  'port.data_plane_status': differs(
    'Only null is accepted, and it is not shown: the nodes report what works, see status.',
  ),
  'port.trunk_details': absent('No trunks.'),
  'router.routes': differs(
    'A next hop that no kernel takes (network, broadcast or anycast address) is refused. A route to a subnet of the router itself has no effect: the subnet stays reachable.',
  ),
  'router.status': differs(
    'BUILD until the agent of its node has said that it made it (a fraction of a second, while that agent works), and while no node carries it though it has a gateway or an interface. ERROR if its node could not set it up, or one of its ports there cannot work; status_reason says why. DOWN while it is administratively down, for then it is on no node.',
  ),
  'router.status_reason': REASON,
  'router.distributed': differs('Only false: routers run on network nodes.'),
  'router.ha': differs('Only false: a router runs on one node.'),
  'router.flavor_id': differs('Only null: the list of flavors is empty.'),
  'router.external_gateway_info': differs('Of its qos_policy_id only null is accepted: no quality of service.'),
  'router.service_type_id': differs('Only null is accepted, and it is not shown: no flavors.'),
  'router.enable_ndp_proxy': differs('Only false is accepted, and it is not shown: no NDP proxy.'),
  'floatingip.status': differs(
    'ACTIVE only when the L3 agent has read it back from its node and the port is wired on its own host; with ERROR status_reason says why.',
  ),
  'floatingip.status_reason': REASON,
  'floatingip.dns_name': differs('Stored and shown, but not published in a DNS.'),
  'floatingip.dns_domain': differs('Stored and shown, but not published in a DNS.'),
  'floatingip.qos_policy_id': NULL_QOS,
  'floatingip.qos_network_policy_id': NO_QOS,
  'floatingip/port_forwarding.protocol': differs(
    'dccp is refused: connection tracking on the nodes does not know its ports, so nothing would be forwarded.',
  ),
  'floatingip/port_forwarding.internal_ip_address': differs("The port's first IPv4 address when absent."),
  'router/port_forwarding.*': ROUTER_PF,
  'log.id': differs('Its project sees a log, too; only administrators make and change one.'),
  'log.resource_id': differs('This or target_id must be given: all ports of a project are not logged at once.'),
  'address_group.shared': absent('See its RBAC policies: `GET /v2.0/rbac-policies?object_id=...`.'),
  'segment.network_id': MADE_WITH,
  'segment.network_type': MADE_WITH,
  'segment.physical_network': MADE_WITH,
  'segment.segmentation_id': MADE_WITH,
  'segment.name': MADE_WITH,
  'segment.description': MADE_WITH,
  'agent.binary': differs(`One of ${AGENT_KINDS.map((kind) => agentOf(kind).binary).join(', ')}.`),
  'agent.created_at': differs('When the process started: an agent is known only by its last report.'),
  'agent.resources_synced': differs('Null: nothing is synchronised to a placement service.'),
};

/** Extensions of the reference (those of the recorded answers, and those it can be built with) that are not here, and why. */
export const ABSENT_EXTENSIONS: Readonly<Record<string, string>> = {
  'agent-resources-synced': 'no placement service',
  bgp: 'routes are not announced yet',
  bgp_dragent_scheduler: 'routes are not announced yet',
  'data-plane-status': 'the nodes report what works',
  'dns-domain-ports': 'all names of ports end with one domain, PLUMB_DNS_DOMAIN',
  'dns-integration-domain-keywords': 'names are not published in a DNS of projects',
  'subnet-dns-publish-fixed-ip': 'names are answered inside the network, and not published in another DNS',
  dvr: 'routers run on network nodes',
  'router-admin-state-down-before-update': 'only for distributed routers, which do not exist here',
  'expose-l3-conntrack-helper': 'no connection tracking helpers',
  'l3-conntrack-helper': 'no connection tracking helpers',
  flavors: 'its lists exist and are empty, because clients read them',
  'l3-flavors': 'no flavors',
  'l3-ha': 'a router runs on one node',
  'l3-ndp-proxy': 'no NDP proxy',
  metering: 'no agent counts traffic yet',
  'multi-provider': 'a network has one segment',
  'network-segment-range': 'ranges are set by the operator: PLUMB_VLAN_RANGES',
  network_availability_zone: 'networks are scheduled to DHCP agents without regard to zones',
  'port-device-profile': 'no accelerators',
  'port-mac-override': 'only for ports bound to bare metal, which do not exist here',
  'port-numa-affinity-policy': 'nothing here places instances',
  'port-resource-request': 'no quality of service',
  qos: 'no quality of service',
  'qos-fip': 'no quality of service',
  'rbac-qos-policy': 'no quality of service',
  segment: 'read only: segments are created and deleted with their network',
  trunk: 'no trunks',
  'trunk-details': 'no trunks',
  'uplink-status-propagation': 'no SR-IOV',
  'vlan-transparent': 'the bridges of the nodes filter VLANs',
  vpnaas: 'no VPNs',
  fwaas_v2: 'security groups only',
};

/** Extensions of ours, which the reference does not have. */
export const OUR_EXTENSIONS: Readonly<Record<string, string>> = {
  'router-gateway-port-forwarding':
    "`/v2.0/routers/{id}/port_forwardings`: forwarding on a router's own gateway address",
  'instance-metadata':
    '`/v2.0/instance-metadata/{device}`: public keys, user data and a host name of an instance, for clouds without Nova',
  doctor: '`/v2.0/doctor/{sort}/{name}`: why packets do not arrive, the first cause first',
  reasons: '`/v2.0/reasons`: the events, requests and objects that something is there for',
  trace: "`/v2.0/trace`: a packet's way and that of its answer, hop by hop",
};

/** Extensions here that the reference has only when its operator loads them; the recorded one did not. */
export const OPTIONAL_EXTENSIONS: readonly string[] = ['tag-ports-during-bulk-creation', 'logging', 'dns-integration'];

/** Aliases of the recorded answer of the reference to `GET /v2.0/extensions`. */
export const RECORDED_EXTENSIONS: readonly string[] = (
  'address-group address-scope router-admin-state-down-before-update agent agent-resources-synced allowed-address-pairs auto-allocated-topology ' +
  'availability_zone availability_zone_filter default-subnetpools dhcp_agent_scheduler dvr empty-string-filtering expose-port-forwarding-in-fip ' +
  'external-net extra_dhcp_opt extraroute extraroute-atomic filter-validation floating-ip-port-forwarding-description ' +
  'floating-ip-port-forwarding-detail floating-ip-port-forwarding-port-ranges fip-port-details flavors floating-ip-port-forwarding floatingip-pools ' +
  'ip-substring-filtering router ext-gw-mode l3-ha l3-flavors l3-port-ip-change-not-allowed l3_agent_scheduler multi-provider net-mtu ' +
  'net-mtu-writable network_availability_zone network-ip-availability pagination port-device-profile port-mac-override ' +
  'port-mac-address-regenerate port-numa-affinity-policy binding binding-extended port-security project-id provider quota-check-limit quotas ' +
  'quota_details rbac-policies rbac-address-group rbac-address-scope rbac-security-groups rbac-subnetpool revision-if-match ' +
  'standard-attr-revisions router_availability_zone security-groups-normalized-cidr port-security-groups-filtering ' +
  'security-groups-remote-address-group security-groups-shared-filtering security-group service-type sorting standard-attr-description ' +
  'stateful-security-group subnet_onboard subnet-service-types subnet_allocation subnetpool-prefix-ops standard-attr-tag standard-attr-timestamp'
).split(' ');
