export { aChoice, aLog } from './arbitraries.js';
export * from './events.js';
export * from './ids.js';
export { fork, logOf, type GeneratedLog } from './logs.js';
export { HOST_NAMES as HOSTS } from './reach.js';
export { idOf, Story } from './story.js';
export { World } from './world.js';
