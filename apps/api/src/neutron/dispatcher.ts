/** From a request to an answer, for every declared resource alike. Knows paths and verbs; knows no resource by name beyond the catalogue. */
import { removeNode, type Decide, type SegmentPolicy } from '@plumbline/domain';
import type { Meta } from '@plumbline/contracts';
import { isUuid, shown } from './attribute-types.js';
import { Caller, parseCreate, parseJson, parseUpdate } from './body.js';
import { AGENT_COLLECTION, changeAgent, deleteAgent, SUB_LISTS } from './agent-operations.js';
import { RESOURCES } from './catalogue.js';
import { EdgeError, methodNotAllowed, noSuchPath } from './edge-error.js';
import { EXTENSIONS } from './extensions.js';
import { present } from './present.js';
import { ListQuery, pageLinks, parseFields, parseQuery } from './query.js';
import { ReadModel } from './read-model.js';
import type { Resource, Row, Surroundings } from './resource.js';

export type ApiRequest = Readonly<{
  method: string;
  /** Path without query, decoded segment by segment later. */
  path: string;
  search: URLSearchParams;
  /** `http://host:port`, as the client named it. */
  origin: string;
  /** Body as it came; undefined when there was none. */
  raw: unknown;
  caller: Caller;
}>;
/** `outcome` becomes a status code in errors.filter.ts. */
export type ApiAnswer = Readonly<{ outcome: 'ok' | 'created' | 'no-content'; body?: unknown }>;

/** What the dispatcher needs of the command side (apps/api/src/commands). */
export interface Commands {
  execute<T>(decide: Decide<T>, meta: Meta): Promise<Readonly<{ result: T; position: number }>>;
}

const ok = (body: unknown): ApiAnswer => ({ outcome: 'ok', body });

export class Dispatcher {
  private readonly around: Surroundings;

  constructor(
    private readonly commands: Commands,
    private readonly read: ReadModel,
    segments: SegmentPolicy,
  ) {
    this.around = { fleet: () => read.fleet(), segments };
  }

  /** Throws DomainError and EdgeError; what else is thrown is a fault of ours or of the database. */
  async answer(request: ApiRequest): Promise<ApiAnswer> {
    const [version, collection, id, sub, ...more] = segmentsOf(request.path);
    if (version !== 'v2.0' || more.length > 0) throw noSuchPath();
    if (collection === undefined) return this.only(request, ['GET'], () => ok(root(request.origin)));
    if (collection === 'extensions') return this.only(request, ['GET'], () => extensions(id, sub));
    const resource = RESOURCES.find((each) => each.collection === collection);
    if (!resource) throw noSuchPath();
    if (id === undefined) return this.onCollection(resource, request);
    if (sub !== undefined) return this.onSub(resource, id, sub, request);
    return this.onOne(resource, id, request);
  }

  private async onCollection(resource: Resource, request: ApiRequest): Promise<ApiAnswer> {
    if (request.method === 'GET') return ok(await this.list(resource, request));
    if (request.method !== 'POST' || !resource.create) throw methodNotAllowed();
    const { bulk, wishes } = parseCreate(resource, parseJson(request.raw), request.caller);
    const ids = (await this.execute(await resource.create(wishes, this.around), request)) as string[];
    const made = (await this.read.byIds(resource, ids)).map((row) => present(resource, row, null));
    return { outcome: 'created', body: bulk ? { [resource.collection]: made } : { [resource.name]: made[0] } };
  }

  private async onOne(resource: Resource, id: string, request: ApiRequest): Promise<ApiAnswer> {
    const { method } = request;
    if (method === 'GET') return this.one(resource, id, parseFields(request.search));
    if (method === 'PUT' && (resource.update || resource.collection === AGENT_COLLECTION)) {
      const wish = parseUpdate(resource, parseJson(request.raw));
      const key = idOf(resource, id);
      if (resource.update) await this.execute(await resource.update(key, wish, this.around), request);
      else await changeAgent(this.read, resource, key, wish);
      return this.one(resource, key, null);
    }
    if (method === 'DELETE' && (resource.delete || resource.collection === AGENT_COLLECTION)) {
      const key = idOf(resource, id);
      if (resource.delete) await this.execute(resource.delete(key), request);
      else {
        const goneNode = await deleteAgent(this.read, resource, key);
        if (goneNode !== null) await this.execute(removeNode(goneNode), request);
      }
      return { outcome: 'no-content' };
    }
    throw methodNotAllowed();
  }

  private async onSub(resource: Resource, id: string, sub: string, request: ApiRequest): Promise<ApiAnswer> {
    const action = Object.hasOwn(resource.actions ?? {}, sub) ? resource.actions?.[sub] : undefined;
    if (action) {
      if (request.method !== 'PUT') throw methodNotAllowed();
      const body = parseJson(request.raw);
      return ok(await this.execute(await action(idOf(resource, id), body, this.around), request));
    }
    const listing = SUB_LISTS.get(`${resource.collection}/${sub}`);
    if (!listing) throw noSuchPath();
    if (request.method !== 'GET') throw methodNotAllowed();
    return ok(await listing(this.read, resource, idOf(resource, id)));
  }

  private async one(resource: Resource, id: string, fields: ReadonlySet<string> | null): Promise<ApiAnswer> {
    const [row] = await this.read.byIds(resource, [idOf(resource, id)]);
    return ok({ [resource.name]: present(resource, row as Row, fields) });
  }

  private async list(resource: Resource, request: ApiRequest): Promise<Record<string, unknown>> {
    const query: ListQuery = parseQuery(resource, request.search);
    const rows = await this.read.list(resource, query);
    const links = pageLinks(
      request,
      query,
      rows.map((row) => row.id),
    );
    return {
      [resource.collection]: rows.map((row) => present(resource, row, query.fields)),
      ...(links.length > 0 && { [`${resource.collection}_links`]: links }),
    };
  }

  private async execute<T>(decide: Decide<T>, { caller }: ApiRequest): Promise<T> {
    return (await this.commands.execute(decide, { ...caller, time: new Date().toISOString() })).result;
  }

  private only(request: ApiRequest, methods: readonly string[], answer: () => ApiAnswer): ApiAnswer {
    if (!methods.includes(request.method)) throw methodNotAllowed();
    return answer();
  }
}

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

function extensions(alias: string | undefined, sub: string | undefined): ApiAnswer {
  if (sub !== undefined) throw noSuchPath();
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
  resources: RESOURCES.map(({ name, collection }) => ({
    name,
    collection,
    links: [{ rel: 'self', href: `${origin}/v2.0/${collection}` }],
  })),
});
