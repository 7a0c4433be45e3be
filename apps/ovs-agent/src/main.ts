import '@plumbline/agent-runtime/small-heap';

// Loaded after the heap is set up, not with it.
await import('reflect-metadata');
const { runAgent } = await import('@plumbline/agent-runtime/nest');
const { OVS_AGENT } = await import('@plumbline/node-agents/ovs');

await runAgent(OVS_AGENT);
