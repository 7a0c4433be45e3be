export { FakeL3Host } from './fake-l3-host.js';
export { CountingRunner, makeNode, type ScratchNode } from './scratch-node.js';
