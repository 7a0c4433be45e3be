export { idOf, Story } from '@plumbline/topology/testing';
export { advertised, crowd, forwardings, life, networkNode, reference, tutorial } from './stories.js';
