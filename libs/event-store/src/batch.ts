/** Chooses the waiting commands of the next batch. Pure, so that the rule can be tested without a database. */

/** By name: what a command changes, and what it only has as preconditions. */
export type Touches = Readonly<{ changes: readonly string[]; reads: readonly string[] }>;

/** A command in the queue: what decides with which others it may share a batch, and the sizes of its answer and text in bytes. */
export type Waiting = Readonly<{ touches: Touches; answerBytes: number; textBytes: number }>;

export type BatchLimits = Readonly<{ commands: number; answerBytes: number; textBytes: number }>;

/**
 * Splits the queue, oldest first, into a batch and the rest, both in order. Two commands never share a batch when one changes what the other
 * changes or has as a precondition, and a later one never overtakes an earlier one that it conflicts with. `busy`: what batches in flight change.
 * The first command that may go is taken however large it is: every command must be possible alone.
 */
export function takeBatch<T extends Waiting>(
  queue: readonly T[],
  limits: BatchLimits,
  busy: ReadonlySet<string> = new Set(),
): Readonly<{ batch: readonly T[]; rest: readonly T[] }> {
  const batch: T[] = [];
  const rest: T[] = [];
  const changed = new Set(busy);
  const read = new Set<string>();
  let answerBytes = 0;
  let textBytes = 0;
  let full = false;
  for (const each of queue) {
    full ||=
      batch.length >= limits.commands ||
      (batch.length > 0 &&
        (answerBytes + each.answerBytes > limits.answerBytes || textBytes + each.textBytes > limits.textBytes));
    const { changes, reads } = each.touches;
    const clashes =
      changes.some((name) => changed.has(name) || read.has(name)) || reads.some((name) => changed.has(name));
    for (const name of changes) changed.add(name);
    for (const name of reads) read.add(name);
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
