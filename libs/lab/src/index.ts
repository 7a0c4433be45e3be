/**
 * A lab: real nodes in namespaces of this one machine, for `plumb lab` and for tests that need a lab of their own. `up` makes and proves it, `down` removes
 * it, `labSpec` says what it consists of.
 */
export { ApiClient, ApiRefused } from './api-client.js';
export { cloudName, ownCloudsFile } from './clouds.js';
export { loginsOf } from './known.js';
export { clean } from './clean.js';
export { runAttached, startDetached } from './daemon.js';
export { down } from './down.js';
export { argvAt, execAt, runningPlace } from './exec.js';
export { buildInfrastructure, type Infrastructure } from './infrastructure.js';
export { guestImage } from './guest-image.js';
export { guestScript, insideInstance, plugInstance, serveHttp, takeAddress } from './instance.js';
export * from './journey.js';
export { placeFolder, type Place } from './place.js';
export { tapName } from './plugging.js';
export {
  allPids,
  identify,
  isRunning,
  processesWith,
  signal,
  waitGone,
  type ProcessIdentity,
} from './process-identity.js';
export { printProgress, silent, type Progress } from './progress.js';
export { prove, type Proof, type Sender, type Way } from './proof.js';
export { defaultNodes, externalNetwork, labSpec, nodeOf, tenantNetwork, type LabSpec, type NodeSpec } from './spec.js';
export { newLabState, readLabState, StateKeeper, type InstanceState, type LabState } from './state.js';
export { faultsOf, statusLines, unitStatuses } from './status.js';
export { ensureUnit, labEnvironment, lastLines, removeUnit } from './supervision.js';
export { layout, readRunning, Unit, type RunningUnit } from './unit.js';
export { up } from './up.js';
export { datapathType } from './switch.js';
