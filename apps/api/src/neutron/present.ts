/** From a row to what a client sees. */
import { isAdmin } from './policy.js';
import type { Attribute, Resource, Row, Viewer } from './resource.js';

const visibleOf = new WeakMap<Resource, Readonly<{ all: readonly Attribute[]; most: readonly Attribute[] }>>();

function visible(resource: Resource, viewer: Viewer): readonly Attribute[] {
  let attributes = visibleOf.get(resource);
  if (!attributes) {
    const all = resource.attributes.filter((attribute) => attribute.visible !== false);
    attributes = { all, most: all.filter(({ read }) => read !== 'admin') };
    visibleOf.set(resource, attributes);
  }
  return isAdmin(viewer) ? attributes.all : attributes.most;
}

/** `fields` null: all. Undefined values are left out, and so is what is for administrators only. */
export function present(
  resource: Resource,
  row: Row,
  viewer: Viewer,
  fields: ReadonlySet<string> | null,
): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  const { doc } = row;
  for (const { name, path, show } of visible(resource, viewer)) {
    if (fields !== null && !fields.has(name)) continue;
    const value = show ? show(row, viewer) : doc[path as string];
    if (value !== undefined) shown[name] = value;
  }
  return shown;
}
