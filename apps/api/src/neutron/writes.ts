/** Creates, changes and deletes declared resources: parse, decide within rights and quotas, store, answer with what is then there. */
import type { WrittenKind } from '@plumbline/contracts';
import { type Decide, guarded, type Subject, type TaggedKind, withinQuotas } from '@plumbline/domain';
import type { Caller } from '@plumbline/identity/login';
import { badRequest } from '../errors/edge-error.js';
import type { Idempotency, NamedRequest } from '../idempotency.js';
import { parseJson } from '../json-body.js';
import { parseCreate, parseUpdate } from './body.js';
import { type Commands, metaOf } from './commands.js';
import { knownColumns } from './computed/joins.js';
import type { Defaults } from './defaults.js';
import { type ApiAnswer, type ApiRequest, ok } from './endpoint.js';
import { changing, creating, mayCreate, ruleOf } from './policy.js';
import type { ReadModel } from './read-model.js';
import type { Reads } from './reads.js';
import type { Attribute, Row } from './attribute.js';
import type { Action, Resource, Surroundings } from './resource.js';
import { idOf, type Place } from './route.js';
import { answerTags } from './tags.js';
import { shown } from './types/attribute-types.js';

export class Writes {
  constructor(
    private readonly commands: Commands,
    private readonly read: ReadModel,
    private readonly reads: Reads,
    private readonly defaults: Defaults,
    private readonly around: Surroundings,
    private readonly idempotency: Idempotency,
  ) {}

  /** One object or several, all or none; once, if the request has a key. */
  create(place: Place, request: ApiRequest): Promise<ApiAnswer> {
    return this.idempotency.once(
      request,
      (named) => this.createNow(place, request, named),
      (ids) => this.created(place, request, ids as readonly string[]),
    );
  }

  private async createNow(place: Place, request: ApiRequest, named: NamedRequest | undefined): Promise<ApiAnswer> {
    const { resource, whole } = place;
    const { caller } = request;
    const { items } = parseCreate(resource, parseJson(request.raw), caller);
    for (const { input, set } of items) mayCreate(resource, input, set, caller);
    const inputs = items.map(({ input }) =>
      whole && resource.partOf ? { ...input, [resource.partOf.path]: whole.id } : input,
    );
    const create = resource.create as NonNullable<Resource['create']>;
    const decide = creating(resource, items, await create(inputs, this.around));
    const subject = whole && subjectOf(whole.resource, whole.id, ruleOf('create', resource));
    const ids = await this.execute(subject ? guarded(subject, decide) : decide, caller, named);
    await this.defaults.madeFor(
      resource,
      inputs.map(({ projectId }) => String(projectId)),
      caller,
    );
    return this.created(place, request, ids);
  }

  private async created({ resource }: Place, { raw, caller }: ApiRequest, ids: readonly string[]): Promise<ApiAnswer> {
    const { bulk } = parseCreate(resource, parseJson(raw), caller);
    const made = (await this.made(resource, ids)).map((row) => this.reads.shown(resource, row, caller));
    return { outcome: 'created', body: bulk ? { [resource.collection]: made } : { [resource.name]: made[0] } };
  }

  async update(place: Place, id: string, request: ApiRequest): Promise<ApiAnswer> {
    const { resource } = place;
    const { input, set } = parseUpdate(resource, parseJson(request.raw));
    const key = idOf(resource, id);
    const update = resource.update as NonNullable<Resource['update']>;
    const decide = await update(key, input, this.around);
    await this.execute(this.change('update', place, key, set, decide, request), request.caller);
    const [row] = await this.read.byIds(resource, [key], null);
    return ok({ [resource.name]: this.reads.shown(resource, row as Row, request.caller) });
  }

  async delete(place: Place, id: string, request: ApiRequest): Promise<ApiAnswer> {
    const { resource } = place;
    const key = idOf(resource, id);
    const decide = (resource.delete as NonNullable<Resource['delete']>)(key);
    await this.execute(this.change('delete', place, key, [], decide, request), request.caller);
    this.defaults.deleted(resource);
    return { outcome: 'no-content' };
  }

  /** The sub-resource `tags`, and with `tag` one of them; reading them is here too. */
  async tags(resource: Resource, id: string, tag: string | undefined, request: ApiRequest): Promise<ApiAnswer> {
    const key = idOf(resource, id);
    const { caller } = request;
    const place: Place = { resource, whole: null };
    return answerTags(
      request,
      {
        kind: resource.kind as TaggedKind,
        id: key,
        read: async () =>
          (await this.reads.one(place, key, caller, new Set(['tags'])))[resource.name]?.['tags'] as string[],
        execute: (decide) => this.execute(this.change('update', place, key, [], decide, request), caller),
      },
      tag,
    );
  }

  async action(resource: Resource, id: string, name: string, request: ApiRequest): Promise<ApiAnswer> {
    const body = parseJson(request.raw);
    const key = idOf(resource, id);
    const act = resource.actions?.[name] as Action;
    const decide = await act(key, body, this.around);
    const subject = subjectOf(resource, key, name, request.ifMatch);
    const answer = await this.execute(changing(resource, subject, [], decide), request.caller);
    return ok(answer ?? (await this.reads.one({ resource, whole: null }, key, request.caller, null)));
  }

  /** Decides on behalf of the caller, within quotas, and stores. */
  async execute<T>(decide: Decide<T>, caller: Caller, named?: NamedRequest): Promise<T> {
    const limited = withinQuotas(decide, this.around.quotas);
    const { projectId, role } = caller;
    return (await this.commands.execute(limited, metaOf(caller), { projectId, role }, named)).result;
  }

  /** Rows of objects made just now: read only where this process does not know all of it. */
  private async made(resource: Resource, ids: readonly string[]): Promise<readonly Row[]> {
    const { topology } = this.commands;
    const rows: Row[] = [];
    for (const id of ids) {
      const doc = topology.byKey(`${resource.kind as WrittenKind}/${id}`);
      const columns = doc && knownColumns(resource, { id, doc }, topology);
      if (!columns) return this.read.byIds(resource, ids, null);
      rows.push({ ...columns, id, doc });
    }
    return rows;
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
}

const subjectOf = (resource: Resource, id: string, rule: string, ifMatch?: string): Subject => ({
  kind: resource.kind as WrittenKind,
  id,
  notFound: resource.notFound,
  rule,
  revision: revisionOf(ifMatch),
});

/** `If-Match: revision_number=N`; `*` is whatever there is (RFC 9110 13.1.1). A number that no object can have is a condition that does not hold. */
function revisionOf(ifMatch: string | undefined): number | null {
  if (ifMatch === undefined || ifMatch === '*') return null;
  const [, number] = /^"?revision_number=([+-]?\d{1,100})"?$/.exec(ifMatch.trim()) ?? [];
  if (number === undefined)
    throw badRequest(`If-Match '${shown(ifMatch)}' is not of the form revision_number=<number>`);
  return Number(number);
}
