/**
 * Checkpoints: what the log leads to at some positions, as a cache. Outside the log: may be emptied at any moment, and a backup needs none of it. The chunks come
 * first and their head last, in one transaction, so the key is checked at its end. Their content is compressed already.
 */
export const checkpointTables = `
CREATE TABLE plumbline.checkpoints (
  position   bigint  PRIMARY KEY CHECK (position > 0),
  hash       bytea   NOT NULL CHECK (octet_length(hash) = 32),
  generation integer NOT NULL,
  format     integer NOT NULL,
  chunks     integer NOT NULL,
  digest     bytea   NOT NULL CHECK (octet_length(digest) = 32)
);
CREATE TABLE plumbline.checkpoint_chunks (
  position bigint  NOT NULL REFERENCES plumbline.checkpoints ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  number   integer NOT NULL,
  content  bytea   NOT NULL,
  PRIMARY KEY (position, number)
);
ALTER TABLE plumbline.checkpoint_chunks ALTER content SET STORAGE EXTERNAL;
`;
