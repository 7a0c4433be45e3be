import { DataSource, EntitySchema } from 'typeorm';
import { readTables } from '../read-tables.js';
import { Log1763700000001 } from './migrations/0001-log.js';
import { Tallies1763800000002 } from './migrations/0002-tallies.js';

/** Row of a read table (`networks`, `ports`, ...), as TypeORM reads it. bigint columns arrive as text. */
export type ObjectRow = {
  id: string;
  kind: string;
  projectId: string;
  name: string;
  version: string;
  position: string;
  doc: Record<string, unknown>;
  setAt: Record<string, number>;
};
/** An agent as it last reported. Observation: outside the log. */
export type AgentRow = {
  id: string;
  host: string;
  kind: 'l3' | 'ovs';
  startedAt: Date;
  heartbeatAt: Date;
  adminStateUp: boolean;
  configurations: Record<string, unknown>;
  position: string;
  sync: string;
  description: string;
  availabilityZone: string | null;
};
/** What one kind of agent on one host last said of one object. Observation: outside the log. */
export type ObjectStatusRow = {
  agentKind: string;
  objectKind: string;
  objectId: string;
  host: string;
  position: string;
  status: string;
  reason: string;
  updatedAt: Date;
};
/** An event's row. Written by `append_batch` alone. */
export type EventRow = {
  position: string;
  id: string;
  stream: string;
  streamVersion: string;
  type: string;
  version: number;
  envelope: string;
  hash: Buffer;
};

const schema = 'plumbline';

const objectEntity = (table: string): EntitySchema<ObjectRow> =>
  new EntitySchema<ObjectRow>({
    name: table,
    tableName: table,
    schema,
    columns: {
      id: { type: 'text', primary: true },
      kind: { type: 'text', primary: true },
      projectId: { type: 'text', name: 'project_id' },
      name: { type: 'text' },
      version: { type: 'bigint' },
      position: { type: 'bigint' },
      doc: { type: 'jsonb' },
      setAt: { type: 'jsonb', name: 'set_at' },
    },
  });

/** Entity of each kind's read table. */
export const objectEntities: Readonly<Record<string, EntitySchema<ObjectRow>>> = Object.fromEntries(
  Object.entries(readTables).map(([kind, table]) => [kind, objectEntity(table)]),
);

export const EventEntity = new EntitySchema<EventRow>({
  name: 'events',
  tableName: 'events',
  schema,
  columns: {
    position: { type: 'bigint', primary: true },
    id: { type: 'uuid' },
    stream: { type: 'text' },
    streamVersion: { type: 'bigint', name: 'stream_version' },
    type: { type: 'text' },
    version: { type: 'integer' },
    envelope: { type: 'text' },
    hash: { type: 'bytea' },
  },
});

export const AgentEntity = new EntitySchema<AgentRow>({
  name: 'agents',
  tableName: 'agents',
  schema,
  columns: {
    id: { type: 'uuid', primary: true },
    host: { type: 'text' },
    kind: { type: 'text' },
    startedAt: { type: 'timestamptz', name: 'started_at' },
    heartbeatAt: { type: 'timestamptz', name: 'heartbeat_at' },
    adminStateUp: { type: 'boolean', name: 'admin_state_up' },
    configurations: { type: 'jsonb' },
    position: { type: 'bigint' },
    sync: { type: 'text' },
    description: { type: 'text' },
    availabilityZone: { type: 'text', name: 'availability_zone', nullable: true },
  },
});

export const ObjectStatusEntity = new EntitySchema<ObjectStatusRow>({
  name: 'object_status',
  tableName: 'object_status',
  schema,
  columns: {
    objectKind: { type: 'text', name: 'object_kind', primary: true },
    objectId: { type: 'text', name: 'object_id', primary: true },
    agentKind: { type: 'text', name: 'agent_kind', primary: true },
    host: { type: 'text', primary: true },
    position: { type: 'bigint' },
    status: { type: 'text' },
    reason: { type: 'text' },
    updatedAt: { type: 'timestamptz', name: 'updated_at' },
  },
});

/**
 * A TypeORM data source on the log's database, not yet initialized. `synchronize` is off: the schema comes from migrations alone, and
 * events are written through `EventStore.append` alone. `poolSize` is its number of connections (default 4).
 */
export function createDataSource(url: string, options: Readonly<{ poolSize?: number }> = {}): DataSource {
  return new DataSource({
    type: 'postgres',
    // As a connection string for pg itself: TypeORM's own reading of a URL knows no unix socket.
    extra: { connectionString: url, max: options.poolSize ?? 4 },
    schema,
    entities: [EventEntity, AgentEntity, ObjectStatusEntity, ...Object.values(objectEntities)],
    migrations: [Log1763700000001, Tallies1763800000002],
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'all',
    synchronize: false,
    migrationsRun: false,
    logging: false,
  });
}
