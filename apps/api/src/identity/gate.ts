/**
 * What stands before every route: who asks, and whether they may ask at all. Closed by default: a route is open because it is named here. It looks at the
 * route that matched and not at the path that was sent, because one route has many spellings.
 *
 * It runs before a body is read: who is refused costs no memory.
 */
import { type Authenticator, type Identity, IdentityError, notAuthorized } from '@plumbline/identity/login';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import { originOf } from '../origin.js';
import { refuseBrowsers } from './browser.js';
import { IDENTITY_ROUTES } from './identity-paths.js';
import { RequestRate } from './request-rate.js';

/** Discovery, health, the API's description; the identity routes ask for themselves. */
const OPEN_ROUTES = ['/', '/healthz', '/openapi.json', '/docs', ...IDENTITY_ROUTES];
/** The control plane's own side: whole nodes, not what a project owns. */
const ADMIN_ROUTES = '/plumbline/';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the gate for every route that is not open. */
    identity: Identity | null;
  }
}

export class Gate {
  private readonly rate: RequestRate;

  constructor(
    private readonly config: Pick<Config, 'auth' | 'publicUrl' | 'requestsPerSecond'>,
    private readonly authenticator: Authenticator,
  ) {
    this.rate = new RequestRate(config.requestsPerSecond);
  }

  /** A Fastify onRequest hook. Throws IdentityError and EdgeError. */
  readonly admit = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (this.config.auth.kind === 'none') refuseBrowsers(request.headers);
    const route = request.routeOptions.url;
    if (route === undefined || OPEN_ROUTES.includes(route)) return;
    const token = request.headers['x-auth-token'];
    try {
      request.identity = await this.authenticator.authenticate(typeof token === 'string' ? token : undefined);
    } catch (error) {
      if (error instanceof IdentityError && error.kind === 'unauthorized')
        reply.header('www-authenticate', `Keystone uri="${this.identityUrl(request)}"`);
      throw error;
    }
    if (route.startsWith(ADMIN_ROUTES) && request.identity.role !== 'admin') throw notAuthorized('node views');
    await this.rate.count(request.identity.projectId);
  };

  private identityUrl(request: FastifyRequest): string {
    const { auth, publicUrl } = this.config;
    return auth.kind === 'keystone' ? auth.url : `${originOf(request, publicUrl)}/v3`;
  }
}

/** The gate's finding. Throws when the route is an open one: there nobody was asked. */
export function identityOf(request: FastifyRequest): Identity {
  if (!request.identity) throw new Error(`nobody was asked who they are at ${request.routeOptions.url}`);
  return request.identity;
}
