/** `plumb why <thing>`: why something is on a node or in the API, from the API; on a node whose control plane is away, from the node itself. What only that takes is loaded for it. */
import { hostname } from 'node:os';
import { InvalidArgumentError, type Command } from 'commander';
import { linesOf, MOST_TEXT, type Why } from '@plumbline/reasons/text';
import { ApiCall, NoAnswer } from '../api-call.js';
import { addAccessOptions, type AccessOptions } from './access.js';
import { addApiOptions, type ApiSource, apiSource, type ApiOptions } from './source.js';

type WhyOptions = ApiOptions &
  AccessOptions &
  Readonly<{ node?: string; at?: number; here?: boolean; stateDir: string; json?: boolean }>;
/** `ask`: answers a text. Rejects in words. */
type Asking = Readonly<{ ask: (text: string) => Promise<Why>; close: () => void }>;

/** Lines of standard input that are asked about at a time: an agent answers four, and others ask, too. */
const AT_ONCE = 3;

export function addWhyCommand(program: Command): void {
  addAccessOptions(
    addApiOptions(
      program
        .command('why')
        .description(
          'why something is there: a rule, chain, address, route, namespace, device, port, flow, program, an IP or MAC, an object; also what is gone',
        )
        .argument(
          '<thing...>',
          'as a tool printed it, or its name, address or id ("@12": event 12 of the log); with "-" at its end: of each line of standard input',
        )
        // Rules begin with dashes.
        .allowUnknownOption()
        .passThroughOptions(),
    ),
  )
    .option('--node <host>', 'look at this node only')
    .option('--at <position>', 'objects as of this position of the log; nodes are not asked', position)
    .option('--here', 'without the API: this node alone, by what its agents keep (also when the API does not answer)')
    .option('--state-dir <folder>', "the agents' snapshots", process.env['PLUMB_STATE_DIR'] ?? '/var/lib/plumbline')
    .option('--json', 'for programs; of each line of standard input a line')
    .action(why);
}

function position(given: string): number {
  if (!/^\d{1,15}$/.test(given)) throw new InvalidArgumentError('it is a position of the log: a number');
  return Number(given);
}

async function why(words: readonly string[], options: WhyOptions): Promise<void> {
  const asking = await askingOf(options);
  try {
    if (words.at(-1) === '-') await whyOfLines(words.slice(0, -1), asking, options);
    else show(await asking.ask(words.join(' ')), options);
  } finally {
    asking.close();
  }
}

/** `where`: what comes before the dash: `qrouter-<id> -`. */
async function whyOfLines(where: readonly string[], { ask }: Asking, options: WhyOptions): Promise<void> {
  const { text } = await import('node:stream/consumers');
  const lines = (await text(process.stdin)).split('\n').filter((line) => line.trim() !== '');
  const told: Why[] = [];
  let [begun, shown] = [0, 0];
  const asker = async (): Promise<void> => {
    for (let at = begun++; at < lines.length; at = begun++) {
      const asked = [...where, lines[at]?.trim()].join(' ');
      told[at] = await ask(asked).catch((error: Error) => unanswered(asked, error));
      for (let next = told[shown]; next; next = told[(shown += 1)]) show(next, options, true);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, asker));
}

/** One line that cannot be asked about leaves the others their answers; without an API there are none. */
function unanswered(asked: string, error: Error): Why {
  if (error instanceof NoAnswer) throw error;
  return { asked, position: 0, things: [], events: [], objects: [], unknown: [error.message] };
}

function show(told: Why, { json }: WhyOptions, ofSeveral = false): void {
  if (json) console.log(JSON.stringify(told, null, ofSeveral ? 0 : 2));
  else for (const line of [...linesOf(told), ...(ofSeveral ? [''] : [])]) console.log(line);
  if (told.things.length + told.events.length + told.objects.length === 0) process.exitCode = 1;
}

async function askingOf(options: WhyOptions): Promise<Asking> {
  const { node, at, here, stateDir } = options;
  const host = node ?? process.env['PLUMB_HOST'] ?? hostname();
  const onNode = async (): Promise<Asking | null> => {
    // A node knows the present alone.
    if (at !== undefined) return null;
    const [{ openHere }, { newestView }, { accessOf }] = await Promise.all([
      import('../why/here.js'),
      import('../kept-view.js'),
      import('./access-of.js'),
    ]);
    const view = await newestView(stateDir, host);
    return view && openHere(view, accessOf(options));
  };
  if (here) {
    if (at !== undefined) throw new Error('a node knows nothing of the past: --at asks the log, by the API');
    const asking = await onNode();
    if (!asking) throw new Error(`no agent of ${host} keeps a view in ${stateDir} (--state-dir, --node)`);
    return asking;
  }
  const { url, token } = await apiSource(options);
  // Who asks much logs in once.
  let known: Promise<string | null> | undefined;
  const source = { url, token: () => (known ??= token()) };
  let alone: Promise<Asking | null> | undefined;
  const ask = async (asked: string): Promise<Why> => {
    try {
      return await askApi(asked, source, options);
    } catch (error) {
      const asking = error instanceof NoAnswer ? await (alone ??= onNode()) : null;
      if (!asking) throw error;
      console.error(`${(error as Error).message}; this is what node ${host} itself knows`);
      return asking.ask(asked);
    }
  };
  const close = (): void => {
    void alone?.then(
      (asking) => asking?.close(),
      () => undefined,
    );
  };
  return { ask, close };
}

async function askApi(asked: string, { url, token }: ApiSource, { node, at }: WhyOptions): Promise<Why> {
  const search = new URLSearchParams({
    of: asked.slice(0, MOST_TEXT),
    ...(at !== undefined && { at: String(at) }),
    ...(node !== undefined && { host: node }),
  });
  const answer = await new ApiCall(url, token, 'somebody who may see it').send('GET', `/v2.0/reasons?${search}`);
  return (answer as Readonly<{ reasons: Why }>).reasons;
}
