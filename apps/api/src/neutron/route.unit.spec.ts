import { describe, expect, it } from '@jest/globals';
import { DomainError } from '@plumbline/domain';
import { EdgeError } from '../errors/edge-error.js';
import { NETWORKING_API } from './catalogue.js';
import { type Api, mayReach, route, type Target } from './route.js';

const ID = '0b0e2a5c-6ea2-4a8e-9f3c-0d8a5b9f1c11';

/** In words: what is asked for, of what. */
function words(target: Target): string {
  switch (target.is) {
    case 'root':
      return 'root';
    case 'extensions':
      return `extensions ${target.alias ?? ''}`.trim();
    case 'endpoint':
      return `${target.verb} ${target.endpoint.path.join('/')} ${target.ids.join(' ')}`.trim();
    case 'list':
    case 'create':
      return `${target.is} ${target.place.resource.name}${target.place.whole ? ` of ${target.place.whole.resource.name}` : ''}`;
    case 'tags':
      return `tags of ${target.resource.name} ${target.tag ?? ''}`.trim();
    case 'action':
      return `${target.name} of ${target.resource.name}`;
    default:
      return `${target.is} ${target.place.resource.name} ${target.id}`;
  }
}

function asked(method: string, path: string, api: Api = NETWORKING_API): string {
  try {
    return words(route(api, method, path));
  } catch (error) {
    if (error instanceof EdgeError || error instanceof DomainError) return error.kind;
    throw error;
  }
}

describe('a path and a verb', () => {
  it.each([
    ['GET', '/v2.0', 'root'],
    ['GET', '/v2.0/', 'root'],
    ['POST', '/v2.0/', 'method-not-allowed'],
    ['GET', '/v2.0/extensions', 'extensions'],
    ['GET', '/v2.0/extensions/quotas', 'extensions quotas'],
    ['PUT', '/v2.0/extensions', 'method-not-allowed'],
    ['GET', '/v2.0/networks', 'list network'],
    ['GET', '/v2.0/networks.json', 'list network'],
    ['POST', '/v2.0/networks', 'create network'],
    ['DELETE', '/v2.0/networks', 'method-not-allowed'],
    ['GET', '/v2.0/networks/a%20name', 'show network a name'],
    ['GET', '/v2.0/networks/%', 'not-found'],
    ['PUT', `/v2.0/ports/${ID}`, `update port ${ID}`],
    ['DELETE', `/v2.0/ports/${ID}/`, `delete port ${ID}`],
    ['PUT', `/v2.0/security-group-rules/${ID}`, 'method-not-allowed'],
    ['GET', `/v2.0/ports/${ID}/tags`, 'tags of port'],
    ['PUT', `/v2.0/ports/${ID}/tags/a`, 'tags of port a'],
    ['GET', `/v2.0/floatingips/${ID}/port_forwardings`, 'list port_forwarding of floatingip'],
    ['POST', `/v2.0/routers/${ID}/port_forwardings`, 'create port_forwarding of router'],
    ['GET', '/v2.0/floatingips/a-name/port_forwardings', 'not-found'],
    ['PUT', `/v2.0/routers/${ID}/add_router_interface`, 'add_router_interface of router'],
    ['POST', `/v2.0/routers/${ID}/add_router_interface`, 'method-not-allowed'],
    ['PUT', `/v2.0/routers/${ID}/toString`, 'not-found'],
    ['GET', '/v2.0/quotas/p', 'get quotas/:project p'],
    ['POST', '/v2.0/quotas/p', 'method-not-allowed'],
    ['DELETE', `/v2.0/agents/${ID}`, `delete agents/:id ${ID}`],
    ['GET', `/v2.0/agents/${ID}`, `show agent ${ID}`],
    ['GET', '/v2.0/nothing', 'not-found'],
    ['GET', `/v2.0/networks/${ID}/nothing`, 'not-found'],
    ['GET', `/v2.0/networks/${ID}/tags/a/b`, 'not-found'],
    ['GET', '/v3/networks', 'not-found'],
    ['GET', '/v2%2E0/networks', 'list network'],
  ])('%s %s: %s', (method, path, wanted) => expect(asked(method, path)).toBe(wanted));

  it('is below the prefix that it is given, which may be any', () => {
    const elsewhere: Api = { ...NETWORKING_API, prefix: '/extension/v1' };
    expect(asked('GET', '/extension/v1/networks', elsewhere)).toBe('list network');
    expect(asked('GET', '/extension/v1', elsewhere)).toBe('root');
    expect(asked('GET', '/v2.0/networks', elsewhere)).toBe('not-found');
    expect(asked('GET', '/extension', elsewhere)).toBe('not-found');
  });

  it('leads to an endpoint for administrators only when one asks', () => {
    const target = route(NETWORKING_API, 'GET', '/v2.0/quotas') as Extract<Target, { is: 'endpoint' }>;
    expect(() => mayReach(target, { projectId: 'p', role: 'member' })).toThrow('get_quotas');
    expect(() => mayReach(target, { projectId: 'p', role: 'admin' })).not.toThrow();
  });
});
