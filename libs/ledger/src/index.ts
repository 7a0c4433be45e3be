export { Checkpointer, type CheckpointerOptions } from './checkpointer.js';
export { Follower, type FollowerOptions } from './follower.js';
export { Ledger, LedgerBusy, type LedgerOptions } from './ledger.js';
export { WrongGeneration } from './load.js';
export { MOST_OBJECT_BYTES, mostBytesOf } from './object-size.js';
export { toAppend, toRecorded } from './to-append.js';
