/**
 * Makes the programs of apps/*, `dist/main.js` and the parts that it loads once they are needed, from what the compiler made of their sources (`out-tsc`). A program that
 * loads hundreds of files takes twice the time to start of one that loads a few: docs/adr/0008-bundled-programs.md.
 *
 * `programs.mjs [app ...]`; all when none is named. A program that is newer than all that was compiled or installed is left as it is.
 */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Packages in CommonJS ask for Node's own modules by `require`. */
const BANNER = `import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);`;

/** What a package would use if it were installed (another database, another transport) is asked for when the program runs, and is missing then as it is without a bundle. */
const notInstalled = {
  name: 'not installed',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path: name, kind, importer, resolveDir, pluginData }) => {
      if (pluginData === notInstalled) return undefined;
      const found = await resolve(name, { kind, importer, resolveDir, pluginData: notInstalled });
      return found.errors.length > 0 ? { path: name, external: true } : found;
    });
  },
};

async function makeProgram(app) {
  const outdir = path.join(app, 'dist');
  const { outputFiles } = await build({
    ...{ entryPoints: [path.join(app, 'out-tsc/main.js')], outdir, absWorkingDir: root, write: false },
    ...{ bundle: true, splitting: true, platform: 'node', format: 'esm', target: 'node20' },
    // Not `keepNames`: it names each function anew whenever one is made, also those in the middle of a loop.
    ...{ sourcemap: 'linked', logLevel: 'error' },
    ...{ banner: { js: BANNER }, plugins: [notInstalled] },
  });
  rmSync(outdir, { recursive: true, force: true });
  mkdirSync(outdir);
  const isEntry = ({ path: file }) => path.basename(file) === 'main.js';
  // The entry last: by it the next build knows that all is there.
  for (const each of [...outputFiles].sort((a, b) => isEntry(a) - isEntry(b)))
    writeFileSync(each.path, each.contents, { mode: isEntry(each) ? 0o755 : 0o644 });
}

const changedAt = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const foldersIn = (folder) => readdirSync(path.join(root, folder)).map((name) => path.join(root, folder, name));
const apps = foldersIn('apps');
const named = process.argv.slice(2);
const asked = apps.filter((app) => named.length === 0 || named.includes(path.basename(app)));
const madeFrom = [
  fileURLToPath(import.meta.url),
  path.join(root, 'node_modules/.package-lock.json'),
  ...[...foldersIn('libs'), ...apps].map((folder) => path.join(folder, 'tsconfig.tsbuildinfo')),
];
const newest = Math.max(...madeFrom.map(changedAt));
await Promise.all(asked.filter((app) => changedAt(path.join(app, 'dist/main.js')) <= newest).map(makeProgram));
