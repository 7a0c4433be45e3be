import '@plumbline/agent-runtime/small-heap';

// Loaded after the heap is set up, not with it.
await import('reflect-metadata');
const { runAgent } = await import('@plumbline/agent-runtime/nest');
const { makeL3Hands } = await import('./hands.js');

await runAgent({ kind: 'l3', makeHands: makeL3Hands });
