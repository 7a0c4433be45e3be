/** Parses the body of `POST /v3/auth/tokens`. */
import { z } from 'zod';
import { malformed } from '../identity-error.js';

/** PostgreSQL cannot store text with a zero byte. */
const Text = z
  .string()
  .max(4096)
  .regex(/^[^\0]*$/);
const DomainRef = z.looseObject({ id: Text.optional(), name: Text.optional() });
const NamedRef = z.looseObject({ id: Text.optional(), name: Text.optional(), domain: DomainRef.optional() });

const Body = z.looseObject({
  auth: z.looseObject({
    identity: z.looseObject({
      methods: z.array(Text).min(1).max(10),
      password: z.looseObject({ user: NamedRef.extend({ password: Text }) }).optional(),
      token: z.looseObject({ id: z.string() }).optional(),
      application_credential: z
        .looseObject({ id: Text.optional(), name: Text.optional(), secret: Text, user: NamedRef.optional() })
        .optional(),
    }),
    scope: z
      .union([
        z.literal('unscoped'),
        z.looseObject({
          project: NamedRef.optional(),
          domain: DomainRef.optional(),
          system: z.looseObject({}).optional(),
          unscoped: z.looseObject({}).optional(),
        }),
      ])
      .optional(),
  }),
});

/** By id, or by name within a domain. */
export type Ref = Readonly<{ id: string }> | Readonly<{ name: string; domain: z.infer<typeof DomainRef> }>;

export type Proof =
  | Readonly<{ method: 'password'; user: Ref; password: string }>
  | Readonly<{ method: 'token'; token: string }>
  | Readonly<{
      method: 'application_credential';
      credential: { id: string } | { name: string; user: Ref };
      secret: string;
    }>
  /** A method that is not supported. */
  | Readonly<{ method: 'unsupported' }>;

/** `elsewhere`: a domain or the system; nobody has a role in these here. */
export type Scope = Readonly<{ project: Ref }> | 'unscoped' | 'elsewhere' | undefined;

/** Throws 'bad-request' naming what is missing. The message never contains what was sent, which may be a password. */
export function parseAuthRequest(body: unknown): { proof: Proof; scope: Scope } {
  const parsed = Body.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw malformed(`${issue?.path.join('.') || 'the body'} is missing or not of the form that Identity v3 asks for.`);
  }
  const { identity, scope } = parsed.data.auth;
  return { proof: proofOf(identity), scope: scopeOf(scope) };
}

function proofOf({ methods, password, token, application_credential: credential }: Identity): Proof {
  if (methods.length > 1) return { method: 'unsupported' };
  const [method] = methods;
  if (method === 'password') {
    if (!password) throw missing('password');
    return { method, user: refOf(password.user, 'user'), password: password.user.password };
  }
  if (method === 'token') {
    if (!token) throw missing('token');
    return { method, token: token.id };
  }
  if (method !== 'application_credential') return { method: 'unsupported' };
  if (!credential) throw missing('application_credential');
  const { id, name, user, secret } = credential;
  if (id !== undefined) return { method, credential: { id }, secret };
  if (name === undefined || user === undefined)
    throw malformed('an application credential is named by its id, or by its name and its user.');
  return { method, credential: { name, user: refOf(user, 'user') }, secret };
}
type Identity = z.infer<typeof Body>['auth']['identity'];

function scopeOf(scope: z.infer<typeof Body>['auth']['scope']): Scope {
  if (scope === undefined || scope === 'unscoped') return scope;
  if (scope.project) return { project: refOf(scope.project, 'project') };
  if (scope.domain || scope.system) return 'elsewhere';
  if (scope.unscoped) return 'unscoped';
  throw malformed('the scope names neither a project nor "unscoped".');
}

function refOf({ id, name, domain }: z.infer<typeof NamedRef>, what: string): Ref {
  if (id !== undefined) return { id };
  if (name !== undefined && domain !== undefined && (domain.id ?? domain.name) !== undefined) return { name, domain };
  throw malformed(`a ${what} is named by its id, or by its name and its domain (id or name).`);
}

const missing = (method: string) => malformed(`auth.identity.${method} is missing, and "methods" names it.`);
