export * from './doctor/index.js';
export * from './trace/index.js';
export { changedBy, facetsOf, historyOf, type Step } from './history.js';
export { forMember, isOperatorsFacet } from './members.js';
export { parseReference, type Reference } from './reference.js';
export { goingOf, nameOf, usedBy, usesOf } from './relations.js';
export { linesOf, MOST_TEXT } from './text.js';
export type * from './told.js';
