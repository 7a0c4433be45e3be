import '@plumbline/agent-runtime/small-heap';

// Loaded after the heap is set up, not with it.
await import('reflect-metadata');
const { runAgent } = await import('@plumbline/agent-runtime/nest');
const { METADATA_AGENT } = await import('@plumbline/node-agents/metadata');

await runAgent(METADATA_AGENT);
