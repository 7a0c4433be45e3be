export type {
  AppendCommand,
  AppendOk,
  AppendResult,
  EventInput,
  EventStore,
  FeedPrev,
  FeedRow,
  Head,
  Loaded,
  Lost,
  Meta,
  Moment,
  Once,
  RecordedEvent,
  Row,
  RowDelete,
  RowUpsert,
  StoredRow,
  StreamVersion,
  Verdict,
} from './event-store.js';
export type { CheckpointHead, CheckpointStore, Writing } from './checkpoints/checkpoints.js';
export { CHECKPOINT_FORMAT, chunksOf, contentOf, type Content } from './checkpoints/content.js';
export { topologyAt, topologyNear, type At, type NearestOptions } from './checkpoints/nearest.js';
export { superfluous } from './checkpoints/thinning.js';
export { derivation } from './derivation.js';
export { follows } from './command.js';
export { FeedPruned, InvalidCommand, LogDiffers, StoreUnavailable, WrongGeneration } from './errors.js';
export { readTables } from './read-tables.js';
export { PostgresCheckpoints } from './postgres/postgres-checkpoints.js';
export {
  confirmOn,
  orNotMigrated,
  PostgresEventStore,
  type PostgresEventStoreOptions,
} from './postgres/postgres-event-store.js';
export {
  NoAnswer,
  openClient,
  openPool,
  serverMs,
  type BoundedQuery,
  type ConnectionOptions,
  type PoolOptions,
} from './postgres/connections.js';
export { isOfServer } from './postgres/sql/server-event-tables.js';
export type { Admitted } from './postgres/admit-once.js';
export { guardStatus, migrate, type GuardStatus } from './postgres/migrate.js';
export { AgentEntity, createDataSource, type AgentRow, type DataSourceOptions } from './postgres/data-source.js';
export {
  embeddedServiceRole,
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from './postgres/embedded.js';
export type { Derivation, Rebuilt } from './postgres/rebuild/derivation.js';
export { rebuildReadModels, type RebuildOptions } from './postgres/rebuild/rebuild.js';
