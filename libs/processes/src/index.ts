export { fileDigest, loadedMark, startDigest } from './digests.js';
export { filesFolder, NodeProcesses, type NodeProcessesOptions } from './node-processes.js';
export { planProcesses, removes } from './plan.js';
export type * from './types.js';
