export { FakeProcesses } from './fake-processes.js';
export { ProcessAgent } from './process-agent.js';
