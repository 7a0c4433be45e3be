/** The command itself is malformed: an error in the caller's code, never a conflict. Nothing was stored. */
export class InvalidCommand extends Error {
  override readonly name = 'InvalidCommand';
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
