/**
 * Tables of the log and of what follows from it (docs/design/event-log.md). Text keys compare by bytes (`COLLATE "C"`): the same
 * order on every machine, and a prefix is one range of the index.
 */
export const logTables = `
CREATE SCHEMA IF NOT EXISTS plumbline;
REVOKE ALL ON SCHEMA plumbline FROM PUBLIC;

-- One row. Whoever appends locks it first, so commit order is position order. log_id is made with the log and never changes.
CREATE TABLE plumbline.log_head (
  one      boolean PRIMARY KEY DEFAULT true CHECK (one),
  log_id   uuid    NOT NULL,
  position bigint  NOT NULL CHECK (position >= 0),
  hash     bytea   NOT NULL CHECK (octet_length(hash) = 32)
) WITH (fillfactor = 10);
INSERT INTO plumbline.log_head (log_id, position, hash)
SELECT id, 0, sha256(convert_to('plumbline log ' || id::text, 'UTF8')) FROM (SELECT gen_random_uuid() AS id) made;

-- envelope holds the exact bytes the chain covers; the other columns repeat what is in it, for the indexes.
CREATE TABLE plumbline.events (
  position       bigint  PRIMARY KEY CHECK (position > 0),
  id             uuid    NOT NULL UNIQUE,
  stream         text    COLLATE "C" NOT NULL,
  stream_version bigint  NOT NULL CHECK (stream_version > 0),
  type           text    COLLATE "C" NOT NULL,
  version        integer NOT NULL,
  envelope       text    NOT NULL,
  hash           bytea   NOT NULL CHECK (octet_length(hash) = 32),
  UNIQUE (stream, stream_version)
);

CREATE TABLE plumbline.streams (
  stream  text   COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE plumbline.claims (key text COLLATE "C" PRIMARY KEY);

CREATE TABLE plumbline.feed (
  host     text   COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  prev     bigint,
  PRIMARY KEY (host, position)
);
CREATE INDEX feed_position ON plumbline.feed (position);

CREATE TABLE plumbline.feed_head (
  host     text   COLLATE "C" PRIMARY KEY,
  position bigint NOT NULL
) WITH (fillfactor = 50);
`;

/** The read tables' parent: \`append_batch\` writes to it and never needs to know the kinds. A new kind is a new partition. */
export const objectsTable = `
CREATE TABLE plumbline.objects (
  id         text   COLLATE "C" NOT NULL,
  kind       text   COLLATE "C" NOT NULL,
  project_id text   COLLATE "C" NOT NULL,
  name       text   NOT NULL,
  version    bigint NOT NULL,
  position   bigint NOT NULL,
  doc        jsonb  NOT NULL,
  set_at     jsonb  NOT NULL,
  PRIMARY KEY (id, kind)
) PARTITION BY LIST (kind);
CREATE INDEX objects_project ON plumbline.objects (project_id, id);
CREATE INDEX objects_name ON plumbline.objects (name);
CREATE INDEX objects_doc ON plumbline.objects USING gin (doc jsonb_path_ops);
`;

/** One read table. Both names come from our own source, never from a request. */
export const readTable = (kind: string, table: string): string => `
CREATE TABLE plumbline.${table} PARTITION OF plumbline.objects FOR VALUES IN ('${kind}') WITH (fillfactor = 80);
`;

/**
 * A kind of agent is declared in contracts and nowhere again: the check of the first release goes (0003). The API takes in no report of a kind it does not
 * know, and it must be able to run beside a newer release that knows more.
 */
export const anyAgentKind = `
ALTER TABLE plumbline.agents DROP CONSTRAINT IF EXISTS agents_kind_check;
`;

/** Observations: what nodes report. Outside the log and the read models; may be emptied at any moment, agents report anew. */
export const observationTables = `
CREATE TABLE plumbline.agents (
  id             uuid    PRIMARY KEY,
  host           text    COLLATE "C" NOT NULL,
  kind           text    COLLATE "C" NOT NULL CHECK (kind IN ('l3', 'ovs')),
  started_at     timestamptz NOT NULL,
  heartbeat_at   timestamptz NOT NULL,
  admin_state_up boolean NOT NULL DEFAULT true,
  configurations jsonb   NOT NULL DEFAULT '{}',
  position       bigint  NOT NULL DEFAULT 0,
  sync           text    NOT NULL DEFAULT '',
  UNIQUE (host, kind)
) WITH (fillfactor = 50);

CREATE TABLE plumbline.object_status (
  agent_kind  text   COLLATE "C" NOT NULL,
  object_kind text   COLLATE "C" NOT NULL,
  object_id   text   COLLATE "C" NOT NULL,
  host        text   COLLATE "C" NOT NULL,
  position    bigint NOT NULL,
  status      text   NOT NULL,
  reason      text   NOT NULL DEFAULT '',
  updated_at  timestamptz NOT NULL,
  PRIMARY KEY (object_kind, object_id, agent_kind, host)
) WITH (fillfactor = 50);
CREATE INDEX object_status_host ON plumbline.object_status (host, agent_kind);
`;

/**
 * tallies: how many objects of a kind a project has, key `<kind>/<project>`; a key without a row counts 0. Derived: limits are checked against it under the
 * head row's lock. derived: which generation of the catalogue (CATALOGUE_VERSION) the derived tables were made by; 0 before anything said so.
 */
export const tallyTables = `
CREATE TABLE plumbline.tallies (
  key   text   COLLATE "C" PRIMARY KEY,
  count bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE plumbline.derived (
  one        boolean PRIMARY KEY DEFAULT true CHECK (one),
  generation integer NOT NULL
);
INSERT INTO plumbline.derived (generation) VALUES (0);
`;

/** What an operator says of an agent, and where it stands. */
export const agentColumns = `
ALTER TABLE plumbline.agents
  ADD COLUMN description text NOT NULL DEFAULT '',
  ADD COLUMN availability_zone text;
`;

/**
 * Reports in pages. `agents.report`: number of the report that the row is from. `agents.reported`: of the last full one of this run of which every page is
 * stored; 0: there is none, and the agent is asked for one. `object_status.run` and `sequence`: the report that last changed the row, so that a page that comes
 * late changes nothing that is newer. report_pages: what full reports named of which a page is still missing. It may be emptied at any moment, and is not written
 * to the database's own log.
 */
export const reportPages = `
ALTER TABLE plumbline.agents
  ADD COLUMN report     bigint      NOT NULL DEFAULT 0,
  ADD COLUMN reported   bigint      NOT NULL DEFAULT 0,
  ADD COLUMN sync_since timestamptz NOT NULL DEFAULT now();

ALTER TABLE plumbline.object_status
  ADD COLUMN run      timestamptz NOT NULL DEFAULT 'epoch',
  ADD COLUMN sequence bigint      NOT NULL DEFAULT 0;

CREATE UNLOGGED TABLE plumbline.report_pages (
  host       text        COLLATE "C" NOT NULL,
  agent_kind text        COLLATE "C" NOT NULL,
  run        timestamptz NOT NULL,
  report     bigint      NOT NULL,
  page       integer     NOT NULL,
  keys       jsonb       NOT NULL,
  PRIMARY KEY (host, agent_kind, run, report, page)
);
`;

/**
 * New entries of a GIN index wait in a list that every look-up reads whole, and that the planner fears: by default it grows to 4 MB before it is merged, and
 * look-ups right after many creates were scans of the table. 64 kB (the least) keeps the list to eight pages.
 */
export const shortPendingLists = `
DO $$
DECLARE
  gin regclass;
BEGIN
  FOR gin IN
    SELECT i.indexrelid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
    WHERE a.amname = 'gin' AND i.indrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'plumbline.objects'::regclass)
  LOOP
    EXECUTE format('ALTER INDEX %s SET (gin_pending_list_limit = 64)', gin);
  END LOOP;
END
$$;
`;

/** One row: feed rows up to this position may be gone. */
export const feedPruned = `
CREATE TABLE plumbline.feed_pruned (
  one      boolean PRIMARY KEY DEFAULT true CHECK (one),
  position bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO plumbline.feed_pruned DEFAULT VALUES;
`;

/**
 * Which machine owns a host's name, which run of each of its agents is heard, and who was refused. Observed, not decided: no event. If the tables are emptied, the
 * machine that reports first owns.
 */
export const nodeOwnerTables = `
CREATE TABLE plumbline.node_owners (
  host      text    COLLATE "C" PRIMARY KEY,
  machine   uuid    NOT NULL,
  -- Two runs with this identity were alive at once.
  contested boolean NOT NULL DEFAULT false,
  -- Grows with the clock, so also over a release.
  term      bigint  NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
  since     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE plumbline.node_runs (
  host       text   COLLATE "C" NOT NULL REFERENCES plumbline.node_owners (host) ON DELETE CASCADE,
  agent_kind text   COLLATE "C" NOT NULL,
  run        text   NOT NULL,
  term       bigint NOT NULL,
  -- Runs that were heard before it, the latest last.
  past       jsonb  NOT NULL DEFAULT '[]',
  PRIMARY KEY (host, agent_kind)
);

CREATE TABLE plumbline.node_refused (
  host       text COLLATE "C" NOT NULL,
  agent_kind text COLLATE "C" NOT NULL,
  -- '' for a machine without an identity.
  machine    text COLLATE "C" NOT NULL,
  run        text NOT NULL,
  reason     text NOT NULL,
  since      timestamptz NOT NULL DEFAULT now(),
  heard_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (host, agent_kind, machine)
);
`;

/** Whether the nodes of this log are still to be admitted, as they stand: true of a log that began before admissions (`admit-once.ts`). */
export const admissionsDue = `
CREATE TABLE plumbline.admissions_due (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  due boolean NOT NULL
);
INSERT INTO plumbline.admissions_due (due) SELECT position > 0 FROM plumbline.log_head;
`;
