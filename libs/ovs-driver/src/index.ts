export { BridgeDriver } from './bridge-driver.js';
export { controlSocketIn } from './datapath-cache.js';
export { type Entered, SwitchAway, type SwitchPacket, traceText } from './trace.js';
export { parseTrace, type Traced, type TracedFlow, type TracedOutput } from './trace-text.js';
export { followBridgeLog } from './bridge-copies.js';
export { watchBridges } from './bridge-watch.js';
export { bundleText, parseFlows } from './flow-text.js';
export { PrintingBridges } from './printing-bridges.js';
export { frameHeaders, type FrameHeaders } from './frame-headers.js';
export { PrintingDriver, type PrintingDriverOptions } from './printing-driver.js';
export { SwitchImage, type SwitchRows, tunnelEnds } from './rows.js';
export {
  concernedBy,
  type CopyLimit,
  SwitchDriver,
  type SwitchDriverOptions,
  type SwitchNews,
} from './switch-driver.js';
