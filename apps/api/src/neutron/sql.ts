/**
 * From a list query to one SQL statement. Names in it come from declarations, values always travel as parameters. Equality on an object's fields is
 * containment (`doc @> ...`), which the GIN index answers; pages go by the values of the marker's row, not by offset.
 */
import type { ListQuery, Sort, TagFilter } from './query.js';
import { type Attribute, containing, type Param, type Resource } from './resource.js';

export type Statement = Readonly<{ text: string; values: readonly unknown[] }>;

/** Whose rows: those that a project sees, or with null all. */
export type Scope = string | null;

/** One row by id, or some. */
export const rowsById = (resource: Resource, ids: readonly string[], scope: Scope): Statement =>
  scope === null
    ? { text: `${selectOf(resource, 'whole')} WHERE o.id = ANY($1)`, values: [ids] }
    : {
        text: `${selectOf(resource, 'whole')} WHERE o.id = ANY($1) AND (${seenBy(resource, '$2::text')})`,
        values: [ids, scope],
      };

/** Condition: the row is seen by the project in this placeholder. It always names the placeholder: PostgreSQL refuses a parameter that nothing uses. */
function seenBy({ visible }: Resource, project: string): string {
  if (visible === 'admin') return `${project} IS NULL`;
  const own = `o.project_id = ${project}`;
  return visible === 'own' ? own : `${own} OR ${visible(project)}`;
}

/** Of an object in the log its document, or which one it is: a revision of an object is one document, ever. */
export type Objects = 'whole' | 'by revision';

function selectOf({ kind, columns, from }: Resource, objects: Objects): string {
  const object = objects === 'whole' ? 'o.doc' : `(o.doc ->> 'revision')::int AS revision`;
  const all = ['o.id', ...(kind === null ? [] : [object]), ...(columns === undefined ? [] : [columns])];
  return `SELECT ${all.join(', ')} FROM ${from}`;
}

/** The sort values of the marker's row, as JSON text, in the order of the sorts. */
export const markerRow = (resource: Resource, query: ListQuery): Statement => ({
  text: `SELECT ${query.sorts.map((sort, n) => `(${sortKey(sort.attribute)})::text AS k${n}`).join(', ')} FROM ${resource.from} WHERE o.id = $1`,
  values: [query.marker],
});

/** `after`: what `markerRow` gave, when the query has a marker. */
export function listRows(
  resource: Resource,
  query: ListQuery,
  after: readonly string[] | null,
  scope: Scope,
  objects: Objects,
): Statement {
  const values: unknown[] = [];
  const param: Param = (value, type) => `$${values.push(value)}::${type}`;
  const conditions = query.filters.map(({ attribute, values: wanted }) => condition(attribute, wanted, param, scope));
  conditions.push(...query.tags.map((filter) => havingTags(filter, param)));
  if (scope !== null) conditions.push(seenBy(resource, param(scope, 'text')));
  if (after) conditions.push(beyond(query, after, param));
  const order = query.sorts.map(
    (sort) => `${sortKey(sort.attribute)} ${sort.descending !== query.pageReverse ? 'DESC' : 'ASC'}`,
  );
  const where = conditions.length > 0 ? ` WHERE ${conditions.map((each) => `(${each})`).join(' AND ')}` : '';
  const limit = query.limit === null ? '' : ` LIMIT ${param(query.limit, 'bigint')}`;
  return { text: `${selectOf(resource, objects)}${where} ORDER BY ${order.join(', ')}${limit}`, values };
}

function havingTags({ tags, any, not }: TagFilter, param: Param): string {
  const having = any
    ? containing((tag) => ({ tags: [tag] }))(tags, param)
    : containing((all) => ({ tags: all }))([tags], param);
  return not ? `NOT (${having})` : having;
}

function condition(attribute: Attribute, wanted: readonly unknown[], param: Param, scope: Scope): string {
  const { sql, path, where } = attribute;
  if (where) return where(wanted, param, scope);
  if (sql === undefined) return containing((value) => ({ [path as string]: value }))(wanted, param);
  const texts = wanted.filter((value) => value !== null).map(String);
  const parts = texts.length > 0 ? [`${sql} = ANY(${param(texts, 'text[]')})`] : [];
  return [...parts, ...(wanted.includes(null) ? [`${sql} IS NULL`] : [])].join(' OR ');
}

/** What to sort by: columns as they are, other text by bytes, other values as JSON orders them; null is a value like any other. */
function sortKey({ name, sql, path }: Attribute): string {
  if (name === 'id') return sql as string;
  if (/^o\.\w+$/.test(sql ?? '')) return sql as string;
  if (sql !== undefined) return `coalesce(${sql}, '') COLLATE "C"`;
  return `coalesce(o.doc -> '${path}', 'null'::jsonb)`;
}

const isText = ({ name, sql }: Attribute) => name === 'id' || sql !== undefined;

/** Rows after the marker's in the order asked: (a > x) or (a = x and b > y) or ... */
function beyond(query: ListQuery, after: readonly string[], param: Param): string {
  const compare = ({ attribute, descending }: Sort, n: number, operator: '=' | 'beyond') => {
    const sign = operator === '=' ? '=' : descending !== query.pageReverse ? '<' : '>';
    return `${sortKey(attribute)} ${sign} ${param(after[n], isText(attribute) ? 'text' : 'jsonb')}`;
  };
  return query.sorts
    .map((sort, n) =>
      [...query.sorts.slice(0, n).map((equal, m) => compare(equal, m, '=')), compare(sort, n, 'beyond')].join(' AND '),
    )
    .map((each) => `(${each})`)
    .join(' OR ');
}
