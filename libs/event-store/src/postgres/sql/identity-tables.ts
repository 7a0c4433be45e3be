/**
 * What the built-in identity remembers beside its file: tokens taken back before their time, and application credentials. Short-lived keys and secrets, no
 * facts of the network: outside log and read models.
 *
 * Rights of the service on both tables: SELECT, INSERT, DELETE. Nothing is ever changed in place.
 */
export const identityTables = `
CREATE TABLE plumbline.revoked_tokens (
  -- 'token <audit id>', or 'application credential <id>' for all tokens that one gave.
  key text PRIMARY KEY,
  -- Other processes look for what is new.
  revoked_at timestamptz NOT NULL DEFAULT now(),
  -- From then on the token would not count anyway, and the row may go.
  expires_at timestamptz NOT NULL
);
CREATE INDEX revoked_tokens_by_time ON plumbline.revoked_tokens (revoked_at);

CREATE TABLE plumbline.application_credentials (
  id text PRIMARY KEY,
  user_id text NOT NULL,
  project_id text NOT NULL,
  name text NOT NULL,
  description text,
  -- As passwords are kept (scrypt, PHC string).
  secret_hash text NOT NULL,
  role text NOT NULL CHECK (role IN ('admin', 'member', 'reader')),
  unrestricted boolean NOT NULL,
  expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (user_id, name)
);
`;
