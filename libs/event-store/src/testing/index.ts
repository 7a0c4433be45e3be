export { command, happened, meta } from './commands.js';
export { InMemoryEventStore } from './in-memory-event-store.js';
export { writeLongLog, type LongLog } from './long-log.js';
export { startPostgres, type TestPostgres } from './start-postgres.js';
export { SilentRelay } from './silent-relay.js';
