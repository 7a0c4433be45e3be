export { FakeBroker, type Fate, type FromNode, type ToNode } from './fake-broker.js';
export { type ControlPlaneBroker, FakeControlPlane } from './fake-control-plane.js';
export { FakeNode } from './fake-node.js';
export { ManualClock } from './manual-clock.js';
export { aMachine, MemoryOwnerRecord } from './memory-owner-record.js';
export { MemorySnapshots } from './memory-snapshots.js';
