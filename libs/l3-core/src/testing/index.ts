export { idOf, Story } from '@plumbline/topology/testing';
export { crowd, forwardings, life, networkNode, reference, tutorial } from './stories.js';
