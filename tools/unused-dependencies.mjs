/**
 * Dependencies that a package declares and nothing in it uses; part of `npm run check`.
 *
 * A dependency is used when a source of the package imports it (types too), when it is the types of one that is, when another declared dependency asks for it
 * as a peer (rxjs by @nestjs/common), or when a script or tool of the package names its folder or its command. Of the root, whose dependencies are what an
 * installation of the whole needs, everything that a workspace package declares is used.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = /\.(ts|mts|mjs|cjs|js)$/;
const NOT_SOURCE = new Set(['node_modules', 'dist', 'out-tsc', '.plumb', '.nx', '.git']);
/** `from 'x'`, `import 'x'`, `import('x')`, `require('x')`, `resolve('x')`. */
const IMPORTED = /(?:\bfrom|\bimport|\brequire|\bresolve)\s*\(?\s*['"]([^'"\n]+)['"]/g;

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

function* sourcesIn(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const place = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!NOT_SOURCE.has(entry.name)) yield* sourcesIn(place);
    } else if (SOURCE.test(entry.name)) yield place;
  }
}

/** `@scope/name/part` -> `@scope/name`. */
const packageOf = (specifier) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

const importsOf = (texts) =>
  new Set(texts.flatMap((text) => [...text.matchAll(IMPORTED)].map(([, name]) => packageOf(name))));

/** What `name` asks to be beside it. */
function peersOf(root, name) {
  const manifest = path.join(root, 'node_modules', name, 'package.json');
  return existsSync(manifest) ? Object.keys(readJson(manifest).peerDependencies ?? {}) : [];
}

/** The commands that `name` installs. */
function commandsOf(root, name) {
  const manifest = path.join(root, 'node_modules', name, 'package.json');
  const bin = existsSync(manifest) ? (readJson(manifest).bin ?? {}) : {};
  return typeof bin === 'string' ? [name.split('/').at(-1)] : Object.keys(bin);
}

function unusedIn(root, folder, folders, more) {
  const { dependencies = {}, devDependencies = {}, scripts = {} } = readJson(path.join(folder, 'package.json'));
  const declared = [...Object.keys(dependencies), ...Object.keys(devDependencies)];
  const texts = folders
    .filter((each) => existsSync(each))
    .flatMap((each) => (statSync(each).isDirectory() ? [...sourcesIn(each)] : [each]))
    .map((file) => readFileSync(file, 'utf8'));
  const used = new Set([...importsOf(texts), ...more]);
  const commands = [...Object.values(scripts), ...texts].join('\n');
  const isNamed = (name) =>
    commands.includes(`node_modules/${name}/`) ||
    commandsOf(root, name).some((command) =>
      Object.values(scripts).some((script) => script.split(/[\s;&|]+/).includes(command)),
    ) ||
    texts.some((text) => text.includes(`'${name}'`));
  for (const name of declared) if (isNamed(name)) used.add(name);
  for (const name of declared) if (used.has(name)) for (const peer of peersOf(root, name)) used.add(peer);
  const isTypesOfUsed = (name) => {
    const [, of] = /^@types\/(.+)$/.exec(name) ?? [];
    return of !== undefined && (of === 'node' || used.has(of) || (of === 'jest' && used.has('jest')));
  };
  return declared.filter((name) => !used.has(name) && !isTypesOfUsed(name));
}

/** `package: dependency`, of every package of the workspace at `root` and of the root itself. */
export function unusedDependencies(root) {
  const workspaces = ['libs', 'apps'].flatMap((group) =>
    existsSync(path.join(root, group))
      ? readdirSync(path.join(root, group)).map((name) => path.join(root, group, name))
      : [],
  );
  const packages = workspaces.filter((folder) => existsSync(path.join(folder, 'package.json')));
  const found = packages.flatMap((folder) =>
    unusedIn(root, folder, [path.join(folder, 'src')], []).map((name) => `${path.relative(root, folder)}: ${name}`),
  );
  const inWorkspaces = packages.flatMap((folder) =>
    Object.keys(readJson(path.join(folder, 'package.json')).dependencies ?? {}),
  );
  const ofRoot = ['test', 'tools', 'eslint.config.mjs', 'jest.config.mjs', 'libs', 'apps'].map((each) =>
    path.join(root, each),
  );
  return [...found, ...unusedIn(root, root, ofRoot, inWorkspaces).map((name) => `.: ${name}`)];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const unused = unusedDependencies(fileURLToPath(new URL('..', import.meta.url)));
  for (const each of unused) console.error(`${each} is declared in package.json, and nothing uses it`);
  process.exitCode = unused.length > 0 ? 1 : 0;
}
