export { Follower, WrongGeneration, type FollowerOptions } from './follower.js';
export { Ledger, LedgerBusy, type LedgerOptions } from './ledger.js';
export { toAppend, toRecorded } from './to-append.js';
