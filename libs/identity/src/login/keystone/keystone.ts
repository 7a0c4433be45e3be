/**
 * `auth=keystone`: the operator's own Keystone checks tokens. Its answers are cached, good ones longer than bad ones; many requests with one new token ask it
 * once. While Keystone does not answer, cached tokens keep working; others are answered with 503 and not with 401, so that clients keep their tokens.
 *
 * We ask with a token of our own (password of a service user, role admin or service). We get it when it is needed, and a new one when Keystone says it has expired.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type RoleName, ROLES, strongest } from '../../file/roles.js';
import type { Authenticator, Identity } from '../caller.js';
import { IdentityError, unauthorized, unavailable } from '../identity-error.js';
import type { KeystoneConfig } from '../login-config.js';
import { Lru } from '../lru.js';

const TOKENS_KEPT = 10_000;
const LONGEST_TOKEN = 8192;
const KEEP_BAD_MS = 5_000;
const ANSWER_WITHIN_MS = 10_000;
const REFRESH_BEFORE_MS = 60_000;

const TokenBody = z.object({
  token: z.object({
    expires_at: z.string(),
    user: z.object({ id: z.string() }),
    project: z.object({ id: z.string() }).optional(),
    roles: z.array(z.object({ name: z.string() })).optional(),
  }),
});
type Found = Readonly<{ identity: Identity } | { refusal: IdentityError }> & Readonly<{ until: number }>;

export class KeystoneAuthenticator implements Authenticator {
  private readonly known = new Lru<Found>(TOKENS_KEPT);
  private readonly asking = new Map<string, Promise<Found>>();
  private own: Readonly<{ token: string; expiresAt: number }> | null = null;
  private loggingIn: Promise<string> | null = null;

  constructor(private readonly config: KeystoneConfig) {}

  async authenticate(token: string | undefined): Promise<Identity> {
    if (token === undefined || token === '' || token.length > LONGEST_TOKEN || !/^[\x21-\x7e]+$/.test(token))
      throw unauthorized();
    const kept = this.known.get(token);
    const found = kept && kept.until > Date.now() ? kept : await this.askOnce(token);
    if ('refusal' in found) throw found.refusal;
    return found.identity;
  }

  private askOnce(token: string): Promise<Found> {
    const asked = this.asking.get(token);
    if (asked) return asked;
    const answer = this.ask(token)
      .then((found) => {
        this.known.set(token, found);
        return found;
      })
      .finally(() => this.asking.delete(token));
    this.asking.set(token, answer);
    return answer;
  }

  private async ask(token: string): Promise<Found> {
    const now = Date.now();
    const first = await this.validate(token, await this.ownToken());
    // Our own token may have been revoked, or Keystone's keys rotated: retry once with a new one.
    const response = first.status === 401 ? await this.validate(token, await this.ownToken(true)) : first;
    if (response.status === 404) return { refusal: unauthorized(), until: now + KEEP_BAD_MS };
    if (response.status !== 200) throw away(`it answered ${response.status} when asked about a token`);
    return foundOf(await bodyOf(response), now, this.config.cacheSeconds * 1000);
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

function foundOf({ token }: z.infer<typeof TokenBody>, now: number, keepMs: number): Found {
  const until = Math.min(now + keepMs, Date.parse(token.expires_at));
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
  return { identity: { userId: token.user.id, projectId: token.project.id, role }, until };
}

/** Old clouds call the member role `_member_`. */
function asOurs(name: string): RoleName | undefined {
  const lower = name.toLowerCase();
  return lower === '_member_' ? 'member' : ROLES.find((each) => each === lower);
}
