/** The lab's pieces, for the command line and for tests that need a lab of their own. */
export { ApiClient, ApiRefused } from './api-client.js';
export { clean } from './clean.js';
export { down } from './down.js';
export { argvAt, execAt, runningPlace } from './exec.js';
export { buildInfrastructure, type Infrastructure } from './infrastructure.js';
export { guestScript, insideInstance, plugInstance, serveHttp, tapName } from './instance.js';
export * from './journey.js';
export { loginBlock, natsConfiguration, newNkeyPair, nodePermissions, type NatsLogin } from './nats-logins.js';
export { placeFolder, type Place } from './place.js';
export { healthPorts } from './programs.js';
export { printProgress, silent, type Progress } from './progress.js';
export { prove, type Proof, type Sender, type Way } from './proof.js';
export { defaultNodes, externalNetwork, labSpec, nodeOf, tenantNetwork, type LabSpec, type NodeSpec } from './spec.js';
export { newLabState, readLabState, StateKeeper, type InstanceState, type LabState } from './state.js';
export { faultsOf, statusLines, unitStatuses } from './status.js';
export { ensureUnit, labEnvironment, lastLines, removeUnit } from './supervision.js';
export { readRunning, type RunningUnit, type Unit } from './unit.js';
export { up } from './up.js';
