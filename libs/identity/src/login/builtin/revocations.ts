/**
 * Tokens that were revoked before they expire. Kept in memory too, so that checking a request needs no query: the process that revoked one knows at once, others
 * within seconds. Rows of expired tokens are deleted.
 */
import type { Logger } from '@plumbline/telemetry';
import { Raw, type Repository } from 'typeorm';
import { unavailable } from '../identity-error.js';
import type { RevocationRow } from './entities.js';

const REFRESH_EVERY_MS = 2_000;
/** How far back a refresh reads if the last one was less than half of this ago. No transaction of ours stays open that long, so none is missed. */
const OVERLAP_MS = 120_000;
const DELETE_EVERY_MS = 10 * 60_000;

/** Keys of what is revoked: one token, or all tokens of an application credential. */
export const tokenKey = (auditId: string): string => `token ${auditId}`;
export const credentialKey = (id: string): string => `application credential ${id}`;

export class Revocations {
  private readonly expiryByKey = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;
  private deletedAt = 0;
  /** When the last successful refresh began, in ms; -Infinity: none succeeded yet. */
  private readAt = Number.NEGATIVE_INFINITY;
  private silent = false;

  constructor(
    private readonly rows: Repository<RevocationRow>,
    private readonly logger: Logger,
  ) {}

  /** Reads all revocations, then new ones every two seconds. Without a database it retries. */
  async start(): Promise<void> {
    await this.refresh();
    this.timer = setInterval(() => void this.refresh(), REFRESH_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Throws 'unavailable' until the first refresh has succeeded, because before that nobody knows. */
  has(key: string): boolean {
    if (this.readAt < 0) throw unavailable('The database cannot be reached, and the list of revoked tokens is in it.');
    return this.expiryByKey.has(key);
  }

  /** Revokes at once in this process, within seconds in every other. Idempotent. `expiresAt`: when the token expires by itself, in ms. */
  async revoke(key: string, expiresAt: number): Promise<void> {
    const row = { key, expiresAt: new Date(expiresAt) };
    await this.rows.createQueryBuilder().insert().values(row).orIgnore().execute();
    this.expiryByKey.set(key, expiresAt);
  }

  private async refresh(): Promise<void> {
    const now = performance.now();
    const recent = now - this.readAt < OVERLAP_MS / 2;
    try {
      const rows = await this.rows.find({
        select: { key: true, expiresAt: true },
        where: {
          expiresAt: Raw((column) => `${column} > now()`),
          ...(recent && { revokedAt: Raw((column) => `${column} > now() - interval '${OVERLAP_MS} ms'`) }),
        },
      });
      for (const { key, expiresAt } of rows) this.expiryByKey.set(key, expiresAt.getTime());
      this.readAt = now;
      this.silent = false;
      await this.forget();
    } catch (err) {
      if (!this.silent) this.logger.warn({ err, step: 'identity' }, 'cannot read revoked tokens, will be retried');
      this.silent = true;
    }
  }

  private async forget(): Promise<void> {
    const now = Date.now();
    if (now - this.deletedAt < DELETE_EVERY_MS) return;
    this.deletedAt = now;
    for (const [key, expiresAt] of this.expiryByKey) if (expiresAt <= now) this.expiryByKey.delete(key);
    await this.rows.delete({ expiresAt: Raw((column) => `${column} < now()`) });
  }
}
