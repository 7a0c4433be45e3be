export { idOf, Story } from './story.js';
export { crowd, life, networkNode, reference, tutorial } from './stories.js';
