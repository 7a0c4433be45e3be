// Decorators write down metadata of their classes when those are loaded: this must be loaded before them.
await import('reflect-metadata');
const { serve } = await import('./serve.js');

try {
  await serve();
} catch (error) {
  process.stderr.write(`plumb api cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

export {};
