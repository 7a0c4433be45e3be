/** A minimal Identity v3: what unmodified clients need to reach the Networking API. It cannot change users; those are in a file (`plumb user`). */
import { z } from 'zod';
import { DOMAIN } from '../../file/clouds-yaml.js';
import { type RoleName, ROLES, strongest, weaker } from '../../file/roles.js';
import { IdentityError, malformed, notAuthorized, notFound, unauthorized } from '../identity-error.js';
import type { ApplicationCredentials, Credential } from './application-credentials.js';
import { parseAuthRequest } from './auth-request.js';
import type { BuiltinIdentity, Session } from './builtin-identity.js';
import type { Directory } from './directory.js';
import * as present from './present.js';
import { Asked, AskedBy, closed, find, IdentityAnswer, IdentityRequest, open, Route } from './routes.js';

const ok = (body: unknown, headers: Readonly<Record<string, string>> = {}): IdentityAnswer => ({
  outcome: 'ok',
  body,
  headers,
});
const LAST_YEAR = 9999;
const done: IdentityAnswer = { outcome: 'no-content' };

/** PostgreSQL cannot store text with a zero byte. */
const Text = z.string().regex(/^[^\0]*$/, { error: 'has a zero byte' });

const NewCredential = z.looseObject({
  application_credential: z.looseObject({
    name: Text.min(1).max(255),
    description: Text.max(4096).nullish(),
    secret: z.string().min(8).max(255).nullish(),
    expires_at: z.string().nullish(),
    roles: z.array(z.looseObject({ id: z.string().optional(), name: z.string().optional() })).nullish(),
    unrestricted: z.boolean().nullish(),
    access_rules: z.array(z.unknown()).nullish(),
  }),
});

export class IdentityApi {
  private readonly routes: readonly Route[];

  constructor(
    private readonly identity: BuiltinIdentity,
    private readonly directory: Directory,
    private readonly credentials: ApplicationCredentials,
  ) {
    this.routes = [
      open('GET', '/', ({ origin, prefix }) => ok({ version: present.version(origin, prefix) })),
      open('POST', '/auth/tokens', (asked) => this.logIn(asked)),
      closed('GET', '/auth/tokens', (asked) => this.show(asked)),
      closed('DELETE', '/auth/tokens', (asked) => this.revoke(asked)),
      closed('GET', '/auth/catalog', ({ origin }) =>
        ok(present.list('catalog', present.catalog(origin), `${origin}/v3/auth/catalog`)),
      ),
      closed('GET', '/auth/projects', (asked) => this.projects(asked, this.directory.projectsOf(asked.session.user))),
      closed('GET', '/auth/domains', ({ origin }) => ok(present.list('domains', [], `${origin}/v3/auth/domains`))),
      closed('GET', '/projects', (asked) => {
        requireAdmin(asked.session, 'identity:list_projects');
        return this.projects(asked, this.directory.projects);
      }),
      closed('GET', '/projects/:id', (asked) => this.project(asked)),
      closed('GET', '/users', (asked) => {
        requireAdmin(asked.session, 'identity:list_users');
        const { origin } = asked;
        const users = this.directory.users.filter((each) => named(asked, each.name));
        return ok(
          present.list(
            'users',
            users.map((each) => present.user(each, origin)),
            `${origin}/v3/users`,
          ),
        );
      }),
      closed('GET', '/users/:id', (asked) =>
        ok({ user: present.user(this.userOf(asked, 'identity:get_user'), asked.origin) }),
      ),
      closed('GET', '/users/:id/projects', (asked) =>
        this.projects(asked, this.directory.projectsOf(this.userOf(asked, 'identity:list_user_projects'))),
      ),
      closed('GET', '/domains', (asked) => {
        const only = named(asked, DOMAIN.name) ? [present.onlyDomain(asked.origin)] : [];
        return ok(present.list('domains', only, `${asked.origin}/v3/domains`));
      }),
      closed('GET', '/domains/:id', ({ origin, params: [id] }) => {
        if (id !== DOMAIN.id) throw notFound(`Could not find domain: ${id}.`);
        return ok({ domain: present.onlyDomain(origin) });
      }),
      closed('GET', '/roles', (asked) =>
        ok(
          present.list(
            'roles',
            ROLES.filter((name) => named(asked, name)).map(present.role),
            `${asked.origin}/v3/roles`,
          ),
        ),
      ),
      closed('GET', '/roles/:id', ({ params: [id = ''] }) => ok({ role: present.role(roleOf({ id })) })),
      closed('GET', '/users/:id/application_credentials', (asked) => this.listCredentials(asked)),
      closed('POST', '/users/:id/application_credentials', (asked) => this.createCredential(asked)),
      closed('GET', '/users/:id/application_credentials/:credential', async (asked) =>
        ok({ application_credential: present.credential(await this.credentialOf(asked), asked.origin) }),
      ),
      closed('DELETE', '/users/:id/application_credentials/:credential', async (asked) => {
        requireUnrestricted(asked.session);
        await this.identity.deleteCredential(await this.credentialOf(asked));
        return done;
      }),
    ];
  }

  /** Throws IdentityError; any other error is a bug of ours or a failure of the database. */
  async answer(request: IdentityRequest): Promise<IdentityAnswer> {
    const segments = segmentsOf(request.path);
    const prefix = segments[0] === 'identity' ? '/identity/v3' : '/v3';
    if (segments[0] === 'identity') segments.shift();
    if (segments.length === 0) return ok({ versions: { values: [present.version(request.origin, prefix)] } });
    if (segments.shift() !== 'v3') throw notFound('The resource could not be found: the only version here is v3.');
    // HEAD is answered like GET; the HTTP side leaves out the body.
    const [route, params] = find(this.routes, request.method === 'HEAD' ? 'GET' : request.method, segments);
    const asked: Asked = { ...request, prefix, params };
    return route.open ? route.answer(asked) : route.answer({ ...asked, session: this.sessionOf(asked) });
  }

  private sessionOf({ headers }: Asked): Session {
    const token = headers['x-auth-token'];
    const session = typeof token === 'string' ? this.identity.sessionOf(token) : undefined;
    if (!session) throw unauthorized();
    return session;
  }

  private async logIn({ body, address, origin, search }: Asked): Promise<IdentityAnswer> {
    const { proof, scope } = parseAuthRequest(body());
    const { token, session } = await this.identity.logIn(proof, scope, address);
    return {
      outcome: 'created',
      body: { token: present.token(session, catalogFor(origin, search)) },
      headers: { 'x-subject-token': token, vary: 'X-Auth-Token' },
    };
  }

  private show(asked: AskedBy): IdentityAnswer {
    const { session, text } = this.subject(asked, 'identity:validate_token');
    const body = { token: present.token(session, catalogFor(asked.origin, asked.search)) };
    return ok(body, { 'x-subject-token': text, vary: 'X-Auth-Token' });
  }

  private async revoke(asked: AskedBy): Promise<IdentityAnswer> {
    await this.identity.revoke(this.subject(asked, 'identity:revoke_token').session);
    return done;
  }

  /** The token in X-Subject-Token: the caller's own; an administrator may name anybody's. */
  private subject({ headers, session: asker }: AskedBy, action: string): { session: Session; text: string } {
    const text = headers['x-subject-token'];
    if (typeof text !== 'string')
      throw malformed('X-Subject-Token is missing: it names the token that is asked about.');
    const session = this.identity.sessionOf(text);
    if (session?.user.id !== asker.user.id) requireAdmin(asker, action);
    if (!session) throw notFound('This is not a recognized token.');
    return { session, text };
  }

  private projects(asked: AskedBy, all: Directory['projects']): IdentityAnswer {
    const { origin, search } = asked;
    const domain = search.get('domain_id') ?? DOMAIN.id;
    const projects = all.filter((each) => domain === DOMAIN.id && named(asked, each.name));
    return ok(
      present.list(
        'projects',
        projects.map((each) => present.project(each, origin)),
        `${origin}/v3/projects`,
      ),
    );
  }

  private project({ session, params: [id = ''], origin }: AskedBy): IdentityAnswer {
    const own = this.directory.projectsOf(session.user).find((each) => each.id === id);
    if (!own) requireAdmin(session, 'identity:get_project');
    const project = own ?? this.directory.project(id);
    if (!project) throw notFound(`Could not find project: ${id}.`);
    return ok({ project: present.project(project, origin) });
  }

  /** The user in the path: the caller; an administrator may name anybody. */
  private userOf({ session, params: [id = ''] }: AskedBy, action: string): Session['user'] {
    if (id === session.user.id) return session.user;
    requireAdmin(session, action);
    const user = this.directory.user(id);
    if (!user) throw notFound(`Could not find user: ${id}.`);
    return user;
  }

  private async listCredentials(asked: AskedBy): Promise<IdentityAnswer> {
    const user = this.userOf(asked, 'identity:list_application_credentials');
    const own = await this.credentials.ofUser(user.id, asked.search.get('name') ?? undefined);
    const self = `${asked.origin}/v3/users/${user.id}/application_credentials`;
    return ok(
      present.list(
        'application_credentials',
        own.map((each) => present.credential(each, asked.origin)),
        self,
      ),
    );
  }

  private async credentialOf(asked: AskedBy): Promise<Credential> {
    const user = this.userOf(asked, 'identity:get_application_credential');
    const id = asked.params[1] ?? '';
    const found = await this.credentials.byId(id);
    if (found?.userId !== user.id) throw notFound(`Could not find Application Credential: ${id}.`);
    return found;
  }

  /** For the caller only, in the project of the caller's token, with its role or a weaker one. */
  private async createCredential(asked: AskedBy): Promise<IdentityAnswer> {
    const { session, origin } = asked;
    requireUnrestricted(session);
    if (asked.params[0] !== session.user.id) throw notAuthorized('identity:create_application_credential');
    if (!session.scope) throw malformed('The token is for no project, and an application credential is for one.');
    const { role, ...input } = parseCredential(asked.body());
    if (role !== null && weaker(role, session.scope.role) !== role)
      throw malformed(`You have no role ${role} in this project to give.`);
    const { credential, secret } = await this.credentials.create({
      ...input,
      userId: session.user.id,
      projectId: session.scope.project.id,
      role: role ?? session.scope.role,
    });
    return {
      outcome: 'created',
      body: { application_credential: present.credential(credential, origin, secret) },
    };
  }
}

function parseCredential(body: unknown) {
  const parsed = NewCredential.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw malformed(`${issue?.path.join('.') || 'application_credential'}: ${issue?.message}.`);
  }
  const { name, description, secret, expires_at, roles, unrestricted, access_rules } =
    parsed.data.application_credential;
  if (access_rules && access_rules.length > 0)
    throw malformed('access_rules are not supported: leave them out, or give the credential a weaker role.');
  return {
    name,
    description: description ?? null,
    secret: secret ?? undefined,
    unrestricted: unrestricted ?? false,
    expiresAt: expires_at == null ? null : expiry(expires_at),
    role: roles && roles.length > 0 ? (strongest(roles.map(roleOf)) ?? null) : null,
  };
}

/** Times without a zone are UTC. */
function expiry(text: string): Date {
  const time = new Date(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
  if (Number.isNaN(time.getTime()) || time.getTime() <= Date.now() || time.getUTCFullYear() > LAST_YEAR)
    throw malformed(`expires_at is not a time to come, for example 2030-01-31T12:00:00.`);
  return time;
}

function roleOf({ id, name }: { id?: string | undefined; name?: string | undefined }): RoleName {
  const found = ROLES.find((each) =>
    id === undefined ? each === name : (present.role(each) as { id: string }).id === id,
  );
  if (!found) throw notFound(`Could not find role: ${id ?? name}.`);
  return found;
}

function requireAdmin({ scope }: Session, action: string): void {
  if (scope?.role !== 'admin') throw notAuthorized(action);
}

/** An application credential must not create another one, unless its user made it `unrestricted`. */
function requireUnrestricted({ claims: { credential } }: Session): void {
  if (credential && !credential.unrestricted)
    throw new IdentityError(
      'forbidden',
      "Using method 'application_credential' is not allowed for managing additional application credentials.",
    );
}

const named = ({ search }: Asked, name: string): boolean => (search.get('name') ?? name) === name;

/** Clients that need no catalogue send `?nocatalog`. */
const catalogFor = (origin: string, search: URLSearchParams): unknown[] | null =>
  search.has('nocatalog') ? null : present.catalog(origin);

function segmentsOf(path: string): string[] {
  try {
    return path
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent);
  } catch {
    throw notFound('The resource could not be found.');
  }
}
