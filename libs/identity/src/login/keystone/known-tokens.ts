/**
 * What Keystone said about tokens. Good answers and refusals are kept apart, so that no number of bad tokens pushes a good one out. Keys are digests: a token may
 * have thousands of characters.
 */
import { createHash } from 'node:crypto';
import type { Identity } from '../caller.js';
import type { IdentityError } from '../identity-error.js';
import { Lru } from '../lru.js';

const GOOD_KEPT = 10_000;
const REFUSALS_KEPT = 10_000;

/** Times in ms since the epoch. */
export type Good = Readonly<{
  identity: Identity;
  /** Until then it is accepted without asking. */
  freshUntil: number;
  /** Until then it is accepted while Keystone does not answer: not before `freshUntil`, and never beyond the token's own end. */
  graceUntil: number;
}>;
export type Refused = Readonly<{ refusal: IdentityError; until: number }>;
export type Verdict = Good | Refused;

export class KnownTokens {
  private readonly good = new Lru<Good>(GOOD_KEPT);
  private readonly refused = new Lru<Refused>(REFUSALS_KEPT);

  /** The last verdict. A refusal is over at its end; a good one stays for its grace. */
  get(token: string, now: number): Verdict | undefined {
    const key = digest(token);
    const good = this.good.get(key);
    if (good) return good.graceUntil > now ? good : undefined;
    const refused = this.refused.get(key);
    return refused && refused.until > now ? refused : undefined;
  }

  /** The newest verdict replaces what was said before. */
  set(token: string, verdict: Verdict): void {
    const key = digest(token);
    if ('refusal' in verdict) {
      this.good.delete(key);
      this.refused.set(key, verdict);
    } else {
      this.refused.delete(key);
      this.good.set(key, verdict);
    }
  }
}

const digest = (token: string): string => createHash('sha256').update(token).digest('base64url');
