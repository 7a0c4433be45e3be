/** From a row to what a client sees. */
import type { Attribute, Resource, Row } from './resource.js';

const visibleOf = new WeakMap<Resource, readonly Attribute[]>();

function visible(resource: Resource): readonly Attribute[] {
  let attributes = visibleOf.get(resource);
  if (!attributes) {
    attributes = resource.attributes.filter((attribute) => attribute.visible !== false);
    visibleOf.set(resource, attributes);
  }
  return attributes;
}

/** `fields` null: all. Undefined values are left out. */
export function present(resource: Resource, row: Row, fields: ReadonlySet<string> | null): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  const { doc } = row;
  for (const { name, path, show } of visible(resource)) {
    if (fields !== null && !fields.has(name)) continue;
    const value = show ? show(row) : doc[path as string];
    if (value !== undefined) shown[name] = value;
  }
  return shown;
}
