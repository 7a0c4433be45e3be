/** `plumb replay --node <host>`: rebuild a node from the log, print what that would take, or show another moment. */
import { writeFile } from 'node:fs/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { type FeedMessage } from '@plumbline/contracts';
import { printRebuild, rebuild } from '../replay/rebuild.js';
import { viewFromApi, viewFromDatabase, viewFromFile, viewOf } from '../replay/view-source.js';
import { accessOf, addAccessOptions, type AccessOptions } from './access.js';

type ReplayOptions = AccessOptions &
  Readonly<{
    node: string;
    at?: number;
    api: string;
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
      .description(
        'make this node what the log says; run it on the node (in the lab: plumb lab exec <node> -- plumb replay ...)',
      ),
  )
    .requiredOption('--node <host>', 'the node, by the name its agents use')
    .option('--at <position>', 'the log as it stood at this position (default: its head)', position)
    .option('--api <url>', 'the API to ask', process.env['PLUMB_API'] ?? 'http://127.0.0.1:9696')
    .option('--database <url>', 'read the log from its database instead: works with API and NATS down')
    .option('--view <file>', 'a view saved before ("-": standard input)')
    .option('--save <file>', 'write the view there and change nothing ("-": standard output)')
    .option('--dry-run', 'print the commands instead of running them')
    .option('--from-nothing', 'with --dry-run: as if the node were empty')
    .option('--apply', 'with --at: really make the node what it was then')
    .action(replay);
}

async function replay(options: ReplayOptions): Promise<void> {
  const message = await messageFor(options);
  if (message.host !== options.node) throw new Error(`the view is of node ${message.host}, not of ${options.node}`);
  if (options.save !== undefined) {
    const json = `${JSON.stringify(message)}\n`;
    if (options.save === '-') process.stdout.write(json);
    else await writeFile(options.save, json, { mode: 0o600 });
    return;
  }
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
  if (options.at !== undefined && !options.apply)
    throw new Error(
      '--at shows another moment: add --dry-run to see it, or --apply to make the node so (agents that run will bring it back to the head)',
    );
  const { applied, failed } = await rebuild(view, accessOf(options));
  for (const { key, reason } of failed) console.error(`${key}: ${reason}`);
  console.log(applied === 0 ? `${what}: the node was right already` : `${what}: done, ${applied} steps`);
  if (failed.length > 0) process.exitCode = 1;
}

function messageFor(options: ReplayOptions): Promise<FeedMessage> {
  if (options.view !== undefined) return viewFromFile(options.view);
  if (options.database !== undefined) return viewFromDatabase(options.database, options.node, options.at);
  return viewFromApi(options.api, options.node, options.at);
}

function position(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a position is a whole number, 0 or more');
  return value;
}
