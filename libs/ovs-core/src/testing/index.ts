export { idOf, macOf, ViewBuilder } from './view.js';
export { addressToInt, memberId, type ObjectKey, type Port } from '@plumbline/contracts';
export { allows, type Packet } from './rule-model.js';
