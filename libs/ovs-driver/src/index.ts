export { BridgeDriver } from './bridge-driver.js';
export { bundleText, parseFlows } from './flow-text.js';
export { PrintingBridges } from './printing-bridges.js';
export { PrintingDriver, type PrintingDriverOptions } from './printing-driver.js';
export { type SwitchRows } from './rows.js';
export { concernedBy, SwitchDriver, type SwitchDriverOptions, type SwitchNews } from './switch-driver.js';
