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

/** Rows shown before others get their turn of the event loop: some 5 ms. */
const AT_A_TIME = 500;
const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** JSON of a list's rows. A long list lets other requests through while it is made: one of 10,000 takes a tenth of a second. */
export async function presentList(
  resource: Resource,
  rows: readonly Row[],
  viewer: Viewer,
  fields: ReadonlySet<string> | null,
): Promise<string> {
  const textOf = texter(resource, viewer, fields);
  const shown: string[] = [];
  for (const row of rows) {
    if (shown.length > 0 && shown.length % AT_A_TIME === 0) await endOfTurn();
    shown.push(textOf(row));
  }
  return `[${shown.join(',')}]`;
}

/** A function from a row to its JSON. */
function texter(resource: Resource, viewer: Viewer, fields: ReadonlySet<string> | null): (row: Row) => string {
  if (fields !== null || resource.kind === null) return (row) => JSON.stringify(present(resource, row, viewer, fields));
  const by = JSON.stringify([resource.collection, isAdmin(viewer), viewer.projectId, viewer.dnsDomain]);
  return (row) => {
    const kept = texts.get(row.doc);
    if (kept?.by === by && sameColumns(row, kept.row)) return kept.text;
    const text = JSON.stringify(present(resource, row, viewer, null));
    texts.set(row.doc, { by, row, text });
    return text;
  };
}
