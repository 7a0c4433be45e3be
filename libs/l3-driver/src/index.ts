export { Announcer, arpFrame, type Announcement } from './announcer.js';
export { watchNamespaces } from './netlink-watch.js';
export { NodeL3Driver, type NodeL3DriverOptions } from './node-driver.js';
export { observeLinks, readOutsides } from './observe.js';
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
