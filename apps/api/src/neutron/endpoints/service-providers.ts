/** Service providers: this server is all there is, so the list that clients ask for is empty, well formed. */
import { type Endpoint, ok } from '../endpoint.js';

export const serviceProviderEndpoints: readonly Endpoint[] = [
  {
    path: ['service-providers'],
    about: 'Providers of services to choose from: none.',
    who: 'any',
    methods: { GET: async () => ok({ service_providers: [] }) },
  },
];
