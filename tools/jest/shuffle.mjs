/** jest's test sequencer for `npm test -- --shuffle`: spec files in the order that PLUMB_TEST_SHUFFLE decides. Tests inside a file keep theirs: they are one story. */
import { shuffled } from '../setup/order.mjs';

export default class Shuffle {
  sort(tests) {
    const byName = [...tests].sort((a, b) => (a.path < b.path ? -1 : 1));
    return shuffled(byName, Number(process.env.PLUMB_TEST_SHUFFLE));
  }
  shard(tests) {
    return tests;
  }
  allFailedTests(tests) {
    return tests;
  }
  cacheResults() {}
}
