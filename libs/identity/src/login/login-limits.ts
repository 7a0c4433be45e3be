/**
 * How many logins may fail, and who is checked next. All before a password is hashed, since that costs some 60 ms of a core.
 *
 *   of one address   ADDRESS failures a minute. An address is one IPv4 address or one IPv6 /64 (what a site gives a single host).
 *   of one account   ACCOUNT failures a minute from one address: guesses at one password. The account is the user that was found, by whatever name, id or
 *                    application credential; who is found nowhere counts under what was sent, so that a name that exists shows no difference.
 *   turns            whoever is checked waits by rounds of addresses (file/fair-turns.ts).
 *
 * Whoever logged in from an address within the last day is not kept out by what others do from it (they may share a proxy or NAT with a guesser): the address's
 * limit does not apply and the turns are separate. The account's limit always applies.
 *
 * A login counts as failed from its beginning until it has succeeded, so that many at once cannot get around a limit. What was never decided (the database was
 * away, too many waited) does not count. Counted in this process: with several processes, each allows that many.
 *
 * Road not taken: limits of an account over all addresses. They would let anybody lock anybody out.
 */
import { createHash } from 'node:crypto';
import type { Logger } from '@plumbline/telemetry';
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { IdentityError } from './identity-error.js';
import { Lru } from './lru.js';

const WITHIN_SECONDS = 60;
const ADDRESS_FAILURES = 100;
const ACCOUNT_FAILURES = 10;
const KNOWN_FOR_MS = 24 * 3_600_000;
const KNOWN_PAIRS = 10_000;
const BUCKET_DIGITS = 4;

/** Where a login comes from, and what names its user, as it was sent. */
export type Origin = Readonly<{ address: string; sent: string }>;

/** One login under way. */
export type Attempt = Readonly<{
  /** For the turns of hashing. */
  turn: string;
  /** Counts it for an account, found or not. Rejects with 'too-many-requests'. */
  countFor(account: Readonly<{ userId: string } | { unknown: string }>): Promise<void>;
}>;

export type LoginCounts = Readonly<{
  succeeded: number;
  failed: number;
  refusedByAddress: number;
  refusedByAccount: number;
}>;

export class LoginLimits {
  private readonly ofAddress = new RateLimiterMemory({ points: ADDRESS_FAILURES, duration: WITHIN_SECONDS });
  private readonly ofAccount = new RateLimiterMemory({ points: ACCOUNT_FAILURES, duration: WITHIN_SECONDS });
  private readonly known = new Lru<number>(KNOWN_PAIRS);
  private readonly told = new Lru<number>(KNOWN_PAIRS);
  private readonly counted = { succeeded: 0, failed: 0, refusedByAddress: 0, refusedByAccount: 0 };

  constructor(private readonly logger: Logger) {}

  /** Since the process started. */
  get counts(): LoginCounts {
    return { ...this.counted };
  }

  /** Does the login within the limits. Rejects with 'too-many-requests' instead, or with what the login rejects with. */
  async guard<T>({ address, sent }: Origin, login: (attempt: Attempt) => Promise<T>): Promise<T> {
    const pair = digest(`${address} ${sent}`);
    const isKnown = (this.known.get(pair) ?? Number.NEGATIVE_INFINITY) > Date.now() - KNOWN_FOR_MS;
    if (!isKnown) await this.consume('address', address, address, `Too many failed logins from ${address}.`);
    let account: string | undefined;
    const countFor: Attempt['countFor'] = async (found) => {
      // Unknown ones share some thousand keys, so that invented names do not fill the memory.
      const whose = 'userId' in found ? found.userId : digest(found.unknown).slice(0, BUCKET_DIGITS);
      const key = `${whose} ${address}`;
      await this.consume('account', key, address, `Too many failed logins of this user from ${address}.`);
      account = key;
    };
    try {
      const done = await login({ turn: isKnown ? `known ${address}` : address, countFor });
      this.counted.succeeded += 1;
      this.known.set(pair, Date.now());
      if (!isKnown) await this.ofAddress.reward(address);
      if (account !== undefined) await this.ofAccount.delete(account);
      return done;
    } catch (error) {
      if (error instanceof IdentityError && error.kind === 'unauthorized') this.counted.failed += 1;
      else {
        if (!isKnown) await this.ofAddress.reward(address);
        if (account !== undefined) await this.ofAccount.reward(account);
      }
      throw error;
    }
  }

  /** Once for each limit that is reached, not for each login that it refuses. */
  private tell(what: string, key: string, fields: object): void {
    const told = `${what} ${key}`;
    const now = Date.now();
    if ((this.told.get(told) ?? Number.NEGATIVE_INFINITY) > now - WITHIN_SECONDS * 1000) return;
    this.told.set(told, now);
    this.logger.warn({ ...fields, step: 'identity' }, 'logins are refused');
  }

  private async consume(what: 'address' | 'account', key: string, address: string, why: string): Promise<void> {
    const [limiter, most] =
      what === 'address' ? [this.ofAddress, ADDRESS_FAILURES] : [this.ofAccount, ACCOUNT_FAILURES];
    try {
      await limiter.consume(key);
    } catch (reason) {
      if (reason instanceof Error) throw reason;
      const seconds = Math.ceil((reason as RateLimiterRes).msBeforeNext / 1000);
      // What was refused was not tried.
      await limiter.reward(key);
      this.counted[what === 'address' ? 'refusedByAddress' : 'refusedByAccount'] += 1;
      this.tell(what, key, { address, limit: what, failures: most, seconds });
      throw new IdentityError('too-many-requests', `${why} Try again in ${seconds} s.`, {
        'retry-after': String(seconds),
      });
    }
  }
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
