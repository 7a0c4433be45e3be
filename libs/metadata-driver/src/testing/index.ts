export { MetadataNode, NovaStandIn, until, type Asked } from './metadata-node.js';
