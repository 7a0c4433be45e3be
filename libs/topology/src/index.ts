export * from './claims.js';
export * from './convergence.js';
export * from './evolve.js';
export * from './fold.js';
export * from './host-view.js';
export * from './prepare.js';
export * from './topology.js';
