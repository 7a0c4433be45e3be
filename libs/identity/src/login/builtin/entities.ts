/**
 * What the built-in identity keeps in the database, as TypeORM entities: rows that are inserted, looked up by a key and deleted, which is what an
 * object-relational mapper is good at. The migrations of libs/event-store make the tables; the API gives entities and migrations to its data source.
 */
import { EntitySchema } from 'typeorm';
import type { RoleName } from '../../file/roles.js';

const schema = 'plumbline';

/** A secret with which a program acts for a user in one project, with the user's role there or a weaker one. */
export type CredentialRow = {
  id: string;
  userId: string;
  projectId: string;
  name: string;
  description: string | null;
  /** A hash, like that of a password. */
  secretHash: string;
  role: RoleName;
  /** True: its tokens may create and delete application credentials. */
  unrestricted: boolean;
  expiresAt: Date | null;
};

export const CredentialEntity = new EntitySchema<CredentialRow>({
  name: 'application_credentials',
  tableName: 'application_credentials',
  schema,
  columns: {
    id: { type: 'text', primary: true },
    userId: { type: 'text', name: 'user_id' },
    projectId: { type: 'text', name: 'project_id' },
    name: { type: 'text' },
    description: { type: 'text', nullable: true },
    secretHash: { type: 'text', name: 'secret_hash' },
    role: { type: 'text' },
    unrestricted: { type: 'boolean' },
    expiresAt: { type: 'timestamptz', name: 'expires_at', nullable: true },
  },
});

/** A token, or all tokens of an application credential, revoked before it expires. */
export type RevocationRow = {
  key: string;
  /** When the row was made, by the database's clock. */
  revokedAt: Date;
  expiresAt: Date;
};

export const RevocationEntity = new EntitySchema<RevocationRow>({
  name: 'revoked_tokens',
  tableName: 'revoked_tokens',
  schema,
  columns: {
    key: { type: 'text', primary: true },
    revokedAt: { type: 'timestamptz', name: 'revoked_at', createDate: true },
    expiresAt: { type: 'timestamptz', name: 'expires_at' },
  },
});

export const CREDENTIAL_ENTITIES = [CredentialEntity, RevocationEntity] as const;
