import { CATALOGUE_VERSION } from '@plumbline/contracts';

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
 * The database does not have, at this position, the event that this process has read there: it lost the end of its log (a restored backup, a standby that was
 * behind), or is another one. Nothing was stored or given out.
 */
export class LogDiffers extends Error {
  override readonly name = 'LogDiffers';
  constructor(
    readonly position: number,
    reason = 'the database has another event there, or none',
  ) {
    super(
      `The database does not hold the log that this process has read up to position ${position}: ${reason}. It lost the end of its log, or is another database.`,
    );
  }
}

/** What is derived from the log was made by another release: its objects lack what this one reads, or hold what it does not know. Nothing was stored. */
export class WrongGeneration extends Error {
  override readonly name = 'WrongGeneration';
  constructor(found: number) {
    super(
      found < CATALOGUE_VERSION
        ? `the tables derived from the log are of generation ${found}, this release reads ${CATALOGUE_VERSION}: run "plumb db migrate" of this release`
        : `the tables derived from the log are of generation ${found}, this release reads ${CATALOGUE_VERSION}: start the release that made them`,
    );
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
