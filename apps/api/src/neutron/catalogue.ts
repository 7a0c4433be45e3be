/** Every resource this server has, and the API they make. To add one, declare it and name it here (docs/how-to/add-a-resource.md). */
import { ENDPOINTS } from './endpoints/index.js';
import type { Resource } from './resource.js';
import { addressGroups } from './resources/address-groups.js';
import { addressScopes } from './resources/address-scopes.js';
import { agents } from './resources/agents.js';
import { floatingips } from './resources/floatingips.js';
import { logs } from './resources/logs.js';
import { networks } from './resources/networks.js';
import { floatingIpPortForwardings, gatewayPortForwardings } from './resources/port-forwardings.js';
import { ports } from './resources/ports.js';
import { rbacPolicies } from './resources/rbac-policies.js';
import { routers } from './resources/routers.js';
import { securityGroupRules } from './resources/security-group-rules.js';
import { securityGroups } from './resources/security-groups.js';
import { segments } from './resources/segments.js';
import { subnetpools } from './resources/subnetpools.js';
import { subnets } from './resources/subnets.js';
import type { Api } from './route.js';

export const RESOURCES: readonly Resource[] = [
  networks,
  subnets,
  subnetpools,
  addressScopes,
  segments,
  ports,
  routers,
  floatingips,
  floatingIpPortForwardings,
  gatewayPortForwardings,
  securityGroups,
  securityGroupRules,
  addressGroups,
  logs,
  rbacPolicies,
  agents,
];

/** The Networking API v2.0. */
export const NETWORKING_API: Api = { version: 'v2.0', prefix: '/v2.0', resources: RESOURCES, endpoints: ENDPOINTS };
