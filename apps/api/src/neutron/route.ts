/** Finds out from path and verb what a request asks for. It knows the shape of paths; resources, endpoints and the prefix are arguments. */
import { notAuthorized } from '@plumbline/domain';
import { methodNotAllowed, noSuchPath } from '../errors/edge-error.js';
import type { Endpoint, Handler } from './endpoint.js';
import { isAdmin } from './policy.js';
import type { Viewer } from './attribute.js';
import { type Resource, segmentOf } from './resource.js';
import { isUuid, shown } from './types/attribute-types.js';

/** A resource where the path names it; of a part (a floating IP's port forwarding) also the object it belongs to. */
export type Place = Readonly<{ resource: Resource; whole: Readonly<{ resource: Resource; id: string }> | null }>;

export type Target =
  | Readonly<{ is: 'root' }>
  /** `alias` undefined: all of them. */
  | Readonly<{ is: 'extensions'; alias: string | undefined }>
  | Readonly<{ is: 'endpoint'; endpoint: Endpoint; verb: string; handler: Handler; ids: readonly string[] }>
  | Readonly<{ is: 'list' | 'create'; place: Place }>
  /** Ids as they were sent, decoded. */
  | Readonly<{ is: 'show' | 'update' | 'delete'; place: Place; id: string }>
  | Readonly<{ is: 'tags'; resource: Resource; id: string; tag: string | undefined }>
  | Readonly<{ is: 'action'; resource: Resource; id: string; name: string }>;

/** What is served: `version` as clients discover it, `prefix` of all its paths, no slash at its end. */
export type Api = Readonly<{
  version: string;
  prefix: string;
  resources: readonly Resource[];
  endpoints: readonly Endpoint[];
}>;

/** Throws 'not-found' and 'method-not-allowed'. Endpoints come before resources. */
export function route(api: Api, method: string, path: string): Target {
  const segments = withPlaces(api, belowPrefix(api.prefix, path));
  const [collection, id, sub, subId, ...more] = segments;
  if (collection === undefined) return onlyGet(method, { is: 'root' });
  if (collection === 'extensions' && sub === undefined) return onlyGet(method, { is: 'extensions', alias: id });
  const endpoints = api.endpoints.filter((each) => matches(each, segments));
  for (const endpoint of endpoints)
    if (Object.hasOwn(endpoint.methods, method)) return onEndpoint(endpoint, method, segments);
  const refused = endpoints.length > 0 ? methodNotAllowed : noSuchPath;
  const resource = api.resources.find((each) => !each.partOf && segmentOf(each) === collection);
  if (!resource || more.length > 0) throw refused();
  const place: Place = { resource, whole: null };
  if (id === undefined) return onCollection(place, method);
  if (sub === undefined) return onOne(place, id, method);
  if (sub === 'tags' && resource.tagged) return { is: 'tags', resource, id, tag: subId };
  const part = api.resources.find((each) => each.partOf?.name === resource.name && segmentOf(each) === sub);
  if (part) {
    const inWhole: Place = { resource: part, whole: { resource, id: idOf(resource, id) } };
    return subId === undefined ? onCollection(inWhole, method) : onOne(inWhole, subId, method);
  }
  if (subId !== undefined || !Object.hasOwn(resource.actions ?? {}, sub)) throw refused();
  if (method !== 'PUT') throw methodNotAllowed();
  return { is: 'action', resource, id, name: sub };
}

/** Throws 'forbidden' when the endpoint is not for this caller. */
export function mayReach({ endpoint, verb }: Extract<Target, { is: 'endpoint' }>, caller: Viewer): void {
  if (endpoint.who === 'admin' && !isAdmin(caller)) throw notAuthorized(`${verb}_${endpoint.path[0]}`);
}

/** Clients try a name as an id first, so text that is no UUID is answered with 404 and not with 400. */
export function idOf(resource: Pick<Resource, 'notFound'>, id: string): string {
  if (!isUuid(id)) throw resource.notFound(shown(id));
  return id.toLowerCase();
}

const VERBS: Readonly<Record<string, string>> = { GET: 'get', POST: 'create', PUT: 'update', DELETE: 'delete' };

function onEndpoint(endpoint: Endpoint, method: string, segments: readonly string[]): Target {
  return {
    is: 'endpoint',
    endpoint,
    verb: VERBS[method] ?? 'get',
    handler: endpoint.methods[method as 'GET'] as Handler,
    ids: segments.filter((_text, index) => endpoint.path[index]?.startsWith(':')),
  };
}

function onCollection(place: Place, method: string): Target {
  if (method === 'GET') return { is: 'list', place };
  if (method === 'POST' && place.resource.create) return { is: 'create', place };
  throw methodNotAllowed();
}

function onOne(place: Place, id: string, method: string): Target {
  if (method === 'GET') return { is: 'show', place, id };
  if (method === 'PUT' && place.resource.update) return { is: 'update', place, id };
  if (method === 'DELETE' && place.resource.delete) return { is: 'delete', place, id };
  throw methodNotAllowed();
}

function onlyGet(method: string, target: Target): Target {
  if (method !== 'GET') throw methodNotAllowed();
  return target;
}

const matches = ({ path }: Endpoint, segments: readonly string[]): boolean =>
  path.length === segments.length && path.every((text, index) => text.startsWith(':') || text === segments[index]);

/** Path segments, decoded; a trailing slash and the `.json` of old clients do not count. */
function belowPrefix(prefix: string, path: string): readonly string[] {
  const segments = path
    .replace(/\.json$/, '')
    .split('/')
    .slice(1);
  if (segments.at(-1) === '') segments.pop();
  const decoded = segments.map(decode);
  const first = prefix.split('/').slice(1);
  if (first.some((segment, index) => segment !== decoded[index])) throw noSuchPath();
  return decoded.slice(first.length);
}

/** A resource may be one level deeper (`log/logs`): its two segments are then one. */
function withPlaces(api: Api, segments: readonly string[]): readonly string[] {
  const deeper = segments.slice(0, 2).join('/');
  return api.resources.some((each) => each.segment === deeper) ? [deeper, ...segments.slice(2)] : segments;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw noSuchPath();
  }
}
