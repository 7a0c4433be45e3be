/** docker-compose.yml brought up as a project of the test's own, and what a user does with it from a shell. */
import { CommandFailed, run, type RunResult } from '@plumbline/exec';
import { composeProgram } from './engine/programs.js';
import { startEngine, type Engine } from './engine/engine.js';
import { makeBaseImages } from './engine/base-images.js';

const buildTimeoutMs = 600_000;
const upTimeoutMs = 180_000;
const everything = ['--profile', 'nodes', '--profile', 'client'];
/** docker-compose 1.29 builds one at a time, and the same image once more for each service that names it: the cache answers. */
const built = ['secrets', 'postgres', 'nats', 'net1', 'client'];

export interface Composition {
  readonly engine: Engine;
  compose(argv: readonly string[], timeoutMs?: number): Promise<RunResult>;
  /** Runs a command in a service's container and answers its output. Rejects when it fails. */
  exec(service: string, argv: readonly string[], stdin?: string): Promise<string>;
  /** The same, not waited for: it goes on until the container ends. */
  execInBackground(service: string, argv: readonly string[]): Promise<void>;
  /** Ends everything and leaves nothing. */
  down(): Promise<void>;
}

/** An engine with all images built. Rejects when the machine allows no engine. */
export async function build(cacheDir: string): Promise<Composition> {
  const program = await composeProgram();
  if (program === null) throw new Error('needs docker-compose');
  const engine = await startEngine();
  const env = { ...engine.env, COMPOSE_PROJECT_NAME: 'plumbline', COMPOSE_DOCKER_CLI_BUILD: '0', DOCKER_BUILDKIT: '0' };
  const compose: Composition['compose'] = (argv, timeoutMs = upTimeoutMs) =>
    run([...program, ...everything, ...argv], { env, timeoutMs });
  const containers = new Map<string, string>();
  const containerOf = async (service: string): Promise<string> => {
    const id = containers.get(service) ?? (await compose(['ps', '--quiet', service])).stdout.trim();
    if (id === '') throw new Error(`${service} has no container`);
    containers.set(service, id);
    return id;
  };
  try {
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
    down: async () => {
      // Not needed to clean up (killing the engine is enough); it shows that `down` works.
      await compose(['down', '--volumes', '--timeout', '10']).catch((error: unknown) => {
        if (!(error instanceof CommandFailed)) throw error;
        console.error(error.message);
      });
      await engine.stop();
    },
  };
}
