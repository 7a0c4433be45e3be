export { FakeDatabase } from './fake-database.js';
export { FakeOvs } from './fake-ovs.js';
export { canonicalState } from './state.js';
export { Instance, RealSwitch } from './real-switch.js';
