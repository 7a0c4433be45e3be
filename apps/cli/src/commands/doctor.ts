/** `plumb doctor`: why packets do not arrive. It asks the API, which asks the nodes; nothing is changed. Ends with 1 when something is wrong, 2 when it could not be asked. */
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { ApiCall, NoAnswer } from '../api-call.js';
import { Diagnosis, screen, unreachable } from '../doctor/diagnosis.js';
import { addApiOptions, apiSource, type ApiOptions } from './source.js';

const SORTS = ['floating-ip', 'port', 'network', 'node'] as const;

type Options = Readonly<{ protocol?: string; port?: number; token?: string; json?: boolean }> & ApiOptions;

export function addDoctorCommand(program: Command): void {
  addApiOptions(
    program
      .command('doctor')
      .description('why packets do not arrive: the first cause, what made it so, and what mends it; changes nothing')
      .addArgument(new Argument('[what]', 'of what; without it, of everything').choices(SORTS))
      .argument('[name]', 'its address, id or name'),
  )
    .addOption(new Option('--protocol <protocol>', 'which packets must arrive').choices(['tcp', 'udp', 'icmp']))
    .option('--port <number>', 'and at which port', portNumber)
    .option('--token <token>', 'who asks (default: as OS_TOKEN or OS_AUTH_URL and its like say)')
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
          if (error instanceof NoAnswer) return unreachable(subject, url, error.why);
          throw error;
        },
      );
      process.exitCode = diagnosis === null ? 2 : diagnosis.healthy ? 0 : 1;
      if (diagnosis) console.log(json ? JSON.stringify(diagnosis, null, 2) : screen(diagnosis).join('\n'));
    });
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
