export { startOvs, type OwnOvs, type StartOvsOptions } from './start-ovs.js';
