/** `plumb status`: the state of the whole system on one screen. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError, type Command } from 'commander';
import { logIn, tokenFromEnvironment } from '@plumbline/identity';
import { labSpec, loginsOf, readLabState } from '@plumbline/lab';
import { gatherStatus } from '../status/report.js';
import { screen } from '../status/screen.js';

const projectDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../..');
const DEFAULT_URL = 'http://127.0.0.1:9696';

type Options = Readonly<{ url?: string; token?: string; lab: string; json?: boolean }>;
type Source = Readonly<{ url: string; token: () => Promise<string | null> }>;

export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .description('the API, the log, the agents, what is in error; ends with 1 when something is not well')
    .option('--url <url>', `the API (default: PLUMB_API, the lab's when there is one, ${DEFAULT_URL})`, httpUrl)
    .option(
      '--token <token>',
      "who asks (default: as OS_TOKEN or OS_AUTH_URL and its like say, or the lab's administrator)",
    )
    .option('--lab <name>', 'which lab is meant, when there is one', 'lab')
    .option('--json', 'all of it, for programs')
    .action(async (options: Options) => {
      const { url, token } = sourceOf(options);
      const report = await gatherStatus(url, token);
      console.log(options.json ? JSON.stringify(report, null, 2) : screen(report).join('\n'));
      if (report.trouble.length > 0) process.exitCode = 1;
    });
}

/** The API to ask, and the credentials. Only root, who made it, can find a lab. */
function sourceOf(options: Options): Source {
  const given = options.url ?? process.env['PLUMB_API'];
  const token = options.token === undefined ? undefined : async () => options.token ?? null;
  if (given !== undefined) return { url: trimmed(given), token: token ?? (() => tokenFromEnvironment()) };
  const lab = labSource(options.lab);
  if (lab) return { url: lab.url, token: token ?? lab.token };
  return { url: DEFAULT_URL, token: token ?? (() => tokenFromEnvironment()) };
}

function labSource(name: string): Source | null {
  if (process.getuid?.() !== 0) return null;
  const stateDir = process.env['PLUMB_STATE'];
  const spec = labSpec({ projectDir, name, ...(stateDir === undefined ? {} : { stateDir: path.resolve(stateDir) }) });
  const state = readLabState(spec.stateDir);
  if (state === null || state.apiUrl === null) return null;
  return { url: state.apiUrl, token: () => logIn(loginsOf(state)[0]) };
}

const trimmed = (url: string): string => url.replace(/\/+$/, '');

function httpUrl(text: string): string {
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? ''))
    throw new InvalidArgumentError('an address of the API is an http:// or https:// URL');
  return text;
}
