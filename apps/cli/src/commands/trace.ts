/**
 * `plumb trace FROM -> TO tcp/80`: a packet's way and that of its answer. It asks the API, which asks the nodes; on a node whose control plane is away, the node itself. Nothing is
 * changed. Ends with 1 when the packet or its answer does not arrive, 2 when that is not known.
 */
import { hostname } from 'node:os';
import type { Command } from 'commander';
import { linesOfTrace, parseTraffic, type Trace, type TraceAsked } from '@plumbline/reasons';
import { ApiCall, NoAnswer } from '../api-call.js';
import { type AccessOptions, addAccessOptions } from './access.js';
import { addApiOptions, apiSource, type ApiOptions } from './source.js';

type Options = Readonly<{ token?: string; json?: boolean; here?: boolean; node?: string; stateDir: string }> &
  ApiOptions &
  AccessOptions;
const USAGE = 'plumb trace FROM -> TO PACKET, as in: plumb trace vm1 "->" 10.0.0.5 tcp/80';

export function addTraceCommand(program: Command): void {
  addAccessOptions(
    addApiOptions(
      program
        .command('trace')
        .description(
          'the way of a packet, and of its answer: each flow, rule and route with the event that put it there',
        )
        .argument(
          '<way...>',
          'FROM -> TO PACKET: a port, floating IP, instance or address (ADDRESS@NETWORK) each; tcp/PORT, udp/PORT or icmp ("->" may be left out)',
        )
        // The arrow begins with a dash.
        .allowUnknownOption(),
    ),
  )
    .option('--token <token>', 'who asks (default: as OS_TOKEN or OS_AUTH_URL and its like say)')
    .option('--here', 'without the API: this node alone, by what its agents keep (also when the API does not answer)')
    .option('--node <host>', 'which node this is (default: PLUMB_HOST, or its host name)')
    .option('--state-dir <folder>', "the agents' snapshots", process.env['PLUMB_STATE_DIR'] ?? '/var/lib/plumbline')
    .option('--json', 'all of it, for programs')
    .action(async (words: readonly string[], options: Options) => {
      const [from, to, packet, ...more] = words
        .flatMap((word) => word.split(/\s+/))
        .filter((word) => word !== '' && word !== '->');
      // An arrow without quotes is the shell's: "-" is left of it.
      if (words.includes('-')) throw new Error(`quote the arrow or leave it out: ${USAGE}`);
      if (from === undefined || to === undefined || packet === undefined || more.length > 0) throw new Error(USAGE);
      const asked: TraceAsked = { from, to, traffic: parseTraffic(packet) };
      const trace = options.here ? await byNode(asked, options) : await byApi(asked, packet, options);
      console.log(options.json ? JSON.stringify(trace, null, 2) : linesOfTrace(trace).join('\n'));
      process.exitCode = codeOf(trace);
    });
}

async function byApi(asked: TraceAsked, packet: string, options: Options): Promise<Trace> {
  const { url, token } = await apiSource(options);
  const given = options.token;
  const api = new ApiCall(url, given === undefined ? token : async () => given, 'a member of its project');
  const { from, to } = asked;
  try {
    const answer = await api.send('GET', `/v2.0/trace?${new URLSearchParams({ from, to, packet })}`);
    return (answer as Readonly<{ trace: Trace }>).trace;
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    const told = await here(asked, options);
    if (!told) throw error;
    console.error(`${error.message}; this is what node ${hostOf(options)} itself knows`);
    return told;
  }
}

async function byNode(asked: TraceAsked, options: Options): Promise<Trace> {
  const told = await here(asked, options);
  if (told) return told;
  throw new Error(`no agent of ${hostOf(options)} keeps a view in ${options.stateDir} (--state-dir, --node)`);
}

const hostOf = ({ node }: Options): string => node ?? process.env['PLUMB_HOST'] ?? hostname();

/** By this node alone; null: no agent of it keeps a view. */
async function here(asked: TraceAsked, options: Options): Promise<Trace | null> {
  const [{ newestView }, { traceHere }, { accessOf }] = await Promise.all([
    import('../kept-view.js'),
    import('../trace/here.js'),
    import('./access-of.js'),
  ]);
  const view = await newestView(options.stateDir, hostOf(options));
  return view && traceHere(view, accessOf(options), asked);
}

function codeOf({ there, back }: Trace): number {
  const verdicts = [there.verdict, ...(back ? [back.verdict] : [])];
  if (verdicts.includes('dropped')) return 1;
  return verdicts.includes('unknown') ? 2 : 0;
}
