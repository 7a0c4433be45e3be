export { parseBeacon, parseFeed } from './parse.js';
export { bytesOf, Joiner, pagesOf, split } from './parts.js';
