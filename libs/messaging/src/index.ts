export { parseBeacon, parseFeed } from './parse.js';
export { Joiner, split } from './parts.js';
