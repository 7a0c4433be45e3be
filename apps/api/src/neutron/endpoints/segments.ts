/** Segments are read as a resource; that they cannot be made, changed or removed by themselves is said here. */
import { EdgeError } from '../../errors/edge-error.js';
import type { Endpoint, Handler } from '../endpoint.js';

const refuse: Handler = async () => {
  throw new EdgeError(
    'HTTPMethodNotAllowed',
    'method-not-allowed',
    'A network has exactly one segment, which is made and removed with it: give provider attributes to the network instead.',
  );
};

export const segmentEndpoints: readonly Endpoint[] = [
  { path: ['segments'], about: 'Refused: comes with its network.', who: 'admin', methods: { POST: refuse } },
  {
    path: ['segments', ':id'],
    about: 'Refused: stays and goes with its network.',
    who: 'admin',
    methods: { PUT: refuse, DELETE: refuse },
  },
];
