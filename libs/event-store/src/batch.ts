/** Which waiting commands make the next batch. Pure, so that its rule can be tested without a database. */

/** A command in the queue: what it must not share a batch over, and how large its answer and text will be, in bytes. */
export type Waiting = Readonly<{ writes: readonly string[]; answerBytes: number; textBytes: number }>;

export type BatchLimits = Readonly<{ commands: number; answerBytes: number; textBytes: number }>;

/**
 * Splits the queue, oldest first, into a batch and the rest, both in order. Two commands that write one stream or row never share a
 * batch, and a later one never overtakes an earlier one it conflicts with. `busy` holds what batches under way write. The first
 * command that may go goes however large it is: alone it must be possible.
 */
export function takeBatch<T extends Waiting>(
  queue: readonly T[],
  limits: BatchLimits,
  busy: ReadonlySet<string> = new Set(),
): Readonly<{ batch: readonly T[]; rest: readonly T[] }> {
  const batch: T[] = [];
  const rest: T[] = [];
  const seen = new Set(busy);
  let answerBytes = 0;
  let textBytes = 0;
  let full = false;
  for (const each of queue) {
    full ||=
      batch.length >= limits.commands ||
      (batch.length > 0 &&
        (answerBytes + each.answerBytes > limits.answerBytes || textBytes + each.textBytes > limits.textBytes));
    const clashes = each.writes.some((name) => seen.has(name));
    for (const name of each.writes) seen.add(name);
    if (full || clashes) {
      rest.push(each);
      continue;
    }
    answerBytes += each.answerBytes;
    textBytes += each.textBytes;
    batch.push(each);
  }
  return { batch, rest };
}
