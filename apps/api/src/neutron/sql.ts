/**
 * From a list query to one SQL statement. Names in it come from declarations, values always travel as parameters. Equality on an object's fields is
 * containment (`doc @> ...`), which the GIN index answers; pages go by the values of the marker's row, not by offset.
 */
import type { Kind } from '@plumbline/contracts';
import type { ListQuery, TagFilter } from './query.js';
import { type Attribute, type ConditionContext, having } from './attribute.js';
import type { Resource, Seeing, Through } from './resource.js';
import type { Tables } from './tables.js';

export type Statement = Readonly<{ text: string; values: readonly unknown[] }>;

/** Whose rows: those that a project sees, or with null all. */
export type Scope = string | null;

/** Statement for one row by id, or some: $1 the ids, $2 the scope unless it is null. The same for every scope that is not null. */
export function rowsById(resource: Resource, scope: Scope, tables: Tables): string {
  const all = `${selectOf(resource, 'whole', tables)} WHERE o.id = ANY($1)`;
  return scope === null ? all : `${all} AND (${seenBy(resource, { project: '$2::text', tables, rows: 'by id' })})`;
}

/** Condition: the row is seen by the project in this placeholder. It always names the placeholder: PostgreSQL refuses a parameter that nothing uses. */
function seenBy({ visible }: Resource, seeing: Seeing): string {
  const { project, tables } = seeing;
  if (visible === 'admin') return `${project} IS NULL`;
  const own = `o.project_id = ${project}`;
  if (visible === 'own') return own;
  if (typeof visible === 'function') return `${own} OR ${visible(seeing)}`;
  const { kind, path, seen } = visible;
  return `${own} OR EXISTS (SELECT FROM ${tables.of(kind)} n WHERE n.id = o.doc ->> '${path}' AND (${seen(seeing)}))`;
}

/**
 * The rows that a project sees through other objects, in the place of their table. OFFSET 0 keeps the look-up of each other object's rows as it is: the planner
 * knows little of what is in `doc`, and would rather read the whole table, once for each of them.
 */
function seenThrough({ kind, path, seen }: Through, table: string, seeing: Seeing): string {
  const { project, tables } = seeing;
  return `(SELECT t.* FROM ${table} t WHERE t.project_id = ${project}
    UNION ALL SELECT t.* FROM ${tables.of(kind)} n, LATERAL (
      SELECT * FROM ${table} c WHERE c.doc @> jsonb_build_object('${path}', n.id) AND c.project_id <> ${project} OFFSET 0) t
    WHERE ${seen(seeing)}) o`;
}

/** Of an object in the log its document, or which one it is: a revision of an object is one document, ever. */
export type Objects = 'whole' | 'by revision';

function selectOf(resource: Resource, objects: Objects, tables: Tables, seeing?: Seeing): string {
  const object = objects === 'whole' ? 'o.doc' : `(o.doc ->> 'revision')::int AS revision`;
  const columns = Object.entries(resource.columns ?? {}).map(([name, { sql }]) => `${sql(tables)} AS ${name}`);
  const all = ['o.id', ...(resource.kind === null ? [] : [object]), ...columns];
  return `SELECT ${all.join(', ')} FROM ${fromOf(resource, tables, seeing)}`;
}

/** `seeing`: of a list, where only what a project sees is read. */
function fromOf({ name, kind, from, joins = [], visible }: Resource, tables: Tables, seeing?: Seeing): string {
  if (!from && kind === null) throw new Error(`${name} has no kind and does not say where its rows are`);
  const table = (): string => {
    const all = tables.of(kind as Kind);
    return seeing && typeof visible === 'object' ? seenThrough(visible, all, seeing) : `${all} o`;
  };
  const own = from ? from(tables) : table();
  return [own, ...joins.map((join) => join.sql(tables))].join(' ');
}

const sqlOf = ({ sql }: Attribute, tables: Tables): string | undefined =>
  typeof sql === 'function' ? sql(tables) : sql;

/** The sort values of the marker's row, as JSON text, in the order of the sorts. */
export const markerRow = (resource: Resource, query: ListQuery, tables: Tables): Statement => ({
  text: `SELECT ${query.sorts.map((sort, n) => `(${sortKey(sort.attribute, tables)})::text AS k${n}`).join(', ')}
    FROM ${fromOf(resource, tables)} WHERE o.id = $1`,
  values: [query.marker],
});

/** `after`: what `markerRow` gave, when the query has a marker. */
export function listRows(
  resource: Resource,
  query: ListQuery,
  after: readonly string[] | null,
  scope: Scope,
  objects: Objects,
  tables: Tables,
): Statement {
  const values: unknown[] = [];
  const context: ConditionContext = {
    param: (value, type) => `$${values.push(value)}::${type}`,
    tables,
    project: scope,
  };
  const { param } = context;
  const conditions = query.filters.map(({ attribute, values: wanted }) => condition(attribute, wanted, context));
  conditions.push(...query.tags.map((filter) => havingTags(filter, context)));
  const seeing: Seeing | undefined =
    scope === null ? undefined : { project: param(scope, 'text'), tables, rows: 'listed' };
  if (seeing && typeof resource.visible !== 'object') conditions.push(seenBy(resource, seeing));
  if (after) conditions.push(beyond(query, after, context));
  const order = query.sorts.map(
    (sort) => `${sortKey(sort.attribute, tables)} ${sort.descending !== query.pageReverse ? 'DESC' : 'ASC'}`,
  );
  const where = conditions.length > 0 ? ` WHERE ${conditions.map((each) => `(${each})`).join(' AND ')}` : '';
  const limit = query.limit === null ? '' : ` LIMIT ${param(query.limit, 'bigint')}`;
  return {
    text: `${selectOf(resource, objects, tables, seeing)}${where} ORDER BY ${order.join(', ')}${limit}`,
    values,
  };
}

function havingTags({ tags, any, not }: TagFilter, context: ConditionContext): string {
  const has = any ? having({ path: ['tags'], each: [] })(tags, context) : having({ path: ['tags'] })([tags], context);
  return not ? `NOT (${has})` : has;
}

function condition(attribute: Attribute, wanted: readonly unknown[], context: ConditionContext): string {
  const { path, where } = attribute;
  if (where) return where(wanted, context);
  const sql = sqlOf(attribute, context.tables);
  if (sql === undefined) return having({ path: [path as string] })(wanted, context);
  const texts = wanted.filter((value) => value !== null).map(String);
  const parts = texts.length > 0 ? [`${sql} = ANY(${context.param(texts, 'text[]')})`] : [];
  return [...parts, ...(wanted.includes(null) ? [`${sql} IS NULL`] : [])].join(' OR ');
}

/** What to sort by: columns as they are, other text by bytes, other values as JSON orders them; null is a value like any other. */
function sortKey(attribute: Attribute, tables: Tables): string {
  const { name, path } = attribute;
  const sql = sqlOf(attribute, tables);
  if (sql !== undefined && (name === 'id' || /^o\.\w+$/.test(sql))) return sql;
  if (sql !== undefined) return `coalesce(${sql}, '') COLLATE "C"`;
  return `coalesce(o.doc -> '${path}', 'null'::jsonb)`;
}

const isText = ({ name, sql }: Attribute) => name === 'id' || sql !== undefined;

/** Rows after the marker's in the order asked: a > x or (a = x and (b > y or ...)). Each key is worked out twice a row at most, however many there are. */
function beyond(
  { sorts, pageReverse }: ListQuery,
  after: readonly string[],
  { param, tables }: ConditionContext,
): string {
  const compared = sorts.map(({ attribute, descending }, n) => {
    const key = sortKey(attribute, tables);
    const value = param(after[n], isText(attribute) ? 'text' : 'jsonb');
    return { past: `${key} ${descending !== pageReverse ? '<' : '>'} ${value}`, same: `${key} = ${value}` };
  });
  return compared.reduceRight(
    (rest, { past, same }) => (rest === '' ? past : `${past} OR (${same} AND (${rest}))`),
    '',
  );
}
