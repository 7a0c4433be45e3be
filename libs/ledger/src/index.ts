export { WrongGeneration } from '@plumbline/event-store';
export { admitInDatabase } from './admit-in-database.js';
export { Checkpointer, type CheckpointerOptions } from './checkpointer.js';
export { Follower, type FollowerOptions } from './follower.js';
export { Ledger, LedgerBusy, Repeated, type LedgerOptions } from './ledger.js';
export { MOST_OBJECT_BYTES, mostBytesOf } from './object-size.js';
export { toAppend, toRecorded } from './to-append.js';
