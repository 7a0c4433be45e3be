/** Keys and types of each resource as clients of the reference implementation know them, and two of our own (`status_reason` comes only with an error). */
import { expect } from '@jest/globals';

const COMMON = 'id:uuid tenant_id:text project_id:text';
const STANDARD = 'description:text tags:list created_at:time updated_at:time revision_number:int';

const SHAPES = {
  network: `${COMMON} name:text admin_state_up:bool mtu:int status:text subnets:list shared:bool router:external:bool is_default:bool
    port_security_enabled:bool dns_domain:text provider:network_type:text provider:physical_network:text? provider:segmentation_id:int? availability_zone_hints:list
    availability_zones:list ipv4_address_scope:null ipv6_address_scope:null ${STANDARD}`,
  subnet: `${COMMON} name:text network_id:uuid ip_version:int subnetpool_id:null enable_dhcp:bool ipv6_ra_mode:null ipv6_address_mode:null
    gateway_ip:text? cidr:text allocation_pools:list host_routes:list dns_nameservers:list service_types:list ${STANDARD}`,
  port: `${COMMON} name:text network_id:uuid mac_address:text admin_state_up:bool status:text device_id:text device_owner:text fixed_ips:list
    ip_allocation:text dns_name:text dns_assignment:list allowed_address_pairs:list extra_dhcp_opts:list security_groups:list port_security_enabled:bool binding:vnic_type:text binding:profile:object
    binding:host_id:text binding:vif_type:text binding:vif_details:object ${STANDARD}`,
  router: `${COMMON} name:text admin_state_up:bool status:text external_gateway_info:object? availability_zones:list distributed:bool ha:bool
    availability_zone_hints:list routes:list flavor_id:null ${STANDARD}`,
  floatingip: `${COMMON} floating_ip_address:text floating_network_id:uuid router_id:uuid? port_id:uuid? fixed_ip_address:text? status:text
    port_details:object? port_forwardings:list dns_name:text dns_domain:text ${STANDARD}`,
  agent: `id:uuid agent_type:text binary:text topic:text host:text admin_state_up:bool created_at:agenttime started_at:agenttime
    heartbeat_timestamp:agenttime description:text? resources_synced:null availability_zone:text? alive:bool configurations:object`,
} as const;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  uuid: (value) => typeof value === 'string' && UUID.test(value),
  text: (value) => typeof value === 'string',
  bool: (value) => typeof value === 'boolean',
  int: (value) => Number.isInteger(value),
  list: (value) => Array.isArray(value),
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  null: (value) => value === null,
  time: (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value),
  agenttime: (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(value),
};

/** The object has exactly these keys, each of its type. */
export function expectShape(name: keyof typeof SHAPES, object: unknown): void {
  const wanted = new Map(
    SHAPES[name]
      .trim()
      .split(/\s+/)
      .map((part) => [part.slice(0, part.lastIndexOf(':')), part.slice(part.lastIndexOf(':') + 1)] as const),
  );
  const fields = object as Record<string, unknown>;
  expect(Object.keys(fields).sort()).toEqual([...wanted.keys()].sort());
  for (const [key, type] of wanted) {
    const nullable = type.endsWith('?');
    const value = fields[key];
    const good = (nullable && value === null) || TYPES[nullable ? type.slice(0, -1) : type]?.(value);
    if (!good) throw new Error(`${name}.${key} is ${JSON.stringify(value)}, not ${type}`);
  }
}
