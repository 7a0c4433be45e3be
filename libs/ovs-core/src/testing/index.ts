export { idOf, macOf, ViewBuilder } from './view.js';
export {
  addressToInt,
  memberId,
  type ObjectKey,
  type Port,
  PROTOCOL_NUMBERS,
  type SecurityGroupRule,
} from '@plumbline/contracts';
export { forwards } from './chain-model.js';
export { allows, type Packet } from './rule-model.js';
export { flowsOfReference, REFERENCE_PORTS, referenceNode } from './reference.js';
