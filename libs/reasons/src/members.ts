/**
 * What a member may know of an answer: of his project's own objects, by whom in his project and with which request they became what they are. Not where they run, how the provider
 * carries them, or who did it in another project. Pure. What is added to an answer is added here, too: what is not named here is not told.
 */
import type { EventTold } from './told.js';

/** Fields of objects that are the operator's business. */
const OPERATORS = new Set([
  ...['binding', 'inactiveBindings', 'host', 'hosts', 'heldOff', 'servesDhcp'],
  ...['networkType', 'physicalNetwork', 'segmentationId'],
]);

/** The same event as a member of this project may know it. */
export function forMember(event: EventTold, projectId: string): EventTold {
  const own = event.project === projectId;
  const { position, type, object, time, changed } = event;
  return {
    ...{ position, type, object, time },
    user: own ? event.user : null,
    project: own ? event.project : null,
    request: own ? event.request : null,
    changed: changed.filter(({ field }) => !OPERATORS.has(field)),
  };
}

/** Facets that say where an object runs. */
export const isOperatorsFacet = (facet: string): boolean => /^(?:host|binding)(?::|$)/.test(facet);
