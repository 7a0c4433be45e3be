/** Builds the bodies of Identity v3. `snake_case` names are used only here. */
import { createHash } from 'node:crypto';
import { DOMAIN, REGION } from '../../file/clouds-yaml.js';
import type { Project, User } from '../../file/identity-file.js';
import { implied, type RoleName } from '../../file/roles.js';
import type { Credential } from './application-credentials.js';
import type { Session } from './builtin-identity.js';

/** Ids of what is in no file (roles, services), the same in every process. */
const fixedId = (what: string): string => createHash('md5').update(`plumbline ${what}`).digest('hex');

const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}.000000Z`;
const domain = { id: DOMAIN.id, name: DOMAIN.name };
const json = { base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' };

/** `prefix`: `/v3` or `/identity/v3`, as the client asked. 3.10 is the version that has application credentials. */
export const version = (origin: string, prefix: string): unknown => ({
  id: 'v3.10',
  status: 'stable',
  updated: '2018-02-28T00:00:00Z',
  links: [{ rel: 'self', href: `${origin}${prefix}/` }],
  'media-types': [json],
});

export const role = (name: RoleName): unknown => ({
  id: fixedId(`role ${name}`),
  name,
  domain_id: null,
  description: null,
  options: {},
  links: {},
});
const roleRef = (name: RoleName): unknown => ({ id: fixedId(`role ${name}`), name });

/** The catalogue, in which clients find the services. The Networking endpoint is the root: clients append the version they know. */
export function catalog(origin: string): unknown[] {
  const service = (type: string, name: string, url: string): unknown => ({
    id: fixedId(`service ${type}`),
    type,
    name,
    endpoints: ['public', 'internal', 'admin'].map((each) => ({
      id: fixedId(`endpoint ${type} ${each}`),
      interface: each,
      region: REGION,
      region_id: REGION,
      url,
    })),
  });
  return [service('network', 'neutron', origin), service('identity', 'keystone', `${origin}/v3`)];
}

/** `services` null: the client asked for no catalogue. */
export function token({ claims, user: owner, scope }: Session, services: unknown[] | null): unknown {
  return {
    methods: claims.methods,
    user: { domain, id: owner.id, name: owner.name, password_expires_at: null },
    audit_ids: claims.auditIds,
    issued_at: time(claims.issuedAt),
    expires_at: time(claims.expiresAt),
    ...(scope && {
      project: { domain, id: scope.project.id, name: scope.project.name },
      is_domain: false,
      roles: implied(scope.role).map(roleRef),
      ...(services && { catalog: services }),
    }),
    ...(claims.credential && {
      application_credential: { id: claims.credential.id, restricted: !claims.credential.unrestricted },
    }),
  };
}

export const project = ({ id, name }: Project, origin: string): unknown => ({
  id,
  name,
  domain_id: DOMAIN.id,
  parent_id: DOMAIN.id,
  is_domain: false,
  enabled: true,
  description: '',
  tags: [],
  options: {},
  links: { self: `${origin}/v3/projects/${id}` },
});

export const user = ({ id, name, enabled }: User, origin: string): unknown => ({
  id,
  name,
  domain_id: DOMAIN.id,
  enabled,
  password_expires_at: null,
  options: {},
  links: { self: `${origin}/v3/users/${id}` },
});

export const onlyDomain = (origin: string): unknown => ({
  ...domain,
  enabled: true,
  description: 'The only domain',
  tags: [],
  options: {},
  links: { self: `${origin}/v3/domains/${DOMAIN.id}` },
});

/** `secret`: only in the answer to its creation. */
export const credential = (each: Credential, origin: string, secret?: string): unknown => ({
  id: each.id,
  name: each.name,
  description: each.description,
  project_id: each.projectId,
  user_id: each.userId,
  roles: implied(each.role).map(role),
  unrestricted: each.unrestricted,
  expires_at: each.expiresAt === null ? null : time(each.expiresAt.getTime()),
  ...(secret !== undefined && { secret }),
  links: { self: `${origin}/v3/users/${each.userId}/application_credentials/${each.id}` },
});

/** A list in Identity v3's form. */
export const list = (name: string, items: readonly unknown[], self: string): unknown => ({
  [name]: items,
  links: { self, next: null, previous: null },
});
