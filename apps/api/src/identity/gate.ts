/**
 * Runs before every route: finds out who sends a request, and refuses whoever may not send any. A route is closed unless it is named here as open. The gate
 * looks at the route that Fastify matched and not at the path that was sent, because one route has many spellings.
 *
 * It runs before the body is read, so that a request that is refused costs no memory.
 */
import { type Authenticator, type Identity, IdentityError, notAuthorized } from '@plumbline/identity/login';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import { DOCS } from '../neutron/description/docs.js';
import { originOf } from '../origin.js';
import { refuseBrowsers } from './browser.js';
import { countedAddress } from './client-address.js';
import { IDENTITY_ROUTES } from './identity-paths.js';
import { RequestRate } from './request-rate.js';

/** Discovery, health and metrics, the API's description; the identity routes ask for themselves. */
const OPEN_ROUTES = ['/', '/healthz', '/metrics', '/openapi.json', ...DOCS.keys(), ...IDENTITY_ROUTES];
/** The control plane's own routes: they show whole nodes, not what one project owns. */
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
    private readonly config: Pick<Config, 'auth' | 'publicUrl' | 'requestsPerSecond' | 'trustedProxies'>,
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
      request.identity = await this.authenticator.authenticate(typeof token === 'string' ? token : undefined, () =>
        countedAddress(request, this.config.trustedProxies),
      );
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

/** Who sent the request, as the gate found out. Throws on an open route, where the gate does not ask. */
export function identityOf(request: FastifyRequest): Identity {
  if (!request.identity)
    throw new Error(`the route ${request.routeOptions.url} is open: the gate did not authenticate the request`);
  return request.identity;
}
