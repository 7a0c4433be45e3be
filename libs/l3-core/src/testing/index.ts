export { idOf, Story } from './story.js';
export { crowd, forwardings, life, networkNode, reference, tutorial } from './stories.js';
