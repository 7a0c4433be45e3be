export * from './primitives.js';
export * from './host-names.js';
export * from './objects.js';
export * from './events.js';
export * from './agents.js';
export * from './messages.js';
export * from './subjects.js';
export * from './addresses.js';
