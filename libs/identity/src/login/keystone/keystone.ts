/**
 * `auth=keystone`: the operator's own Keystone checks tokens. Its answers are cached, good ones longer than bad ones; many requests with one new token ask it
 * once; questions of different clients wait for each other by rounds of addresses (file/fair-turns.ts), so that one who sends many bad tokens holds up nobody else.
 *
 *     asked, good ──────── fresh ────────►│──────── grace ────────►│   or the token's own end, if that is earlier
 *                  not asked again        │  asked again; accepted │
 *                                         │  if nobody answers     │
 *
 * While Keystone does not answer, tokens in their grace keep working, and nobody waits for more than a moment; tokens that it was never asked about, or too long
 * ago, are answered with 503 and not with 401, so that clients keep them. A token that was revoked ends when it is asked about again: after its fresh time, or
 * when Keystone is back, or when its grace is over. When Keystone says no, grace is over at once.
 *
 * We ask with a token of our own (password of a service user, role admin or service). We get it when it is needed, and a new one when Keystone says it has expired.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@plumbline/telemetry';
import { z } from 'zod';
import { FairTurns, TooManyWaiting } from '../../file/fair-turns.js';
import { type RoleName, ROLES, strongest } from '../../file/roles.js';
import type { Authenticator, Identity } from '../caller.js';
import { IdentityError, unauthorized, unavailable } from '../identity-error.js';
import type { KeystoneConfig } from '../login-config.js';
import { type Good, KnownTokens, type Verdict } from './known-tokens.js';

const LONGEST_TOKEN = 8192;
const KEEP_BAD_MS = 5_000;
const ANSWER_WITHIN_MS = 10_000;
const REFRESH_BEFORE_MS = 60_000;
/** How long a request with a token in its grace waits for Keystone before it goes on without. */
const PATIENCE_MS = 1_000;
/** After Keystone did not answer, tokens in their grace are accepted for this long without asking again. */
const QUIET_MS = 5_000;
const ROOM = { atOnce: 16, waiting: 1024, waitingOfOne: 64 } as const;

const TokenBody = z.object({
  token: z.object({
    expires_at: z.string(),
    user: z.object({ id: z.string() }),
    project: z.object({ id: z.string() }).optional(),
    roles: z.array(z.object({ name: z.string() })).optional(),
  }),
});
export class KeystoneAuthenticator implements Authenticator {
  private readonly known = new KnownTokens();
  private readonly asking = new Map<string, Promise<Verdict>>();
  private readonly turns = new FairTurns(ROOM);
  /** Since when it does not answer, and until when it is left alone; null: it answers. */
  private silence: Readonly<{ since: number; until: number }> | null = null;
  private accepted = 0;
  private own: Readonly<{ token: string; expiresAt: number }> | null = null;
  private loggingIn: Promise<string> | null = null;

  constructor(
    private readonly config: KeystoneConfig,
    private readonly logger: Logger,
  ) {}

  /** Whether Keystone answers, and how many requests were accepted without its answer since the process started. */
  get state(): Readonly<{ silentSince: number | null; acceptedInGrace: number; waiting: number }> {
    return { silentSince: this.silence?.since ?? null, acceptedInGrace: this.accepted, waiting: this.turns.waiting };
  }

  async authenticate(token: string | undefined, address: () => string): Promise<Identity> {
    if (token === undefined || token === '' || token.length > LONGEST_TOKEN || !/^[\x21-\x7e]+$/.test(token))
      throw unauthorized();
    const now = Date.now();
    const kept = this.known.get(token, now);
    const verdict =
      kept && 'identity' in kept && kept.freshUntil <= now
        ? await this.inGrace(token, address, kept)
        : (kept ?? (await this.askOnce(token, address)));
    if ('refusal' in verdict) throw verdict.refusal;
    return verdict.identity;
  }

  /** For a good token that is no longer fresh: the new verdict, or the old one when Keystone does not answer, or not soon. */
  private async inGrace(token: string, address: () => string, old: Good): Promise<Verdict> {
    if (this.silence && this.silence.until > Date.now()) return this.accept(old);
    const newest = this.askOnce(token, address).catch((error: unknown) => {
      if (error instanceof IdentityError && error.kind === 'unavailable') return this.accept(old);
      throw error;
    });
    const patience = new AbortController();
    const late = delay(PATIENCE_MS, old, { signal: patience.signal }).then(() => this.accept(old));
    // Whoever loses the race is nobody's error.
    late.catch(() => undefined);
    newest.catch(() => undefined);
    try {
      return await Promise.race([newest, late]);
    } finally {
      patience.abort();
    }
  }

  private accept(old: Good): Good {
    this.accepted += 1;
    return old;
  }

  private askOnce(token: string, address: () => string): Promise<Verdict> {
    const asked = this.asking.get(token);
    if (asked) return asked;
    const answer = this.turns
      .take(address(), () => this.ask(token))
      .then((verdict) => {
        this.known.set(token, verdict);
        this.heard();
        return verdict;
      })
      .catch((error: unknown) => {
        if (error instanceof TooManyWaiting) throw unavailable('Too many tokens at once. Try again in a moment.');
        if (error instanceof IdentityError && error.kind === 'unavailable') this.unheard(error);
        throw error;
      })
      .finally(() => this.asking.delete(token));
    this.asking.set(token, answer);
    return answer;
  }

  private heard(): void {
    if (this.silence) this.logger.info({ step: 'identity' }, 'Keystone answers again');
    this.silence = null;
  }

  private unheard(err: Error): void {
    const now = Date.now();
    const { graceSeconds } = this.config;
    if (!this.silence)
      this.logger.warn(
        { err, graceSeconds, step: 'identity' },
        'Keystone does not answer: known tokens have their grace',
      );
    this.silence = { since: this.silence?.since ?? now, until: now + QUIET_MS };
  }

  private async ask(token: string): Promise<Verdict> {
    const now = Date.now();
    const first = await this.validate(token, await this.ownToken());
    // Our own token may have been revoked, or Keystone's keys rotated: retry once with a new one.
    const response = first.status === 401 ? await this.validate(token, await this.ownToken(true)) : first;
    if (response.status === 404) return { refusal: unauthorized(), until: now + KEEP_BAD_MS };
    if (response.status !== 200) throw away(`it answered ${response.status} when asked about a token`);
    return verdictOf(await bodyOf(response), now, this.config);
  }

  private validate(token: string, own: string): Promise<Response> {
    return this.send('/auth/tokens?nocatalog', { headers: { 'x-auth-token': own, 'x-subject-token': token } });
  }

  private async ownToken(refresh = false): Promise<string> {
    if (!refresh && this.own && this.own.expiresAt - REFRESH_BEFORE_MS > Date.now()) return this.own.token;
    this.loggingIn ??= this.logIn().finally(() => (this.loggingIn = null));
    return this.loggingIn;
  }

  private async logIn(): Promise<string> {
    const { userName, userDomain, projectName, projectDomain, passwordFile } = this.config;
    const password = readPassword(passwordFile);
    const user = { name: userName, domain: { name: userDomain }, password };
    const identity = { methods: ['password'], password: { user } };
    const scope = { project: { name: projectName, domain: { name: projectDomain } } };
    const response = await this.send('/auth/tokens?nocatalog', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth: { identity, scope } }),
    });
    const token = response.headers.get('x-subject-token');
    if (response.status !== 201 || token === null)
      throw away(
        `it does not let our own user ${userName} in (${response.status}): see PLUMB_KEYSTONE_USER, PLUMB_KEYSTONE_PROJECT and PLUMB_KEYSTONE_PASSWORD_FILE`,
      );
    this.own = { token, expiresAt: Date.parse((await bodyOf(response)).token.expires_at) };
    return token;
  }

  private send(path: string, init: RequestInit): Promise<Response> {
    return fetch(`${this.config.url}${path}`, {
      ...init,
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    }).catch((error: Error) => {
      throw away(((error.cause as Error | undefined) ?? error).message);
    });
  }
}

function readPassword(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw away(`our own password cannot be read: ${(error as Error).message}`);
  }
}

async function bodyOf(response: Response): Promise<z.infer<typeof TokenBody>> {
  const body = TokenBody.safeParse(await response.json().catch(() => null));
  if (!body.success) throw away('its answer is not that of an Identity v3');
  return body.data;
}

const away = (why: string) =>
  unavailable(`The identity service (Keystone) cannot tell whose token this is: ${why}. Try again later.`);

function verdictOf(
  { token }: z.infer<typeof TokenBody>,
  now: number,
  { cacheSeconds, graceSeconds }: KeystoneConfig,
): Verdict {
  const within = (seconds: number) => Math.min(now + seconds * 1000, Date.parse(token.expires_at));
  const until = within(cacheSeconds);
  const role = strongest((token.roles ?? []).map(({ name }) => asOurs(name)).filter((name) => name !== undefined));
  if (!token.project)
    return {
      refusal: unauthorized('The token is for no project: log in with a project (OS_PROJECT_NAME).'),
      until,
    };
  if (role === undefined)
    return {
      refusal: new IdentityError('forbidden', `The token has none of the roles ${ROLES.join(', ')} in its project.`),
      until,
    };
  const identity = { userId: token.user.id, projectId: token.project.id, role };
  return { identity, freshUntil: until, graceUntil: within(cacheSeconds + graceSeconds) };
}

/** Old clouds call the member role `_member_`. */
function asOurs(name: string): RoleName | undefined {
  const lower = name.toLowerCase();
  return lower === '_member_' ? 'member' : ROLES.find((each) => each === lower);
}
