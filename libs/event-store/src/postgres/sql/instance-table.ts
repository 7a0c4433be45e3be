/**
 * Public keys, user data and a host name of instances. They are secrets, may be large, and end with the instance, so they are not in the log, which keeps what it has
 * for ever. No part of them comes back from the log: a backup of the database has them.
 *
 * Bounds are the API's (libs/contracts, instances.ts). There are no CHECKs, because PostgreSQL would write a row that fails one to its log.
 *
 * Rights of the service: everything with rows, nothing with the table.
 */
export const instanceTable = `
CREATE TABLE plumbline.instance_data (
  project_id text COLLATE "C" NOT NULL,
  device_id text COLLATE "C" NOT NULL,
  -- Another one after each change.
  revision uuid NOT NULL,
  hostname text,
  -- JSON: name -> key.
  public_keys text NOT NULL,
  user_data bytea,
  -- A position at which the instance had a port when this was set. Goes with the first event after it that leaves the instance without ports.
  position bigint NOT NULL,
  -- Who set it last, and when.
  user_id text NOT NULL,
  set_at timestamptz NOT NULL,
  PRIMARY KEY (device_id, project_id)
);
`;
