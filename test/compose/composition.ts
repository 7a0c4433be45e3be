/** docker-compose.yml brought up as a project of the test's own, and what a user does with it from a shell. */
import { cpSync } from 'node:fs';
import path from 'node:path';
import { run, type RunResult } from '@plumbline/exec';
import { composeProgram } from './engine/programs.js';
import { startEngine, type Engine } from './engine/engine.js';
import { makeBaseImages } from './engine/base-images.js';

const buildTimeoutMs = 1_500_000;
const upTimeoutMs = 180_000;
const everything = ['--profile', 'nodes', '--profile', 'client'];
/** The files that .dockerignore does not exclude, and those that Compose reads. */
const sources = [
  ...['docker-compose.yml', '.dockerignore', '.npmrc', 'package.json', 'package-lock.json'],
  ...['tsconfig.json', 'tsconfig.base.json', 'apps', 'libs', 'docker', 'tools/programs.mjs'],
];
const leftOut = new Set(['node_modules', 'dist', 'out-tsc']);
/** docker-compose 1.29 builds one image at a time, and builds it again for each service that names it, then from the cache. */
const built = ['secrets', 'postgres', 'nats', 'net1', 'client'];

export interface Composition {
  readonly engine: Engine;
  compose(argv: readonly string[], timeoutMs?: number): Promise<RunResult>;
  /** Runs a command in a service's container; resolves with its output. Rejects when it fails. */
  exec(service: string, argv: readonly string[], stdin?: string): Promise<string>;
  /** The same, but returns at once; the command runs until the container ends. */
  execInBackground(service: string, argv: readonly string[]): Promise<void>;
  /** What the engine says of a service's container (`docker inspect`). */
  inspect(service: string): Promise<unknown>;
  /** Ends everything and removes it. */
  down(): Promise<void>;
}

/** An engine with all images built. Rejects when the machine allows no engine. */
export async function build(cacheDir: string): Promise<Composition> {
  const program = await composeProgram();
  if (program === null) throw new Error('needs docker-compose');
  const engine = await startEngine();
  const env = {
    ...engine.env,
    ...{ COMPOSE_PROJECT_NAME: 'plumbline', COMPOSE_DOCKER_CLI_BUILD: '0', DOCKER_BUILDKIT: '0' },
  };
  const project = path.join(engine.folder, 'project');
  const compose: Composition['compose'] = (argv, timeoutMs = upTimeoutMs) =>
    run([...program, '--file', path.join(project, 'docker-compose.yml'), ...everything, ...argv], { env, timeoutMs });
  let isDown = false;
  const containers = new Map<string, string>();
  const containerOf = async (service: string): Promise<string> => {
    const id = containers.get(service) ?? (await compose(['ps', '--quiet', service])).stdout.trim();
    if (id === '') throw new Error(`${service} has no container`);
    containers.set(service, id);
    return id;
  };
  try {
    copySources(project);
    await engine.withInternet(async () => {
      await makeBaseImages(engine, cacheDir);
      await compose(['build', ...built], buildTimeoutMs);
    });
  } catch (error) {
    await engine.stop();
    throw error;
  }
  return {
    engine,
    compose,
    exec: async (service, argv, stdin = '') => {
      const result = await engine.docker(['exec', '--interactive', await containerOf(service), ...argv], { stdin });
      return result.stdout;
    },
    execInBackground: async (service, argv) => {
      await engine.docker(['exec', '--detach', await containerOf(service), ...argv]);
    },
    inspect: async (service) => {
      const { stdout } = await engine.docker(['inspect', await containerOf(service)]);
      return (JSON.parse(stdout) as unknown[])[0];
    },
    down: async () => {
      if (isDown) return;
      isDown = true;
      // Killing the engine is enough to clean up; this shows that `down` works.
      await compose(['down', '--volumes', '--timeout', '10']).finally(() => engine.stop());
    },
  };
}

/** A copy, so that all images are built from the same sources, whatever happens to the tree meanwhile. */
function copySources(to: string): void {
  for (const each of sources) {
    cpSync(each, path.join(to, each), { recursive: true, filter: (source) => !leftOut.has(path.basename(source)) });
  }
}
