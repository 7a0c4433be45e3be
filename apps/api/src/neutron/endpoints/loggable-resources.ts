/** Whose doing can be logged (alias logging). */
import { type Endpoint, ok } from '../endpoint.js';

export const loggableResourceEndpoints: readonly Endpoint[] = [
  {
    path: ['log', 'loggable-resources'],
    about: 'What may be the resource_type of a log.',
    who: 'admin',
    methods: { GET: async () => ok({ loggable_resources: [{ type: 'security_group' }] }) },
  },
];
