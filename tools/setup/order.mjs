/** The order of specs: another one by a seed, always the same one for the same seed, so that a test that leans on an earlier one shows and shows again. */

/** The items in an order that the seed decides. Whoever calls brings them in an order that does not depend on the run, by name for instance. */
export function shuffled(items, seed) {
  const random = mulberry32(seed);
  const left = [...items];
  return items.map(() => left.splice(Math.floor(random() * left.length), 1)[0]);
}

/** Small and good enough to shuffle with: 32 bits of state, numbers in [0, 1). */
function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
