export type { Convergence, ConvergeOptions } from '@plumbline/topology';
export { OvsConverger } from './converge.js';
export {
  OvsUnavailable,
  type BridgeWant,
  type DeviceFault,
  type FlowAdd,
  type ObservedBridge,
  type ObservedFlows,
  type ObservedPort,
  type ObservedSwitch,
  type OvsDriver,
  type OvsStep,
  type PortWant,
  type SwitchChange,
  type TagWant,
  type TunnelEnd,
} from './driver.js';
export { actionsOn, flowLine, isFlowPort, keyOfFlow, portText, type Flow, type Owner } from './flow.js';
export type { FilterDriver, FilterStep, FoundFilter, FoundLink } from './hybrid/driver.js';
export {
  addressSet,
  bridgeEnd,
  bridgeOf,
  CHAIN_PREFIX,
  isOurSet,
  memberSet,
  switchEnd,
  tapBehind,
  tapOf,
} from './hybrid/names.js';
export { type BridgeSays, type FoundRules, walkBridge } from './hybrid/bridge-walk.js';
export type { BridgedPacket } from './hybrid/line-match.js';
export { type Sets, setsIn } from './hybrid/sets.js';
export { LOG_GROUP, readPrefix } from './hybrid/logging.js';
export { HOOKS, type FilterWant } from './hybrid/wanted.js';
export { type Asked, askedBy } from './hybrid/asked.js';
export { NodeConverger } from './hybrid/node.js';
export { afterFilterSteps } from './hybrid/simulate.js';
export { comparable, protocolNames } from './hybrid/rule-text.js';
export * from './marks.js';
export {
  bridgesOfOurs,
  type FlowStep,
  planBuild,
  planFlows,
  planOptions,
  planRelease,
  type PlanOptions,
} from './plan.js';
export { LOG_CONTROLLER, LOGGED_BYTES, logsOf, readLogged, type Told } from './firewall/logging.js';
export * as firewallTables from './firewall/tables.js';
export * as pipeline from './pipeline.js';
export { StayingConverger, STAYS_MS } from './staying.js';
export { announcementsOf, frameToItself } from './announcement.js';
export { linkLocal } from './link-local.js';
export { lacksRules, type OvsNodeConfig, type PortPlan } from './render.js';
export { render, type Desired } from './wanted.js';
export { uplinksOf } from './uplinks.js';
export { afterChanges, afterFlows, NO_FLOWS } from './simulate.js';
