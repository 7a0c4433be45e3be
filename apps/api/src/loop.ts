/**
 * Turns of the event loop for long work.
 *
 * Goal: whoever asks for little waits for little, whatever others ask for. Work that takes long is done in portions of a millisecond or two, and only one portion of
 * all that is long is done in one turn of the loop: between two of them, everything that came in meanwhile is served.
 * Road not taken: `setImmediate` by each of them. All immediates of a turn run in that turn, so ten long answers would make it ten portions long.
 */
const waiting: (() => void)[] = [];

/** Resolves when the next portion may be done, in the order in which it was asked for. */
export function portionTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(give);
  });
}

function give(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(give);
}
