export { FakeRunner, type FakeCommand } from './fake-runner.js';
export { makeNetns, type ScratchNetns } from './scratch-netns.js';
