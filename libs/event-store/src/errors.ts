/** The command itself is malformed: an error in the caller's code, never a conflict. Nothing was stored. */
export class InvalidCommand extends Error {
  override readonly name = 'InvalidCommand';
}

/** Feed rows that were asked for were pruned: nobody but a process that stood still for longer than they are kept asks for them. `feedHeads` has what it needs instead. */
export class FeedPruned extends Error {
  override readonly name = 'FeedPruned';
  constructor() {
    super('the feed rows after this position were pruned');
  }
}

/**
 * The database did not answer in time. `outcome` says what is known: `not-stored` means that the command never left this process;
 * `unknown` means that it may have been stored. Repeating it with the same event ids is safe in both cases.
 */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
  constructor(
    message: string,
    readonly outcome: 'not-stored' | 'unknown',
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
