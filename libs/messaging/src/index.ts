export { parseBeacon, parseFeed } from './parse.js';
export { BadSlices, bytesOf, Joiner, pagesOf, split } from './parts.js';
export { answersOf, InstanceJoiner, parseInstances, questionsOf } from './instances.js';
