export { Announcer, arpFrame } from './announcer.js';
export { watchNamespaces } from './netlink-watch.js';
export { NodeL3Driver, type NodeL3DriverOptions } from './node-driver.js';
export { observeOutsides, outsidesIn, type Outsides } from './observe.js';
export { watchPorts, type WatchedSwitch } from './port-watch.js';
export {
  externalIds,
  observedPort,
  OvsdbPorts,
  PrintingPorts,
  type ObservedSwitch,
  type PortStep,
  type SwitchPorts,
} from './ports.js';
export type { Programs } from './programs.js';
