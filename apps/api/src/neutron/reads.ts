/** Shows and lists declared resources. */
import type { Caller } from '@plumbline/identity/login';
import type { Defaults } from './defaults.js';
import type { ApiRequest } from './endpoint.js';
import { isAdmin, mayAsk } from './policy.js';
import { ListAnswer } from './long-answer.js';
import { present, texter } from './present.js';
import { inPages, linksOf, type ListQuery, parseQuery } from './query.js';
import type { ReadModel } from './read-model.js';
import type { Row, Viewer } from './attribute.js';
import type { Resource } from './resource.js';
import { idOf, type Place } from './route.js';
import type { Scope } from './sql.js';
import { uuid } from './types/attribute-types.js';

export type ReadSettings = Readonly<{
  dnsDomain: string;
  /** Most items of one answer. */
  listLimit: number;
}>;

export class Reads {
  constructor(
    private readonly read: ReadModel,
    private readonly defaults: Defaults,
    private readonly settings: ReadSettings,
  ) {}

  /** One object under its resource's name; not found when the caller does not see it. `fields` null: all. */
  async one(
    { resource, whole }: Place,
    id: string,
    caller: Caller,
    fields: ReadonlySet<string> | null,
  ): Promise<Readonly<Record<string, Record<string, unknown>>>> {
    const scope = scopeOf(caller);
    const key = idOf(resource, id);
    if (whole) await this.read.byIds(whole.resource, [whole.id], scope);
    await this.defaults.ensure(resource, caller);
    const [row] = await this.read.byIds(resource, [key], scope);
    if (whole && row?.doc[resource.partOf?.path as string] !== whole.id) throw resource.notFound(id);
    return { [resource.name]: this.shown(resource, row as Row, caller, fields) };
  }

  /** What the caller sees of a collection. */
  async list({ resource, whole }: Place, request: ApiRequest): Promise<ListAnswer> {
    const { caller } = request;
    const asked = parseQuery(resource, request.search);
    const query = inPages(asked, this.settings.listLimit);
    mayAsk(
      resource,
      [...query.filters, ...query.sorts].map(({ attribute }) => attribute),
      caller,
    );
    const scope = scopeOf(caller);
    if (whole) await this.read.byIds(whole.resource, [whole.id], scope);
    await this.defaults.ensure(resource, caller, query);
    const page = await this.read.page(
      resource,
      whole ? narrowed(resource, query, whole.id) : query,
      scope,
      request,
      texter(resource, this.viewer(caller), query.fields),
    );
    return new ListAnswer(resource.collection, page, linksOf(request, asked, query, page.ids));
  }

  /** A row as the caller sees it. */
  shown(
    resource: Resource,
    row: Row,
    caller: Caller,
    fields: ReadonlySet<string> | null = null,
  ): Record<string, unknown> {
    return present(resource, row, this.viewer(caller), fields);
  }

  private viewer({ projectId, role }: Caller): Viewer {
    return { projectId, role, dnsDomain: this.settings.dnsDomain };
  }
}

/** Whose rows the caller reads. */
export const scopeOf = (caller: Pick<Caller, 'role' | 'projectId'>): Scope =>
  isAdmin(caller) ? null : caller.projectId;

/** Only the parts of one whole. */
const narrowed = ({ partOf }: Resource, query: ListQuery, id: string): ListQuery => ({
  ...query,
  filters: [
    ...query.filters,
    { attribute: { name: '', path: partOf?.path as string, type: uuid, about: '' }, values: [id] },
  ],
});
