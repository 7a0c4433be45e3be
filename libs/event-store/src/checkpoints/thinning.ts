/** Which checkpoints to keep: the last few for a start, and older ones at a distance, so that a view at any position folds a bounded number of events. */

const LATEST = 3;
const OLDER = 64;

/**
 * Positions that may go, of those given in ascending order. Of all but the last three, one stays for each `span` events; if those are more than 64, for each
 * twice, four times, ... as many.
 */
export function superfluous(positions: readonly number[], span: number): number[] {
  const older = positions.slice(0, -LATEST);
  for (let distance = span; ; distance *= 2) {
    const kept = spaced(older, distance);
    if (kept.size <= OLDER) return older.filter((position) => !kept.has(position));
  }
}

function spaced(positions: readonly number[], distance: number): Set<number> {
  const kept = new Set<number>();
  let last = Number.NEGATIVE_INFINITY;
  for (const position of positions) {
    if (Math.floor(position / distance) === Math.floor(last / distance)) continue;
    kept.add(position);
    last = position;
  }
  return kept;
}
