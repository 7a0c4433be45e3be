export { machineClock, type Clock } from './clock.js';
export { type Marks } from './converger.js';
export { type Foreign } from './inbox.js';
export { type FeedListener, type NodeFeed } from './node-feed.js';
export { type LogBinding, type Reconciler } from './reconciler.js';
export { type NodeFacts } from './reporter.js';
export { NodeSession, type SessionOptions } from './session.js';
export { readSnapshot, SnapshotFile, SnapshotRefused, writeSnapshot, type SnapshotStore } from './snapshot.js';
