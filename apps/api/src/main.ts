// What the classes of the program say of themselves when they are loaded is kept by this: it must be there before them.
await import('reflect-metadata');
const { serve } = await import('./serve.js');

try {
  await serve();
} catch (error) {
  process.stderr.write(`plumb api cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

export {};
