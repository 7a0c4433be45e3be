/**
 * What Nova is to hear of its servers' ports (docs/design/server-events.md). Beside the log: a rebuild does not touch it, so it tells nothing again.
 *
 * server_events: one row for each thing that Nova must hear, inserted in the transaction that stores its cause and deleted when Nova has answered. Whoever inserts
 * never waits for another: of several rows of one port the sender tells the last.
 * server_ports: what was last said, or is about to be said, of each port of a server, and of which server and binding it was said. Written by whoever stores
 * reports of agents, never by an append: an append must wait for nobody who waits for his client.
 * server_event_sender: one row: which process of the API tells Nova now, by the session of its connection and until when; and what keeps Nova from hearing.
 *
 * Rights of the service: everything with rows of the first two, update of the third, nothing with the tables.
 */
export const serverEventTables = `
CREATE TABLE plumbline.server_events (
  seq       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  port_id   text COLLATE "C" NOT NULL,
  server_id text COLLATE "C" NOT NULL,
  name      text COLLATE "C" NOT NULL,
  status    text COLLATE "C" NOT NULL DEFAULT 'completed',
  made_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX server_events_port ON plumbline.server_events (port_id, server_id, seq);

CREATE TABLE plumbline.server_ports (
  port_id   text COLLATE "C" PRIMARY KEY,
  server_id text COLLATE "C" NOT NULL,
  -- Position at which the port was bound as it was then.
  binding   bigint NOT NULL,
  -- plugged, failed, unplugged
  said      text COLLATE "C" NOT NULL,
  -- The host on which it was said to be plugged before its binding there is active; '': none.
  ready_on  text COLLATE "C" NOT NULL DEFAULT ''
) WITH (fillfactor = 50);

CREATE TABLE plumbline.server_event_sender (
  one     boolean PRIMARY KEY DEFAULT true CHECK (one),
  holder  uuid,
  -- Of the holder's connection: once the session has ended, another process takes over at once.
  pid     integer,
  started timestamptz,
  until   timestamptz NOT NULL DEFAULT '-infinity',
  -- '' when Nova hears what it must.
  trouble text NOT NULL DEFAULT ''
) WITH (fillfactor = 10);
INSERT INTO plumbline.server_event_sender DEFAULT VALUES;
`;

/** SQL: the port under this alias is one of a server of Nova's, as the reference tells them: by its device owner, and a device id that is a UUID. */
export const isOfServer = (port: string): string =>
  `(starts_with(${port}.doc ->> 'deviceOwner', 'compute:') AND ${port}.doc ->> 'deviceId' ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')`;
