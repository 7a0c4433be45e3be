/**
 * From a row to what a client sees.
 *
 * An object whose keys come one by one under names from a table becomes a dictionary to the engine, slow to fill and slower to make JSON of: a list took twice the time. So a whole
 * object begins as the copy of one that has all its keys.
 */
import { isAdmin } from './policy.js';
import type { Attribute, Resource, Row, Viewer } from './resource.js';

type Visible = Readonly<{ attributes: readonly Attribute[]; shape: Readonly<Record<string, unknown>> }>;
const visibleOf = new WeakMap<Resource, Readonly<{ all: Visible; most: Visible }>>();

function visible(resource: Resource, viewer: Viewer): Visible {
  let found = visibleOf.get(resource);
  if (!found) {
    const all = resource.attributes.filter((attribute) => attribute.visible !== false);
    found = { all: shaped(all), most: shaped(all.filter(({ read }) => read !== 'admin')) };
    visibleOf.set(resource, found);
  }
  return isAdmin(viewer) ? found.all : found.most;
}

/** Parsed, because what is parsed is no dictionary. */
function shaped(attributes: readonly Attribute[]): Visible {
  const empty = Object.fromEntries(attributes.map(({ name }) => [name, null]));
  return { attributes, shape: JSON.parse(JSON.stringify(empty)) as Record<string, null> };
}

/** `fields` null: all. What has no value is undefined, and so not in JSON; what is for administrators only is not there for others. */
export function present(
  resource: Resource,
  row: Row,
  viewer: Viewer,
  fields: ReadonlySet<string> | null,
): Record<string, unknown> {
  const { attributes, shape } = visible(resource, viewer);
  const shown: Record<string, unknown> = fields === null ? { ...shape } : {};
  const { doc } = row;
  for (const { name, path, show } of attributes)
    if (fields === null || fields.has(name)) shown[name] = show ? show(row, viewer) : doc[path as string];
  return shown;
}

/** An object is never changed, only followed by another: what it was last shown as is kept with it for as long as it is in memory. */
const texts = new WeakMap<Row['doc'], Readonly<{ by: string; row: Row; text: string }>>();

/** What is shown follows from the object, the row's other columns, and who is shown it by which resource. */
const sameColumns = (one: Row, other: Row): boolean =>
  Object.keys(one).every(
    (name) => one[name] === other[name] || (isObject(one[name]) && isJsonOf(one[name], other[name])),
  );
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isJsonOf = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** JSON of a list's rows. */
export function presentList(
  resource: Resource,
  rows: readonly Row[],
  viewer: Viewer,
  fields: ReadonlySet<string> | null,
): string {
  if (fields !== null || resource.kind === null)
    return JSON.stringify(rows.map((row) => present(resource, row, viewer, fields)));
  const by = JSON.stringify([resource.collection, isAdmin(viewer), viewer.projectId, viewer.dnsDomain]);
  const shown = rows.map((row) => {
    const kept = texts.get(row.doc);
    if (kept?.by === by && sameColumns(row, kept.row)) return kept.text;
    const text = JSON.stringify(present(resource, row, viewer, null));
    texts.set(row.doc, { by, row, text });
    return text;
  });
  return `[${shown.join(',')}]`;
}
