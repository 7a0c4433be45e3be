/**
 * Requests that came with an `Idempotency-Key` and were carried out. The row is inserted by the append that stores the events, so there is one exactly when there
 * are the others. `key` is a hash of the client's key and of all it is bound to; `fingerprint` one of the body. `result`: what the command decided (ids of what it made).
 * `outcome` and `answer` follow when the answer is sent; null before.
 *
 * Not derived from the log: emptied, it lets requests be carried out again. Rows are deleted a day after `made_at`.
 */
export const idempotencyTable = `
CREATE TABLE plumbline.idempotency_keys (
  key         text        COLLATE "C" PRIMARY KEY,
  fingerprint text        NOT NULL,
  made_at     timestamptz NOT NULL DEFAULT now(),
  result      jsonb       NOT NULL,
  outcome     text,
  answer      text
);
CREATE INDEX idempotency_keys_made_at ON plumbline.idempotency_keys (made_at);
`;
