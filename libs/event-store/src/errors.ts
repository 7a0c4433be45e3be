/** The command itself is malformed: a fault of the caller's code, never of its data's timing. Nothing was stored. */
export class InvalidCommand extends Error {
  override readonly name = 'InvalidCommand';
}

/**
 * The database could not be asked in time. `outcome` is the truth as far as it is known: `not-stored` means that the command never left
 * this process; `unknown` means that it may have been stored. A repeat with the same event ids is safe in both cases.
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
