export * from './asker.js';
export { documentOf } from './builtin/documents.js';
export type { Document, Guest, GuestPort } from './builtin/guest.js';
export { convergeMetadata, planMetadata, type MetadataWishes } from './converge.js';
export type * from './driver.js';
export {
  digestIn,
  masterSocket,
  frontendsIn,
  linesIn,
  PROXY,
  PROXY_FILE,
  proxyLog,
  proxyOf,
  serviceSocket,
  statsSocket,
  type Frontend,
  type ProxyTerms,
} from './proxy.js';
export { convergeMetadataView, MetadataMemory, type MetadataTerms } from './view.js';
