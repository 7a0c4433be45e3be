export { find, wordsOf } from './find.js';
export { asBefore, judge, together, type FoundThing, type WantedThing } from './judge.js';
