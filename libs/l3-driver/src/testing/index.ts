export { FakeL3Host } from './fake-l3-host.js';
