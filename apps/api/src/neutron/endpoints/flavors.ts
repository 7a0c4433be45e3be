/** Flavors and their service profiles: none can be made, so the lists that clients ask for are empty, well formed. */
import { DomainError } from '@plumbline/domain';
import { shown } from '../types/attribute-types.js';
import { type Endpoint, ok } from '../endpoint.js';

/** `named`: the refusal of an id, for there is none. */
const nothingAt = (collection: string, about: string, named: (id: string) => DomainError): readonly Endpoint[] => [
  { path: [collection], about, who: 'any', methods: { GET: async () => ok({ [collection]: [] }) } },
  {
    path: [collection, ':id'],
    about,
    who: 'any',
    methods: {
      GET: async (_request, [id = '']) => {
        throw named(shown(id));
      },
    },
  },
];

export const flavorEndpoints: readonly Endpoint[] = [
  ...nothingAt(
    'flavors',
    'Flavors of routers: none.',
    (id) => new DomainError('FlavorNotFound', 'not-found', `Flavor ${id} could not be found.`),
  ),
  ...nothingAt(
    'service_profiles',
    'Profiles of flavors: none.',
    (id) => new DomainError('ServiceProfileNotFound', 'not-found', `Service Profile ${id} could not be found.`),
  ),
];
