export { OvsdbClient, type ConnectionListener, type Monitor, type OvsdbClientOptions } from './client.js';
export {
  OvsdbError,
  OvsdbNotApplied,
  OvsdbOutcomeUnknown,
  OvsdbRequestRefused,
  OvsdbTransactionFailed,
  OvsdbUnreachable,
} from './errors.js';
export { OvsdbMirror, type MirrorChange, type MirrorListener, type WaitOptions } from './mirror.js';
export type { MonitorEvent, Row, RowChange, TableTypes } from './monitor.js';
export {
  mutateNamed,
  named,
  putPairs,
  updateNamed,
  type Condition,
  type Mutation,
  type Operation,
  type OperationResult,
} from './operations.js';
export {
  decodeValue,
  encodeValue,
  namedUuid,
  uuid,
  wireMap,
  wireSet,
  type Atom,
  type ColumnType,
  type Value,
  type ValueOf,
  type WireAtom,
  type WireRow,
  type WireValue,
} from './values.js';
export {
  addBridge,
  addPort,
  removeBridge,
  removeControllers,
  removePort,
  setColumns,
  setKeys,
  setRootKeys,
  unsetKeys,
  unsetRootKeys,
  type NewBridge,
  type NewPort,
} from './vswitch-operations.js';
export {
  vswitchDatabase,
  vswitchTables,
  type BridgeRow,
  type InterfaceRow,
  type MapColumn,
  type OpenVswitchRow,
  type PortRow,
  type Settable,
  type VswitchRow,
  type VswitchTable,
} from './vswitch-tables.js';
