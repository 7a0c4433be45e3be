/**
 * fast-check as specs import it (jest.config.mjs): its `assert` does as many runs as the spec says times the effort of this run, and takes the seed of
 * PLUMB_TEST_SEED. A failure prints its seed. The road not taken, a helper that every property has to call, would be forgotten by the next one.
 */
import * as fastCheck from '../../node_modules/fast-check/lib/fast-check.js';
import { seed, times } from './effort.mjs';

export * from '../../node_modules/fast-check/lib/fast-check.js';

/** As fast-check's own. What a spec says itself, a seed too, goes before. */
export function assert(property, parameters = {}) {
  const chosen = seed === undefined ? {} : { seed };
  return fastCheck.assert(property, { ...chosen, ...parameters, numRuns: times(parameters.numRuns ?? 100) });
}

export default { ...fastCheck.default, assert };
