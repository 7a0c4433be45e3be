/** Every path that is no resource of the common shape. The first that matches and has the method answers. */
import type { Endpoint } from '../endpoint.js';
import { agentEndpoints } from './agents.js';
import { quotaEndpoints } from './quotas.js';

export const ENDPOINTS: readonly Endpoint[] = [...quotaEndpoints, ...agentEndpoints];
