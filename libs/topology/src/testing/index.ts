export * from './arbitraries.js';
export * from './builders.js';
export * from './ids.js';
export { HOST_NAMES as HOSTS } from './reach.js';
export { fork, logOf, Walk, type Choice, type GeneratedLog } from './walk.js';
