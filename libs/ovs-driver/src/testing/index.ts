export { Capture, type CapturedFrame } from './capture.js';
export { FakeDatabase } from './fake-database.js';
export { FakeOvs } from './fake-ovs.js';
export { canonicalState } from './state.js';
export { Instance, joinByHub, joinUnderlay, RealSwitch } from './real-switch.js';
export { STEPS, type Plugs } from './scenario.js';
export { Prober, type FlowCount } from './prober.js';
export * as frames from './frames.js';
export { SwitchAway, traceOn, type TracedPacket } from './trace.js';
