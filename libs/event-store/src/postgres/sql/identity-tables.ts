/**
 * State of the built-in identity service besides its file: revoked tokens, and application credentials. These are short-lived keys and secrets, not facts of the
 * network, so they are not in the log or the read models.
 *
 * Rights of the service on both tables: SELECT, INSERT, DELETE. No row is ever updated.
 */
export const identityTables = `
CREATE TABLE plumbline.revoked_tokens (
  -- 'token <audit id>', or 'application credential <id>' for all tokens made with it.
  key text PRIMARY KEY,
  -- Other processes look for new rows by this column.
  revoked_at timestamptz NOT NULL DEFAULT now(),
  -- When the token expires anyway; the row may be deleted then.
  expires_at timestamptz NOT NULL
);
CREATE INDEX revoked_tokens_by_time ON plumbline.revoked_tokens (revoked_at);

CREATE TABLE plumbline.application_credentials (
  id text PRIMARY KEY,
  user_id text NOT NULL,
  project_id text NOT NULL,
  name text NOT NULL,
  description text,
  -- Stored like a password (scrypt, PHC string).
  secret_hash text NOT NULL,
  role text NOT NULL CHECK (role IN ('admin', 'member', 'reader')),
  unrestricted boolean NOT NULL,
  expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (user_id, name)
);
`;
