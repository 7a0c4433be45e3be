/** How often somebody may fail to log in. Counted in this process: with several, each allows that much. */
import { createHash } from 'node:crypto';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { IdentityError } from './identity-error.js';

const FAILURES = 10;
const FAILURES_WITHIN_SECONDS = 60;
const BUCKET_DIGITS = 4;

/** Failed logins of one user from one address. From another address the user logs in all the same. */
export class FailedLogins {
  private readonly limiter = new RateLimiterMemory({ points: FAILURES, duration: FAILURES_WITHIN_SECONDS });

  /**
   * Counts `login` as failed until it has succeeded, so that many at once are no way around. `who` is a name as it was sent: it is counted in one of some
   * thousand buckets, so that made-up names fill no memory.
   */
  async guard<T>(who: string, address: string, login: () => Promise<T>): Promise<T> {
    const key = `${createHash('sha256').update(who).digest('hex').slice(0, BUCKET_DIGITS)} ${address}`;
    await this.limiter.consume(key).catch((reason: { msBeforeNext?: number }) => {
      const seconds = Math.ceil((reason.msBeforeNext ?? FAILURES_WITHIN_SECONDS * 1000) / 1000);
      throw new IdentityError(
        'too-many-requests',
        `Too many failed logins of this user from ${address}. Try again in ${seconds} s.`,
        { 'retry-after': String(seconds) },
      );
    });
    const done = await login();
    await this.limiter.delete(key);
    return done;
  }
}
