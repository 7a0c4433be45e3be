/** fast-check arbitraries over the walk. */
import fc from 'fast-check';
import { GeneratedLog, logOf } from './logs.js';
import type { Choice } from './reach.js';

const number = fc.nat({ max: 59 });
export const aChoice: fc.Arbitrary<Choice> = fc.record({ move: number, a: number, b: number, c: number });

/** A valid log of up to `maxCommands` commands. Shrinks to fewer commands. */
export const aLog = (maxCommands = 60): fc.Arbitrary<GeneratedLog> =>
  fc.array(aChoice, { minLength: 1, maxLength: maxCommands, size: 'max' }).map(logOf);
