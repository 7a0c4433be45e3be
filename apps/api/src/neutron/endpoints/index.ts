/** Every path that is no resource of the common shape. The first that matches and has the method answers. */
import type { Endpoint } from '../endpoint.js';
import { agentEndpoints } from './agents.js';
import { autoAllocatedTopologyEndpoints } from './auto-allocated-topology.js';
import { availabilityZoneEndpoints } from './availability-zones.js';
import { doctorEndpoints } from './doctor.js';
import { flavorEndpoints } from './flavors.js';
import { floatingIpPoolEndpoints } from './floatingip-pools.js';
import { instanceMetadataEndpoints } from './instance-metadata.js';
import { loggableResourceEndpoints } from './loggable-resources.js';
import { networkIpAvailabilityEndpoints } from './network-ip-availability.js';
import { portBindingEndpoints } from './port-bindings.js';
import { quotaEndpoints } from './quotas.js';
import { reasonEndpoints } from './reasons.js';
import { segmentEndpoints } from './segments.js';
import { serviceProviderEndpoints } from './service-providers.js';
import { traceEndpoints } from './trace.js';

export const ENDPOINTS: readonly Endpoint[] = [
  ...quotaEndpoints,
  ...agentEndpoints,
  ...availabilityZoneEndpoints,
  ...flavorEndpoints,
  ...floatingIpPoolEndpoints,
  ...serviceProviderEndpoints,
  ...networkIpAvailabilityEndpoints,
  ...segmentEndpoints,
  ...autoAllocatedTopologyEndpoints,
  ...loggableResourceEndpoints,
  ...portBindingEndpoints,
  ...instanceMetadataEndpoints,
  ...doctorEndpoints,
  ...reasonEndpoints,
  ...traceEndpoints,
];
