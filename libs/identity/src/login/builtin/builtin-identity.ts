/**
 * Logs users in, and finds the user of a token. The rules are Keystone's:
 *
 *   password                gives a new token. Wrong password, unknown user, disabled user and no role in the project get the same answer after the same time
 *   token                   gives a token for another scope, which expires with the first one; not for a token that an application credential gave
 *   application_credential  gives a token for its own project and role only
 *
 * How many may fail, and who is checked first: ../login-limits.ts.
 */
import type { Logger } from '@plumbline/telemetry';
import { DOMAIN } from '../../file/clouds-yaml.js';
import type { Project, User } from '../../file/identity-file.js';
import { TooManyWaiting } from '../../file/fair-turns.js';
import { passwordsWaiting, verifyPassword } from '../../file/password.js';
import { type RoleName, weaker } from '../../file/roles.js';
import type { Authenticator, Identity } from '../caller.js';
import { IdentityError, unauthorized, unavailable } from '../identity-error.js';
import { type Attempt, type LoginCounts, LoginLimits } from '../login-limits.js';
import { Lru } from '../lru.js';
import type { ApplicationCredentials, Credential } from './application-credentials.js';
import type { Proof, Ref, Scope } from './auth-request.js';
import type { Directory } from './directory.js';
import { credentialKey, Revocations, tokenKey } from './revocations.js';
import { Claims, newAuditId, signToken, verifyToken } from './tokens.js';

const TOKENS_KEPT = 10_000;
const LONGEST_TOKEN = 4096;

/** A valid token, and the user, project and role it gives now. */
export type Session = Readonly<{
  claims: Claims;
  user: User;
  /** null: unscoped. */
  scope: Readonly<{ project: Project; role: RoleName }> | null;
  identity: Identity | null;
}>;

/** What a successful login proved; a token is made from it. */
type Proven = Pick<Claims, 'atMost' | 'methods' | 'credential'> &
  Readonly<{ user: User; provenAt: number; expiresAt: number; parentAuditId?: string; fixedProject?: string }>;

export class BuiltinIdentity implements Authenticator {
  private readonly sessions = new Lru<Session>(TOKENS_KEPT);
  private readonly limits: LoginLimits;

  constructor(
    private readonly directory: Directory,
    private readonly revocations: Revocations,
    private readonly credentials: ApplicationCredentials,
    private readonly settings: Readonly<{ key: Buffer; tokenMs: number }>,
    logger: Logger,
  ) {
    this.limits = new LoginLimits(logger);
    directory.onChange(() => this.sessions.clear());
  }

  /** Called for every request: a known token costs one lookup in a map. */
  authenticate(token: string | undefined): Promise<Identity> {
    const session = token === undefined ? undefined : this.sessionOf(token);
    if (!session) return Promise.reject(unauthorized());
    if (!session.identity)
      return Promise.reject(unauthorized('The token is for no project: log in with a project (OS_PROJECT_NAME).'));
    return Promise.resolve(session.identity);
  }

  /** The session of a token; undefined when the token is not or no longer valid. */
  sessionOf(token: string): Session | undefined {
    if (token.length > LONGEST_TOKEN) return undefined;
    const now = Date.now();
    const session = this.sessions.get(token) ?? this.readSession(token, now);
    if (!session || session.claims.expiresAt <= now || this.isRevoked(session.claims)) return undefined;
    return session;
  }

  /** What logins came to since the process started, and how many wait for a check now. */
  get logins(): LoginCounts & Readonly<{ waiting: number }> {
    return { ...this.limits.counts, waiting: passwordsWaiting() };
  }

  /** Resolves with a new token and its session. Rejects with an IdentityError. `address`: the client's, as failed logins are counted. */
  async logIn(proof: Proof, scope: Scope, address: string): Promise<{ token: string; session: Session }> {
    await this.directory.freshen();
    const proven = await this.prove(proof, address).catch((error: unknown) => {
      throw error instanceof TooManyWaiting ? unavailable('Too many logins at once. Try again in a moment.') : error;
    });
    const project = this.projectFor(proven, scope);
    const now = Date.now();
    const token = signToken(
      {
        user: proven.user.id,
        project: project?.id ?? null,
        atMost: proven.atMost,
        methods: proven.methods,
        auditIds: [newAuditId(), ...(proven.parentAuditId === undefined ? [] : [proven.parentAuditId])],
        issuedAt: now,
        provenAt: proven.provenAt,
        expiresAt: proven.expiresAt,
        credential: proven.credential,
      },
      this.settings.key,
    );
    const session = this.sessionOf(token);
    if (!session) throw unauthorized();
    return { token, session };
  }

  /** Revokes the session's token. Idempotent. */
  async revoke({ claims }: Session): Promise<void> {
    await this.revocations.revoke(tokenKey(claims.auditIds[0] as string), claims.expiresAt);
  }

  /** Deletes the credential and revokes all tokens that it gave. */
  async deleteCredential({ id }: Credential): Promise<void> {
    await this.revocations.revoke(credentialKey(id), Date.now() + this.settings.tokenMs);
    await this.credentials.delete(id);
  }

  private readSession(token: string, now: number): Session | undefined {
    const claims = verifyToken(token, this.settings.key, now);
    const user = claims && this.directory.user(claims.user);
    if (!claims || !user?.enabled) return undefined;
    // A changed password does not end an application credential's tokens: it has a secret of its own.
    if (claims.credential === null && claims.provenAt < Date.parse(user.passwordSetAt)) return undefined;
    const session = this.inScope(claims, user);
    if (session) this.sessions.set(token, session);
    return session;
  }

  private inScope(claims: Claims, user: User): Session | undefined {
    if (claims.project === null) return { claims, user, scope: null, identity: null };
    const project = this.directory.project(claims.project);
    const own = project && this.directory.roleIn(user, project);
    if (!own) return undefined;
    const role = claims.atMost === null ? own : weaker(own, claims.atMost);
    return { claims, user, scope: { project, role }, identity: { userId: user.id, projectId: project.id, role } };
  }

  private isRevoked({ auditIds, credential }: Claims): boolean {
    return (
      this.revocations.has(tokenKey(auditIds[0] as string)) ||
      (credential !== null && this.revocations.has(credentialKey(credential.id)))
    );
  }

  private async prove(proof: Proof, address: string): Promise<Proven> {
    switch (proof.method) {
      case 'password':
        return this.byPassword(proof.user, proof.password, address);
      case 'token':
        return this.byToken(proof.token);
      case 'application_credential':
        return this.byCredential(proof.credential, proof.secret, address);
      case 'unsupported':
        throw new IdentityError('unauthorized', 'Attempted to authenticate with an unsupported method.');
    }
  }

  private async byPassword(ref: Ref, password: string, address: string): Promise<Proven> {
    const sent = userNamedBy(ref);
    return this.limits.guard({ address, sent }, async (attempt) => {
      const user = this.userOf(ref);
      await attempt.countFor(accountOf(user, sent));
      const right = await verifyPassword(password, user?.password ?? this.directory.decoyFor(sent), attempt.turn);
      if (!right || !user?.enabled) throw unauthorized();
      return this.fresh(user, { methods: ['password'], atMost: null, credential: null });
    });
  }

  private byToken(token: string): Proven {
    const session = this.sessionOf(token);
    if (!session || session.claims.credential !== null) throw unauthorized();
    const { claims, user } = session;
    return {
      user,
      atMost: claims.atMost,
      methods: [...new Set([...claims.methods, 'token'])],
      credential: null,
      provenAt: claims.provenAt,
      expiresAt: claims.expiresAt,
      parentAuditId: claims.auditIds.at(-1) as string,
    };
  }

  private async byCredential(
    ref: { id: string } | { name: string; user: Ref },
    secret: string,
    address: string,
  ): Promise<Proven> {
    const sent =
      'id' in ref ? `credential ${ref.id}` : `credential ${JSON.stringify(ref.name)} of ${userNamedBy(ref.user)}`;
    return this.limits.guard({ address, sent }, async (attempt) => {
      const credential = await this.countedCredential(ref, sent, attempt);
      const right = await verifyPassword(secret, credential?.secretHash, attempt.turn);
      const user = credential && this.directory.user(credential.userId);
      const left = (credential?.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY) - Date.now();
      if (!right || !credential || !user?.enabled || left <= 0) throw unauthorized();
      const { id, unrestricted, role, projectId } = credential;
      const proven = this.fresh(user, {
        methods: ['application_credential'],
        atMost: role,
        credential: { id, unrestricted },
      });
      return { ...proven, expiresAt: Math.min(proven.expiresAt, Date.now() + left), fixedProject: projectId };
    });
  }

  /** The credential, if there is one; the attempt counts for its user. Of a user who does not exist it is looked up all the same: it takes that time. */
  private async countedCredential(
    ref: { id: string } | { name: string; user: Ref },
    sent: string,
    attempt: Attempt,
  ): Promise<Credential | undefined> {
    if ('id' in ref) {
      const credential = await this.credentials.byId(ref.id);
      await attempt.countFor(credential ? { userId: credential.userId } : { unknown: sent });
      return credential;
    }
    const user = this.userOf(ref.user);
    await attempt.countFor(accountOf(user, userNamedBy(ref.user)));
    const [credential] = await this.credentials.ofUser(user?.id ?? '', ref.name);
    return user && credential;
  }

  private fresh(user: User, how: Pick<Claims, 'methods' | 'atMost' | 'credential'>): Proven {
    const now = Date.now();
    return { user, ...how, provenAt: now, expiresAt: now + this.settings.tokenMs };
  }

  /** Null: unscoped. A project that does not exist and one without a role get the same answer. */
  private projectFor({ user, fixedProject }: Proven, scope: Scope): Project | null {
    if (scope === 'elsewhere')
      throw unauthorized('Nobody has a role in a domain or the system here: ask for a project.');
    if (fixedProject === undefined && (scope === undefined || scope === 'unscoped')) return null;
    const asked = typeof scope === 'object' ? this.projectOf(scope.project) : undefined;
    const project = fixedProject === undefined ? asked : this.directory.project(fixedProject);
    const other = typeof scope === 'object' && asked !== project;
    if (!project || other || this.directory.roleIn(user, project) === undefined) throw unauthorized();
    return project;
  }

  private userOf(ref: Ref): User | undefined {
    if ('id' in ref) return this.directory.user(ref.id);
    return isOurDomain(ref.domain) ? this.directory.userNamed(ref.name) : undefined;
  }
  private projectOf(ref: Ref): Project | undefined {
    if ('id' in ref) return this.directory.project(ref.id);
    return isOurDomain(ref.domain) ? this.directory.projectNamed(ref.name) : undefined;
  }
}

/** One text for one user, however its domain is named. */
const userNamedBy = (ref: Ref): string =>
  'id' in ref
    ? `user ${ref.id}`
    : `user named ${JSON.stringify([ref.name, isOurDomain(ref.domain) ? DOMAIN.id : (ref.domain.id ?? ref.domain.name)])}`;

/** The account that a login counts for: by whatever name it was found, or else under what was sent. */
const accountOf = (user: User | undefined, sent: string) => (user ? { userId: user.id } : { unknown: sent });

const isOurDomain = ({ id, name }: { id?: string | undefined; name?: string | undefined }): boolean =>
  id === undefined ? name?.toLowerCase() === DOMAIN.name.toLowerCase() : id === DOMAIN.id;
