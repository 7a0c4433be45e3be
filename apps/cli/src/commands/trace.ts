/** `plumb trace FROM -> TO tcp/80`: a packet's way and that of its answer. It asks the API, which asks the nodes; nothing is changed. Ends with 1 when the packet or its answer does not arrive, 2 when that is not known. */
import type { Command } from 'commander';
import { linesOfTrace, parseTraffic, type Trace } from '@plumbline/reasons';
import { ApiCall } from '../api-call.js';
import { addApiOptions, apiSource, type ApiOptions } from './source.js';

type Options = Readonly<{ token?: string; json?: boolean }> & ApiOptions;
const USAGE = 'plumb trace FROM -> TO PACKET, as in: plumb trace vm1 "->" 10.0.0.5 tcp/80';

export function addTraceCommand(program: Command): void {
  addApiOptions(
    program
      .command('trace')
      .description('the way of a packet, and of its answer: each flow, rule and route with the event that put it there')
      .argument(
        '<way...>',
        'FROM -> TO PACKET: a port, floating IP, instance or address (ADDRESS@NETWORK) each; tcp/PORT, udp/PORT or icmp ("->" may be left out)',
      )
      // The arrow begins with a dash.
      .allowUnknownOption(),
  )
    .option('--token <token>', 'who asks (default: as OS_TOKEN or OS_AUTH_URL and its like say)')
    .option('--json', 'all of it, for programs')
    .action(async (words: readonly string[], options: Options) => {
      const [from, to, packet, ...more] = words
        .flatMap((word) => word.split(/\s+/))
        .filter((word) => word !== '' && word !== '->');
      // An arrow without quotes is the shell's: "-" is left of it.
      if (words.includes('-')) throw new Error(`quote the arrow or leave it out: ${USAGE}`);
      if (from === undefined || to === undefined || packet === undefined || more.length > 0) throw new Error(USAGE);
      parseTraffic(packet);
      const { url, token } = await apiSource(options);
      const given = options.token;
      const api = new ApiCall(url, given === undefined ? token : async () => given, 'a member of its project');
      const answer = await api.send('GET', `/v2.0/trace?${new URLSearchParams({ from, to, packet })}`);
      const { trace } = answer as Readonly<{ trace: Trace }>;
      console.log(options.json ? JSON.stringify(trace, null, 2) : linesOfTrace(trace).join('\n'));
      process.exitCode = codeOf(trace);
    });
}

function codeOf({ there, back }: Trace): number {
  const verdicts = [there.verdict, ...(back ? [back.verdict] : [])];
  if (verdicts.includes('dropped')) return 1;
  return verdicts.includes('unknown') ? 2 : 0;
}
