export { convergeDhcp, type DhcpWishes } from './converge.js';
export type { DhcpDriver, DhcpStep, LeaseStep, NodeStep } from './driver.js';
export { holdersIn } from './hosts.js';
export * from './marks.js';
export { convergeDhcpView, DhcpMemory } from './view.js';
export { leasesFile } from './process.js';
export { renderDhcp } from './render.js';
export type { DhcpTerms, ServedNetwork } from './served.js';
export type * from './state.js';
