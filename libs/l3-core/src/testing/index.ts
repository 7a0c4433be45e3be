export { idOf, Story } from './story.js';
export { life, networkNode, reference, tutorial } from './stories.js';
