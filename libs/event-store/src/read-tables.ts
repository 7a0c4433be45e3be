/** Read table of each object kind, in schema `plumbline`. A kind that is not here has no partition and is refused before it is sent. */
export const readTables: Readonly<Record<string, string>> = {
  network: 'networks',
  subnet: 'subnets',
  port: 'ports',
  router: 'routers',
  floatingip: 'floating_ips',
  placement: 'placements',
  node: 'nodes',
  securitygroup: 'security_groups',
  securitygrouprule: 'security_group_rules',
  addressgroup: 'address_groups',
  addressscope: 'address_scopes',
  subnetpool: 'subnet_pools',
  rbacpolicy: 'rbac_policies',
  quota: 'quotas',
  portforwarding: 'port_forwardings',
};
