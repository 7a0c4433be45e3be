/** From a row to what a client sees. */
import type { Resource, Row } from './resource.js';

/** `fields` null: all. Undefined values are left out. */
export function present(resource: Resource, row: Row, fields: ReadonlySet<string> | null): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const { name, path, show, visible } of resource.attributes) {
    if (visible === false || (fields !== null && !fields.has(name))) continue;
    const value = show ? show(row) : row.doc[path as string];
    if (value !== undefined) shown[name] = value;
  }
  return shown;
}
