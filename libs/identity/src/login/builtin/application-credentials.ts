/** Creates, finds and deletes application credentials. They are in the database but not in the log, because they are secrets and not facts about the network. */
import { randomBytes } from 'node:crypto';
import type { Repository } from 'typeorm';
import { newId } from '../../file/identity-file.js';
import { TooManyWaiting } from '../../file/fair-turns.js';
import { hashPassword } from '../../file/password.js';
import { IdentityError, unavailable } from '../identity-error.js';
import type { CredentialRow } from './entities.js';

const SECRET_BYTES = 64;
const MOST_OF_A_USER = 100;
const ID = /^[0-9a-f]{32}$/;
const UNIQUE_VIOLATION = '23505';

export type Credential = Readonly<CredentialRow>;
/** `secret` undefined: a random one is made. */
export type NewCredential = Omit<Credential, 'id' | 'secretHash'> & Readonly<{ secret: string | undefined }>;

export class ApplicationCredentials {
  constructor(private readonly rows: Repository<CredentialRow>) {}

  /** Returns the secret, which cannot be read again later. Rejects with 'conflict' when the user has one of this name. */
  async create({ secret: given, ...input }: NewCredential): Promise<{ credential: Credential; secret: string }> {
    const secret = given ?? randomBytes(SECRET_BYTES).toString('base64url');
    if ((await this.rows.countBy({ userId: input.userId })) >= MOST_OF_A_USER)
      throw new IdentityError(
        'forbidden',
        `A user has ${MOST_OF_A_USER} application credentials at most: delete some.`,
      );
    const credential: Credential = { ...input, id: newId(), secretHash: await this.hashed(secret, input.userId) };
    await this.rows.insert(credential).catch((error: { code?: string }) => {
      if (error.code !== UNIQUE_VIOLATION) throw error;
      throw new IdentityError('conflict', `An application credential named '${input.name}' exists already.`);
    });
    return { credential, secret };
  }

  /** By turns of users, among those who log in. */
  private hashed(secret: string, userId: string): Promise<string> {
    return hashPassword(secret, `user ${userId}`).catch((error: unknown) => {
      throw error instanceof TooManyWaiting ? unavailable('Too many logins at once. Try again in a moment.') : error;
    });
  }

  async byId(id: string): Promise<Credential | undefined> {
    if (!ID.test(id)) return undefined;
    return (await this.rows.findOneBy({ id })) ?? undefined;
  }

  /** One user's credentials of this name; `name` undefined: all of them. */
  async ofUser(userId: string, name?: string): Promise<readonly Credential[]> {
    if (name?.includes('\0')) return [];
    return this.rows.find({ where: { userId, ...(name !== undefined && { name }) }, order: { name: 'ASC' } });
  }

  /** Idempotent. */
  async delete(id: string): Promise<void> {
    await this.rows.delete({ id });
  }
}
