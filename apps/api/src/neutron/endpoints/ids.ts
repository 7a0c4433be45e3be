/** Ids in the paths of endpoints. */
import { isUuid, shown } from '../types/attribute-types.js';
import type { Resource } from '../resource.js';

/** The nth id of a path, in lower case. What is no UUID is not found, never malformed. */
export function idIn(resource: Pick<Resource, 'notFound'>, ids: readonly string[], index = 0): string {
  const id = ids[index] ?? '';
  if (!isUuid(id)) throw resource.notFound(shown(id));
  return id.toLowerCase();
}
