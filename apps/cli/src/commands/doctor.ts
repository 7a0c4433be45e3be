/**
 * `plumb doctor`: why packets do not arrive. It asks the API, which asks the nodes; nothing is changed. Ends with 1 when something is wrong, 2 when it could not be asked. Where the API
 * does not answer that is what is wrong; on a node its own looks are told beside it.
 */
import { hostname } from 'node:os';
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { ApiCall, NoAnswer } from '../api-call.js';
import { Diagnosis, screen, unreachable } from '../doctor/diagnosis.js';
import { type AccessOptions, addAccessOptions } from './access.js';
import { addApiOptions, apiSource, type ApiOptions } from './source.js';

const SORTS = ['floating-ip', 'port', 'network', 'node'] as const;

type Options = Readonly<{
  protocol?: string;
  port?: number;
  token?: string;
  json?: boolean;
  node?: string;
  stateDir: string;
}> &
  ApiOptions &
  AccessOptions;

export function addDoctorCommand(program: Command): void {
  addAccessOptions(
    addApiOptions(
      program
        .command('doctor')
        .description('why packets do not arrive: the first cause, what made it so, and what mends it; changes nothing')
        .addArgument(new Argument('[what]', 'of what; without it, of everything').choices(SORTS))
        .argument('[name]', 'its address, id or name'),
    ),
  )
    .addOption(new Option('--protocol <protocol>', 'which packets must arrive').choices(['tcp', 'udp', 'icmp']))
    .option('--port <number>', 'and at which port', portNumber)
    .option('--token <token>', 'who asks (default: as OS_TOKEN or OS_AUTH_URL and its like say)')
    .option('--node <host>', 'which node this is (default: PLUMB_HOST, or its host name)')
    .option('--state-dir <folder>', "the agents' snapshots", process.env['PLUMB_STATE_DIR'] ?? '/var/lib/plumbline')
    .option('--json', 'all of it, for programs')
    .action(async (what: string | undefined, name: string | undefined, options: Options) => {
      const { protocol, port, token: given, json } = options;
      if (what !== undefined && name === undefined) throw new Error(`which ${what}? plumb doctor ${what} NAME`);
      const { url, token } = await apiSource(options);
      const api = new ApiCall(url, given === undefined ? token : async () => given, 'a member of its project');
      const query = new URLSearchParams({
        ...(protocol !== undefined && { protocol }),
        ...(port !== undefined && { port: String(port) }),
      });
      const path = what === undefined ? '' : `/${what}/${encodeURIComponent(name ?? '')}`;
      const subject = { sort: what ?? 'all', id: '', name: name ?? 'everything' };
      const diagnosis = await api.answers().then(
        () => asked(api, `/v2.0/doctor${path}${query.size > 0 ? `?${query}` : ''}`),
        (error: unknown) => {
          if (error instanceof NoAnswer) return alone(unreachable(subject, url, error.why), options);
          throw error;
        },
      );
      process.exitCode = diagnosis === null ? 2 : diagnosis.healthy ? 0 : 1;
      if (diagnosis) console.log(json ? JSON.stringify(diagnosis, null, 2) : screen(diagnosis).join('\n'));
    });
}

/** With the control plane away: on a node what its own looks find. */
async function alone(told: Diagnosis, options: Options): Promise<Diagnosis> {
  const [{ newestView }, { diagnoseHere }, { accessOf }] = await Promise.all([
    import('../kept-view.js'),
    import('../doctor/here.js'),
    import('./access-of.js'),
  ]);
  const host = options.node ?? process.env['PLUMB_HOST'] ?? hostname();
  const view = await newestView(options.stateDir, host);
  if (!view) return told;
  const start = performance.now();
  const on = { kind: 'node', id: host, name: host };
  try {
    const found = await diagnoseHere(view, accessOf(options));
    const others = {
      check: 'api',
      on,
      why: `what other nodes, the log and reports say: only ${host} itself was looked at`,
    };
    return {
      ...{ ...told, ...found, causes: [...told.causes, ...found.causes], unknown: [...found.unknown, others] },
      took_ms: Math.round(performance.now() - start),
    };
  } catch (error) {
    return { ...told, unknown: [{ check: 'api', on, why: error instanceof Error ? error.message : String(error) }] };
  }
}

/** Null: it was refused, and why is said. */
async function asked(api: ApiCall, path: string): Promise<Diagnosis | null> {
  try {
    return z.object({ doctor: Diagnosis }).parse(await api.send('GET', path)).doctor;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return null;
  }
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InvalidArgumentError('a number from 1 to 65535');
  return port;
}
