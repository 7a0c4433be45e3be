/** Limits failed logins. Counted in this process: with several processes, each allows that many. */
import { createHash } from 'node:crypto';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { IdentityError } from './identity-error.js';

const FAILURES = 10;
const FAILURES_WITHIN_SECONDS = 60;
const BUCKET_DIGITS = 4;

/** Counts failed logins of one user from one address, so that the user can still log in from another address. */
export class FailedLogins {
  private readonly limiter = new RateLimiterMemory({ points: FAILURES, duration: FAILURES_WITHIN_SECONDS });

  /**
   * Counts `login` as failed until it has succeeded, so that many at once cannot get around the limit. `who` is the name as it was sent; it is counted in one of
   * some thousand buckets, so that invented names do not fill the memory.
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
