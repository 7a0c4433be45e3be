export { find, wordsOf } from './find.js';
export { judge, together, type FoundThing, type WantedThing } from './judge.js';
