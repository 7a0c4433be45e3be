/**
 * What TypeORM is used for, and what not.
 *
 * It runs the migrations, and it reads and writes rows that are looked up by a key, changed and deleted one by one: what an operator says of an agent here,
 * application credentials and revoked tokens in libs/identity.
 *
 * It is not used for the log (`append_batch` alone writes it, many commands in one statement), for reports of agents (one statement for a whole report,
 * with rules about which report wins), and for lists of the Networking API (one statement, made from the declaration of a resource, with joins and filters
 * on JSON): there a mapper would hide the one thing that matters, which statement runs.
 */
import { DataSource, EntitySchema } from 'typeorm';
import { openPool } from './connections.js';
import { Log1763700000001 } from './migrations/0001-log.js';
import { Tallies1763800000002 } from './migrations/0002-tallies.js';
import { AgentKinds1764300000003 } from './migrations/0003-agent-kinds.js';
import { Checkpoints1764300000005 } from './migrations/0005-checkpoints.js';
import { FeedPruned1765000000006 } from './migrations/0006-feed-pruned.js';
import { Fences1764340000004 } from './migrations/0004-fences.js';
import { NodeOwners1765000000007 } from './migrations/0007-node-owners.js';
import { NodeAdmission1765000000008 } from './migrations/0008-node-admission.js';
import { ReportPages1765000000010 } from './migrations/0010-report-pages.js';
import { GatheredClaims1765000000011 } from './migrations/0011-gathered-claims.js';
import { PacketLogs1765000000013 } from './migrations/0013-packet-logs.js';
import { InstanceData1765000000014 } from './migrations/0014-instance-data.js';
import { ServerEvents1765000000015 } from './migrations/0015-server-events.js';

/** Every migration that this release knows. */
export const MIGRATIONS = [
  Log1763700000001,
  Tallies1763800000002,
  AgentKinds1764300000003,
  Checkpoints1764300000005,
  FeedPruned1765000000006,
  Fences1764340000004,
  NodeOwners1765000000007,
  NodeAdmission1765000000008,
  ReportPages1765000000010,
  GatheredClaims1765000000011,
  PacketLogs1765000000013,
  InstanceData1765000000014,
  ServerEvents1765000000015,
] as const;

/** An agent as it last reported. Observation: outside the log. bigint columns arrive as text. */
export type AgentRow = {
  id: string;
  host: string;
  /** An AgentKind of contracts, or one that only a newer release knows. */
  kind: string;
  startedAt: Date;
  heartbeatAt: Date;
  adminStateUp: boolean;
  configurations: Record<string, unknown>;
  position: string;
  sync: string;
  description: string;
  availabilityZone: string | null;
};

const schema = 'plumbline';

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

export type DataSourceOptions = Readonly<{
  /** Number of connections; default 4. */
  poolSize?: number;
  /** Within which each statement is answered, in ms; default 5,000. */
  deadlineMs?: number;
  /** Beside the agents; their tables come from the migrations here. */
  entities?: readonly EntitySchema[];
}>;

/**
 * A TypeORM data source on the log's database, not yet initialized. `synchronize` is off: the schema comes from migrations alone, and
 * events are written through `EventStore.append` alone.
 */
export function createDataSource(
  url: string,
  { poolSize = 4, deadlineMs = 5_000, entities = [] }: DataSourceOptions = {},
): DataSource {
  return new DataSource({
    type: 'postgres',
    // In the place of `pg`: the pool, which it would make of its own reading of the URL, without deadlines and knowing no unix socket.
    driver: {
      Pool: function () {
        return openPool({ url, name: 'plumbline entities', connections: poolSize, deadlineMs });
      },
    },
    schema,
    entities: [AgentEntity, ...entities],
    migrations: [...MIGRATIONS],
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'all',
    synchronize: false,
    migrationsRun: false,
    logging: false,
  });
}
