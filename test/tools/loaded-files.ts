/** What a program loads. */
import { readFileSync } from 'node:fs';
import { run, type RunOptions, type RunResult } from '@plumbline/exec';

/** Prints the address of each module that is loaded, behind `loaded `. */
const TELLS = `import { register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(\`export async function resolve(name, context, next) {
  const found = await next(name, context);
  process._rawDebug('loaded ' + found.url);
  return found;
}\`));`;

/** `files` that were loaded, and the `sources` that they were bundled from (docs/adr/0008-bundled-programs.md). */
export type Loaded = RunResult & Readonly<{ files: readonly string[]; sources: readonly string[] }>;

/** Runs a program of ours to its end. */
export async function runAndTellLoaded(argv: readonly string[], options: RunOptions): Promise<Loaded> {
  const result = await run([process.execPath, ...argv], {
    ...options,
    env: { ...options.env, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(TELLS)}` },
  });
  const files = [...result.stderr.matchAll(/^loaded file:\/\/(\S+)/gm)].map(([, file = '']) => file);
  return { ...result, files, sources: files.flatMap(sourcesOf) };
}

/** Above each part of a program's file stands its source. */
export const sourcesOf = (file: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/^\/\/ (\S+\.[cm]?js)$/gm)].map(([, name = '']) => name);
