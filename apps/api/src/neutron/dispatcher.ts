/** From a request to an answer, for every declared resource alike. Knows paths and verbs; knows no resource by name beyond the catalogue. */
import {
  Actor,
  Decide,
  guarded,
  Limits,
  notAuthorized,
  SegmentPolicy,
  Subject,
  SYSTEM,
  type TaggedKind,
  withinQuotas,
} from '@plumbline/domain';
import type { Kind, Meta } from '@plumbline/contracts';
import type { Topology } from '@plumbline/topology';
import type { Caller } from '@plumbline/identity/login';
import { isUuid, shown, uuid } from './types/attribute-types.js';
import { parseJson } from '../json-body.js';
import { parseCreate, parseUpdate } from './body.js';
import { RESOURCES } from './catalogue.js';
import { badRequest, EdgeError, methodNotAllowed, noSuchPath } from '../errors/edge-error.js';
import { type ApiAnswer, type ApiRequest, type Endpoint, ok, type Tools } from './endpoint.js';
import { ENDPOINTS } from './endpoints/index.js';
import { EXTENSIONS } from './extensions.js';
import { changing, creating, isAdmin, mayAsk, mayCreate, ruleOf } from './policy.js';
import { present, presentList } from './present.js';
import { inPages, isWhole, ListQuery, pageLinks, parseFields, parseQuery } from './query.js';
import { ReadModel } from './read-model.js';
import { Attribute, Resource, Row, segmentOf, Surroundings, Viewer } from './resource.js';
import type { Scope } from './sql.js';
import { answerTags } from './tags.js';

/** What the dispatcher needs of the command side (apps/api/src/commands). */
export interface Commands {
  /** All objects; those of a command that was answered among them. */
  readonly topology: Topology;
  execute<T>(decide: Decide<T>, meta: Meta, actor: Actor): Promise<Readonly<{ result: T; position: number }>>;
}

/** What an operator may set of the Networking API. */
export type Settings = Readonly<{
  segments: SegmentPolicy;
  quotas: Limits;
  unenforcedSecurityGroups: boolean;
  dnsDomain: string;
  /** Most items of one answer. */
  listLimit: number;
}>;

/** A resource at a place in the path: of a part, with the whole it belongs to. */
type Place = Readonly<{ resource: Resource; whole: Readonly<{ resource: Resource; id: string }> | null }>;

/** A list's default made on first use is looked for once; this many projects are remembered. */
const MOST_REMEMBERED = 10_000;

export class Dispatcher {
  private readonly tools: Tools;
  private readonly listLimit: number;
  private readonly defaulted = new Set<string>();

  constructor(
    private readonly commands: Commands,
    private readonly read: ReadModel,
    { segments, quotas, dnsDomain, unenforcedSecurityGroups, listLimit }: Settings,
  ) {
    this.listLimit = listLimit;
    const around: Surroundings = {
      segments,
      quotas,
      dnsDomain,
      fleet: () => read.fleet(),
      enforcing: async () => (unenforcedSecurityGroups ? null : read.enforcing()),
    };
    this.tools = { read, around, execute: (decide, caller) => this.execute(decide, caller) };
  }

  /** Throws DomainError and EdgeError; what else is thrown is a fault of ours or of the database. */
  async answer(request: ApiRequest): Promise<ApiAnswer> {
    const [version, ...path] = segmentsOf(request.path);
    if (version !== 'v2.0') throw noSuchPath();
    const [collection, id, sub, subId, ...more] = path;
    if (collection === undefined) return this.only(request, ['GET'], () => ok(root(request.origin)));
    if (collection === 'extensions' && sub === undefined) return this.only(request, ['GET'], () => extensions(id));
    const endpoints = ENDPOINTS.filter((each) => matches(each, path));
    const endpoint = endpoints.find(({ methods }) => Object.hasOwn(methods, request.method));
    if (endpoint) return this.onEndpoint(endpoint, path, request);
    const refused = endpoints.length > 0 ? methodNotAllowed : noSuchPath;
    const resource = RESOURCES.find((each) => !each.partOf && segmentOf(each) === collection);
    if (!resource || more.length > 0) throw refused();
    const place: Place = { resource, whole: null };
    if (id === undefined) return this.onCollection(place, request);
    if (sub === undefined) return this.onOne(place, id, request);
    if (sub === 'tags' && resource.tagged) return this.onTags(resource, id, subId, request);
    const part = RESOURCES.find((each) => each.partOf?.name === resource.name && segmentOf(each) === sub);
    if (part) {
      const whole = { resource, id: idOf(resource, id) };
      if (subId === undefined) return this.onCollection({ resource: part, whole }, request);
      return this.onOne({ resource: part, whole }, subId, request);
    }
    if (subId === undefined && Object.hasOwn(resource.actions ?? {}, sub))
      return this.onAction(resource, id, sub, request);
    throw refused();
  }

  private onEndpoint(endpoint: Endpoint, path: readonly string[], request: ApiRequest): Promise<ApiAnswer> {
    const verb = { GET: 'get', POST: 'create', PUT: 'update', DELETE: 'delete' }[request.method] ?? 'get';
    if (endpoint.who === 'admin' && !isAdmin(request.caller)) throw notAuthorized(`${verb}_${endpoint.path[0]}`);
    const ids = path.filter((_text, index) => endpoint.path[index]?.startsWith(':'));
    return (endpoint.methods[request.method as 'GET'] as NonNullable<Endpoint['methods']['GET']>)(
      request,
      ids,
      this.tools,
    );
  }

  private async onCollection(place: Place, request: ApiRequest): Promise<ApiAnswer> {
    const { resource, whole } = place;
    const { caller } = request;
    if (request.method === 'GET') return ok(await this.list(place, request));
    if (request.method !== 'POST' || !resource.create) throw methodNotAllowed();
    const { bulk, items } = parseCreate(resource, parseJson(request.raw), caller);
    for (const { wish, set } of items) mayCreate(resource, wish, set, caller);
    const wishes = items.map(({ wish }) =>
      whole && resource.partOf ? { ...wish, [resource.partOf.path]: whole.id } : wish,
    );
    const decide = creating(resource, items, await resource.create(wishes, this.tools.around));
    const subject = whole && subjectOf(whole.resource, whole.id, ruleOf('create', resource));
    const ids = await this.execute(subject ? guarded(subject, decide) : decide, caller);
    const viewer = this.viewer(caller);
    const made = (await this.made(resource, ids)).map((row) => present(resource, row, viewer, null));
    return { outcome: 'created', body: bulk ? { [resource.collection]: made } : { [resource.name]: made[0] } };
  }

  /** Rows of objects made just now: read only where the objects do not say all of it. */
  private async made(resource: Resource, ids: readonly string[]): Promise<readonly Row[]> {
    const { topology } = this.commands;
    const rows: Row[] = [];
    for (const id of ids) {
      const doc = topology.byKey(`${resource.kind as Kind}/${id}`);
      const columns = doc && resource.born?.(doc, topology);
      if (!columns) return this.read.byIds(resource, ids, null);
      rows.push({ ...columns, id, doc });
    }
    return rows;
  }

  private async onOne(place: Place, id: string, request: ApiRequest): Promise<ApiAnswer> {
    const { resource } = place;
    const { method, caller } = request;
    if (method === 'GET') return ok(await this.one(place, id, caller, parseFields(request.search)));
    if (method === 'PUT' && resource.update) {
      const { wish, set } = parseUpdate(resource, parseJson(request.raw));
      const key = idOf(resource, id);
      const decide = await resource.update(key, wish, this.tools.around);
      await this.execute(this.change('update', place, key, set, decide, request), caller);
      const [row] = await this.read.byIds(resource, [key], null);
      return ok({ [resource.name]: present(resource, row as Row, this.viewer(caller), null) });
    }
    if (method === 'DELETE' && resource.delete) {
      const key = idOf(resource, id);
      await this.execute(this.change('delete', place, key, [], resource.delete(key), request), caller);
      // It may have been a default.
      if (resource.before) this.defaulted.clear();
      return { outcome: 'no-content' };
    }
    throw methodNotAllowed();
  }

  private async onTags(
    resource: Resource,
    id: string,
    tag: string | undefined,
    request: ApiRequest,
  ): Promise<ApiAnswer> {
    const key = idOf(resource, id);
    const { caller } = request;
    const place = { resource, whole: null };
    return answerTags(
      request,
      {
        kind: resource.kind as TaggedKind,
        id: key,
        read: async () => (await this.one(place, key, caller, new Set(['tags'])))[resource.name]?.['tags'] as string[],
        execute: (decide) => this.execute(this.change('update', place, key, [], decide, request), caller),
      },
      tag,
    );
  }

  private async onAction(resource: Resource, id: string, name: string, request: ApiRequest): Promise<ApiAnswer> {
    if (request.method !== 'PUT') throw methodNotAllowed();
    const body = parseJson(request.raw);
    const key = idOf(resource, id);
    const act = resource.actions?.[name] as NonNullable<Resource['actions']>[string];
    const decide = await act(key, body, this.tools.around);
    const subject = subjectOf(resource, key, name, request.ifMatch);
    const answer = await this.execute(changing(resource, subject, [], decide), request.caller);
    return ok(answer ?? (await this.one({ resource, whole: null }, key, request.caller, null)));
  }

  /** A change of one object by whoever may: of the object, or, when it is a part, of the whole that it must belong to. */
  private change<T>(
    verb: 'update' | 'delete',
    { resource, whole }: Place,
    id: string,
    set: readonly Attribute[],
    decide: Decide<T>,
    request: ApiRequest,
  ): Decide<T> {
    const subject = subjectOf(resource, id, ruleOf(verb, resource), request.ifMatch);
    const change = changing(resource, { ...subject, deletes: verb === 'delete' }, set, decide);
    if (!whole) return change;
    return guarded(subjectOf(whole.resource, whole.id, ruleOf(verb, resource)), (topology, context) => {
      const part = topology.get(subject.kind, id) as Readonly<Record<string, unknown>> | undefined;
      if (part?.[resource.partOf?.path as string] !== whole.id) throw resource.notFound(id);
      return change(topology, context);
    });
  }

  private async one(
    { resource, whole }: Place,
    id: string,
    caller: Caller,
    fields: ReadonlySet<string> | null,
  ): Promise<Readonly<Record<string, Record<string, unknown>>>> {
    const scope = scopeOf(caller);
    const key = idOf(resource, id);
    if (whole) await this.read.byIds(whole.resource, [whole.id], scope);
    await this.prepare(resource, caller);
    const [row] = await this.read.byIds(resource, [key], scope);
    if (whole && row?.doc[resource.partOf?.path as string] !== whole.id) throw resource.notFound(id);
    return { [resource.name]: present(resource, row as Row, this.viewer(caller), fields) };
  }

  private async list({ resource, whole }: Place, request: ApiRequest): Promise<string> {
    const { caller } = request;
    const asked = parseQuery(resource, request.search);
    const query = inPages(asked, this.listLimit);
    mayAsk(
      resource,
      [...query.filters, ...query.sorts].map(({ attribute }) => attribute),
      caller,
    );
    const scope = scopeOf(caller);
    if (whole) await this.read.byIds(whole.resource, [whole.id], scope);
    await this.prepare(resource, caller);
    const rows = await this.read.list(resource, whole ? narrowed(resource, query, whole.id) : query, scope);
    const viewer = this.viewer(caller);
    const links = isWhole(asked, query, rows.length)
      ? []
      : pageLinks(
          request,
          query,
          rows.map((row) => row.id),
        );
    const linked = links.length > 0 ? `,"${resource.collection}_links":${JSON.stringify(links)}` : '';
    return `{"${resource.collection}":${presentList(resource, rows, viewer, query.fields)}${linked}}`;
  }

  /** Makes what the caller's project finds without having made it. */
  private async prepare({ name, before }: Resource, caller: Caller): Promise<void> {
    const key = `${name}/${caller.projectId}`;
    if (!before || caller.projectId === '' || this.defaulted.has(key)) return;
    await this.commands.execute(before(caller.projectId), metaOf(caller), SYSTEM);
    if (this.defaulted.size >= MOST_REMEMBERED) this.defaulted.clear();
    this.defaulted.add(key);
  }

  private viewer({ projectId, role }: Caller): Viewer {
    return { projectId, role, dnsDomain: this.tools.around.dnsDomain };
  }

  private async execute<T>(decide: Decide<T>, caller: Caller): Promise<T> {
    const limited = withinQuotas(decide, this.tools.around.quotas);
    const { projectId, role } = caller;
    return (await this.commands.execute(limited, metaOf(caller), { projectId, role })).result;
  }

  private only(request: ApiRequest, methods: readonly string[], answer: () => ApiAnswer): ApiAnswer {
    if (!methods.includes(request.method)) throw methodNotAllowed();
    return answer();
  }
}

const metaOf = ({ requestId, userId, projectId }: Caller): Meta => ({
  requestId,
  userId,
  projectId,
  time: new Date().toISOString(),
});

/** Whose rows the caller reads. */
export const scopeOf = (caller: Pick<Caller, 'role' | 'projectId'>): Scope =>
  isAdmin(caller) ? null : caller.projectId;

const subjectOf = (resource: Resource, id: string, rule: string, ifMatch?: string): Subject => ({
  kind: resource.kind as Kind,
  id,
  notFound: resource.notFound,
  rule,
  revision: revisionOf(ifMatch),
});

/** `If-Match: revision_number=N`; `*` is whatever there is (RFC 9110 13.1.1). */
function revisionOf(ifMatch: string | undefined): number | null {
  if (ifMatch === undefined || ifMatch === '*') return null;
  const [, number] = /^"?revision_number=(\d{1,15})"?$/.exec(ifMatch.trim()) ?? [];
  if (number === undefined)
    throw badRequest(`If-Match '${shown(ifMatch)}' is not of the form revision_number=<number>`);
  return Number(number);
}

const narrowed = ({ partOf }: Resource, query: ListQuery, id: string): ListQuery => ({
  ...query,
  filters: [
    ...query.filters,
    { attribute: { name: '', path: partOf?.path as string, type: uuid, about: '' }, values: [id] },
  ],
});

const matches = ({ path }: Endpoint, segments: readonly string[]): boolean =>
  path.length === segments.length && path.every((text, index) => text.startsWith(':') || text === segments[index]);

/** Path segments, decoded; a trailing slash and the `.json` of old clients do not count. */
function segmentsOf(path: string): string[] {
  const segments = path
    .replace(/\.json$/, '')
    .split('/')
    .slice(1);
  if (segments.at(-1) === '') segments.pop();
  try {
    return segments.map(decodeURIComponent);
  } catch {
    throw noSuchPath();
  }
}

/** Clients look names up as ids first: what is no UUID is not found, never malformed. */
function idOf(resource: Resource, id: string): string {
  if (!isUuid(id)) throw resource.notFound(shown(id));
  return id.toLowerCase();
}

function extensions(alias: string | undefined): ApiAnswer {
  if (alias === undefined) return ok({ extensions: EXTENSIONS });
  const extension = EXTENSIONS.find((each) => each.alias === alias);
  if (!extension)
    throw new EdgeError('ExtensionNotFound', 'not-found', `Extension with alias ${shown(alias)} does not exist`);
  return ok({ extension });
}

/** What is at the root, for clients that discover. */
export const versions = (origin: string): unknown => ({
  versions: [{ id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href: `${origin}/v2.0/` }] }],
});

const root = (origin: string): unknown => ({
  resources: RESOURCES.filter(({ partOf }) => !partOf).map((resource) => ({
    name: resource.name,
    collection: resource.collection,
    links: [{ rel: 'self', href: `${origin}/v2.0/${segmentOf(resource)}` }],
  })),
});
