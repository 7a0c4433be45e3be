export { FakeProcesses } from './fake-processes.js';
