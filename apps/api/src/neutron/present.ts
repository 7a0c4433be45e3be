/**
 * From a row to what a client sees.
 *
 * V8 treats an object whose keys are added one by one, with names from a table, as a dictionary: filling it and making JSON of it is slow, and lists took twice
 * the time. So each object begins as a copy of one that has all keys.
 */
import { isAdmin } from './policy.js';
import type { Attribute, Row, Viewer } from './attribute.js';
import type { Resource } from './resource.js';

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

/** JSON.parse, because V8 gives its result a fixed shape and no dictionary. */
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

/** The text an object was last shown as. Objects in memory are never changed, only replaced, so the text is good as long as the object is there. */
const texts = new WeakMap<Row['doc'], Readonly<{ by: string; row: Row; text: string }>>();

/** The text depends on the object, on the other columns of the row, and on resource and viewer (`by`). */
const sameColumns = (one: Row, other: Row): boolean =>
  Object.keys(one).every(
    (name) => one[name] === other[name] || (isObject(one[name]) && isJsonOf(one[name], other[name])),
  );
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isJsonOf = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** JSON of rows. `known`: of one whose document is an object in memory, which keeps its text; `read`: of one whose document was just read, and is soon forgotten. */
export type Texter = Readonly<Record<'known' | 'read', (row: Row) => string>>;

export function texter(resource: Resource, viewer: Viewer, fields: ReadonlySet<string> | null): Texter {
  const read = (row: Row): string => JSON.stringify(present(resource, row, viewer, fields));
  if (fields !== null || resource.kind === null) return { known: read, read };
  const by = JSON.stringify([resource.collection, isAdmin(viewer), viewer.projectId, viewer.dnsDomain]);
  const known = (row: Row): string => {
    const kept = texts.get(row.doc);
    if (kept?.by === by && sameColumns(row, kept.row)) return kept.text;
    const text = read(row);
    texts.set(row.doc, { by, row, text });
    return text;
  };
  return { known, read };
}
