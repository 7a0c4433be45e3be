/** Application credentials: a secret of its own by which a program acts for a user in one project, with one role or a weaker one. In the database, outside the log. */
import { randomBytes } from 'node:crypto';
import { hashPassword, newId, RoleName } from '@plumbline/identity';
import type pg from 'pg';
import { IdentityError } from '../auth/identity-error.js';

const SECRET_BYTES = 64;
const MOST_OF_A_USER = 100;
const ID = /^[0-9a-f]{32}$/;
const UNIQUE_VIOLATION = '23505';

export type Credential = Readonly<{
  id: string;
  userId: string;
  projectId: string;
  name: string;
  description: string | null;
  secretHash: string;
  role: RoleName;
  /** Its tokens may make and delete application credentials. */
  unrestricted: boolean;
  expiresAt: Date | null;
}>;
/** `secret` undefined: one is made. */
export type NewCredential = Omit<Credential, 'id' | 'secretHash'> & Readonly<{ secret: string | undefined }>;

const COLUMNS = `id, user_id AS "userId", project_id AS "projectId", name, description, secret_hash AS "secretHash", role, unrestricted, expires_at AS "expiresAt"`;

export class ApplicationCredentials {
  constructor(private readonly pool: pg.Pool) {}

  /** The only time that the secret is seen. Rejects with 'conflict' when the user has one of this name. */
  async create(wish: NewCredential): Promise<{ credential: Credential; secret: string }> {
    const secret = wish.secret ?? randomBytes(SECRET_BYTES).toString('base64url');
    if ((await this.ofUser(wish.userId)).length >= MOST_OF_A_USER)
      throw new IdentityError(
        'forbidden',
        `A user has ${MOST_OF_A_USER} application credentials at most: delete some.`,
      );
    const values = [newId(), wish.userId, wish.projectId, wish.name, wish.description, await hashPassword(secret)];
    const { rows } = await this.pool
      .query<Credential>(
        `INSERT INTO plumbline.application_credentials (id, user_id, project_id, name, description, secret_hash, role, unrestricted, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING ${COLUMNS}`,
        [...values, wish.role, wish.unrestricted, wish.expiresAt],
      )
      .catch((error: { code?: string }) => {
        if (error.code !== UNIQUE_VIOLATION) throw error;
        throw new IdentityError('conflict', `An application credential named '${wish.name}' exists already.`);
      });
    return { credential: rows[0] as Credential, secret };
  }

  async byId(id: string): Promise<Credential | undefined> {
    if (!ID.test(id)) return undefined;
    const { rows } = await this.pool.query<Credential>(
      `SELECT ${COLUMNS} FROM plumbline.application_credentials WHERE id = $1`,
      [id],
    );
    return rows[0];
  }

  /** Of one user, by name; `name` undefined: all. */
  async ofUser(userId: string, name?: string): Promise<readonly Credential[]> {
    if (name?.includes('\0')) return [];
    const { rows } = await this.pool.query<Credential>(
      `SELECT ${COLUMNS} FROM plumbline.application_credentials
       WHERE user_id = $1 AND ($2::text IS NULL OR name = $2) ORDER BY name`,
      [userId, name ?? null],
    );
    return rows;
  }

  /** None there is fine. */
  async delete(id: string): Promise<void> {
    await this.pool.query('DELETE FROM plumbline.application_credentials WHERE id = $1', [id]);
  }
}
