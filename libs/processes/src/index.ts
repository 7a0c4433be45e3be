export { fileDigest, loadedMark, startDigest } from './digests.js';
export { filesFolder, NodeProcesses, type NodeProcessesOptions } from './node-processes.js';
export { ownerOf } from './owner.js';
export { planProcesses, removes } from './plan.js';
export { PrintingProcesses } from './printing-processes.js';
export { isRunning } from './proc.js';
export { defaultRestarts } from './restarts.js';
export {
  processOwner,
  processRefusal,
  processStuck,
  processTasks,
  type SupervisionStep,
  type SupervisionTerms,
} from './step-kind.js';
export { anew, strayed } from './stray.js';
export type * from './types.js';
export { markedPrograms, unmarkedPrograms } from './unmarked.js';
