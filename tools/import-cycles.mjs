/**
 * No file imports itself in a circle, and no project does: `npm run check` runs this. It reads every source and spec of `libs`, `apps` and `test` with the compiler's
 * own scanner; imports of types and dynamic ones count, because a reader has to follow them all the same.
 *
 * Lint says who may import whom (eslint.config.mjs), and of files it sees one at a time, so it cannot see a circle of them. A package for this would bring a
 * resolver that has to be told what `exports` in package.json says already.
 *
 *   node tools/import-cycles.mjs [directory]    ends with 1 and names each circle, or with 0
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = path.resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
const SKIPPED = new Set(['node_modules', 'dist', 'out-tsc']);

function* sourcesIn(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const at = path.join(folder, entry.name);
    if (entry.isDirectory() && !SKIPPED.has(entry.name)) yield* sourcesIn(at);
    else if (/\.ts$/.test(entry.name) && !entry.name.endsWith('.d.ts')) yield at;
  }
}

/** `@plumbline/x/y` -> the source file behind it, for each entry that a project exports. */
function entriesOf(project) {
  const manifest = path.join(project, 'package.json');
  if (!existsSync(manifest)) return [];
  const { name, exports = {} } = JSON.parse(readFileSync(manifest, 'utf8'));
  return Object.entries(exports).map(([entry, conditions]) => [
    path.posix.join(name, entry),
    path.join(project, conditions['plumb-source'] ?? ''),
  ]);
}

const projects = ['libs', 'apps'].flatMap((kind) =>
  existsSync(path.join(root, kind))
    ? readdirSync(path.join(root, kind)).map((name) => path.join(root, kind, name))
    : [],
);
const entries = new Map(projects.flatMap(entriesOf));
const files = [...projects.map((project) => path.join(project, 'src')), path.join(root, 'test')].flatMap((folder) => [
  ...sourcesIn(folder),
]);
const known = new Set(files);

function targetOf(file, name) {
  if (!name.startsWith('.')) return entries.get(name);
  const target = path.resolve(path.dirname(file), name).replace(/\.js$/, '.ts');
  return known.has(target) ? target : undefined;
}

/** File -> files it imports. */
const imports = new Map(
  files.map((file) => {
    const found = ts.preProcessFile(readFileSync(file, 'utf8'), true, true).importedFiles;
    return [file, new Set(found.map(({ fileName }) => targetOf(file, fileName)).filter(Boolean))];
  }),
);

/** Project -> projects that its sources, specs and testing files import. */
const between = new Map(projects.map((project) => [project, new Set()]));
const projectOf = (file) => projects.find((project) => file.startsWith(project + path.sep));
for (const [file, targets] of imports)
  for (const target of targets) {
    const [from, to] = [projectOf(file), projectOf(target)];
    if (from && to && from !== to) between.get(from).add(to);
  }

/** A shortest way from each node back to itself; each circle is told once. */
function circlesIn(graph) {
  const circles = [];
  const told = new Set();
  for (const start of [...graph.keys()].sort()) {
    if (told.has(start)) continue;
    const cameFrom = new Map();
    const queue = [start];
    while (queue.length > 0 && !cameFrom.has(start)) {
      const node = queue.shift();
      for (const next of graph.get(node) ?? [])
        if (!cameFrom.has(next)) {
          cameFrom.set(next, node);
          queue.push(next);
        }
    }
    if (!cameFrom.has(start)) continue;
    const circle = [start];
    for (let node = cameFrom.get(start); node !== start; node = cameFrom.get(node)) circle.unshift(node);
    for (const node of circle) told.add(node);
    circles.push([start, ...circle]);
  }
  return circles;
}

const found = [...circlesIn(imports), ...circlesIn(between)];
for (const circle of found)
  console.log(`imports itself in a circle: ${circle.map((node) => path.relative(root, node)).join(' -> ')}`);
process.exitCode = found.length > 0 ? 1 : 0;
