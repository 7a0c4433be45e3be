/**
 * How much tests that draw their inputs do: property tests, fuzz tests, loops that repeat a fault.
 *
 * What a spec writes is its share of a run that somebody waits for. `npm run test:long` multiplies it, and `npm test -- --long=50` by another number; both set
 * PLUMB_TEST_EFFORT, so that it reaches every process of the run.
 */

/** 1, or what a longer run was asked for. */
export const effort = Math.max(1, Number(process.env.PLUMB_TEST_EFFORT ?? 1) || 1);

/** `few` times the effort. */
export const times = (few) => Math.ceil(few * effort);

/** The seed that a failure printed, to see the same failure again; undefined: another one each time. */
export const seed = process.env.PLUMB_TEST_SEED === undefined ? undefined : Number(process.env.PLUMB_TEST_SEED);
