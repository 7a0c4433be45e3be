/** `plumb replay --node <host>`: rebuilds a node from the log, or prints the commands for it; with `--at`, as of another position. */
import { writeFile } from 'node:fs/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { type FeedMessage } from '@plumbline/contracts';
import { tokenFromEnvironment } from '@plumbline/identity';
import { printRebuild, rebuild } from '@plumbline/node-agents';
import { labNode, type LabNode } from '../replay/lab-node.js';
import { viewFromApi, viewFromDatabase, viewFromFile, viewOf } from '../replay/view-source.js';
import { accessOf, addAccessOptions, type AccessOptions } from './access.js';

type ReplayOptions = AccessOptions &
  Readonly<{
    node: string;
    at?: number;
    api?: string;
    lab: string;
    database?: string;
    view?: string;
    save?: string;
    dryRun?: boolean;
    fromNothing?: boolean;
    apply?: boolean;
  }>;

export function addReplayCommand(program: Command): void {
  addAccessOptions(
    program
      .command('replay')
      .description('make a node what the log says: this machine, or a node of the lab that runs here'),
  )
    .requiredOption('--node <host>', 'the node, by the name its agents use')
    .option('--at <position>', 'the log as it stood at this position (default: its head)', position)
    .option('--api <url>', "the API to ask (default: PLUMB_API, the lab's, or http://127.0.0.1:9696)")
    .option('--lab <name>', 'the lab that the node may be of', 'lab')
    .option('--database <url>', 'read the log from its database instead: works with API and NATS down')
    .option('--view <file>', 'a view saved before ("-": standard input)')
    .option('--save <file>', 'write the view there and change nothing ("-": standard output)')
    .option('--dry-run', 'print the commands instead of running them')
    .option('--from-nothing', 'with --dry-run: as if nothing of ours were on the node')
    .option('--apply', 'with --at: really make the node what it was then')
    .action(replay);
}

async function replay(options: ReplayOptions): Promise<void> {
  const { save, node, dryRun, fromNothing } = options;
  const lab = labNode(node, options.lab);
  const message = await messageFor(options, lab);
  if (message.host !== node) throw new Error(`the view is of node ${message.host}, not of ${node}`);
  if (save !== undefined) {
    const json = `${JSON.stringify(message)}\n`;
    if (save === '-') process.stdout.write(json);
    else await writeFile(save, json, { mode: 0o600 });
    return;
  }
  if (options.at !== undefined && !options.apply && !dryRun)
    throw new Error(
      '--at shows another moment: add --dry-run to see it, or --apply to make the node so (agents that run will bring it back to the head)',
    );
  // With --from-nothing nothing is read from the node, so the commands can be printed here.
  const elsewhere = lab !== null && !(dryRun && fromNothing);
  if (elsewhere) process.exitCode = await lab.replayInside(message, flagsOf(options));
  else await replayHere(message, options);
}

/** The options for the command that runs inside the node. */
const flagsOf = ({ dryRun, ovsdb, runDir, datapath }: ReplayOptions): string[] => [
  ...(dryRun ? ['--dry-run'] : []),
  ...['--ovsdb', ovsdb, '--run-dir', runDir, '--datapath', datapath],
];

async function replayHere(message: FeedMessage, options: ReplayOptions): Promise<void> {
  const view = viewOf(message);
  const what = `${options.node} at position ${view.position} of log ${view.log}`;
  if (options.dryRun) {
    console.log(`# ${what}`);
    const commands = await printRebuild(view, {
      print: (command) => console.log(command),
      access: options.fromNothing ? null : accessOf(options),
      datapathType: options.datapath,
      runDir: options.runDir,
    });
    console.error(commands === 0 ? `${what}: nothing to do` : `${what}: ${commands} commands would run`);
    return;
  }
  const { applied, failed } = await rebuild(view, accessOf(options));
  for (const { key, reason } of failed) console.error(`${key}: ${reason}`);
  console.log(applied === 0 ? `${what}: the node was right already` : `${what}: done, ${applied} steps`);
  if (failed.length > 0) process.exitCode = 1;
}

function messageFor(options: ReplayOptions, lab: LabNode | null): Promise<FeedMessage> {
  if (options.view !== undefined) return viewFromFile(options.view);
  if (options.database !== undefined) return viewFromDatabase(options.database, options.node, options.at);
  const api = options.api ?? process.env['PLUMB_API'] ?? lab?.apiUrl ?? 'http://127.0.0.1:9696';
  // Send the lab's own login to the lab's own API only.
  const token = lab !== null && api === lab.apiUrl ? lab.token : tokenFromEnvironment;
  return viewFromApi(api, options.node, () => token(), options.at);
}

function position(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a position is a whole number, 0 or more');
  return value;
}
