/** `plumb replay --node <host>`: rebuilds a node from the log, or prints the commands for it; with `--at`, as of another position. */
import { writeFile } from 'node:fs/promises';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { type FeedMessage } from '@plumbline/contracts';
import { printRebuild, rebuild } from '@plumbline/node-agents';
import type { HostView } from '@plumbline/topology';
import { canSeeLab, labFolder } from '../lab-folder.js';
import { logOfNode, removals } from '../node/rebind.js';
import { knownPast, whyRefused, type HashAt } from '../replay/known-past.js';
import type { LabNode } from '../replay/lab-node.js';
import { ownerRefusal } from '../replay/owner-refusal.js';
import { viewFromApi, viewFromFile, viewOf, NoSuchView } from '../replay/view-source.js';
import { addAccessOptions, type AccessOptions } from './access.js';
import { accessOf, settingsOf } from './access-of.js';
import { addApiOptions, apiSource, type ApiOptions } from './source.js';

type ReplayOptions = AccessOptions &
  ApiOptions &
  Readonly<{
    node: string;
    at?: number;
    database?: string;
    view?: string;
    save?: string;
    dryRun?: boolean;
    fromNothing?: boolean;
    apply?: boolean;
    stateDir: string;
    yes?: boolean;
    refused?: string;
  }>;

export function addReplayCommand(program: Command): void {
  addAccessOptions(
    addApiOptions(
      program
        .command('replay')
        .description('make a node what the log says: this machine, or a node of the lab that runs here'),
    ),
  )
    .requiredOption('--node <host>', 'the node, by the name its agents use')
    .option('--at <position>', 'the log as it stood at this position (default: its head)', position)
    .option('--database <url>', 'read the log from its database instead: works with API and NATS down')
    .option('--view <file>', 'a view saved before ("-": standard input)')
    .option('--save <file>', 'write the view there and change nothing ("-": standard output)')
    .option('--dry-run', 'print the commands instead of running them')
    .option('--from-nothing', 'with --dry-run: as if nothing of ours were on the node')
    .option('--apply', 'with --at: really make the node what it was then')
    .option('--state-dir <folder>', "the agents' snapshots", process.env['PLUMB_STATE_DIR'] ?? '/var/lib/plumbline')
    .option('--yes', "also when the node's agents would refuse this log, and whatever it removes")
    .addOption(new Option('--refused <why>', 'why the log is refused, found out where it can be asked').hideHelp())
    .action(replay);
}

async function replay(given: ReplayOptions): Promise<void> {
  const { save, node, dryRun, fromNothing } = given;
  const lab = await labNodeHere(node, given.lab);
  const metadata = given.metadata ?? lab?.metadata;
  const options: ReplayOptions = { ...given, ...(metadata !== undefined && { metadata }) };
  const message = await messageFor(options);
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
  if (!elsewhere) return replayHere(message, options, lab?.labId ?? process.env['PLUMB_LAB_ID']);
  // The command inside has the view as a file: whether the log is the node's own can only be asked here.
  const known = await knownPast(lab.stateDir, node);
  const refused =
    (await ownerRefusal(lab.stateDir)) ?? (await whyRefused(message, { bound: null, known }, hashAtOf(options)));
  process.exitCode = await lab.replayInside(message, flagsOf({ ...options, ...(refused !== null && { refused }) }));
}

/** Most machines that are replayed have no lab, and load nothing for it. */
const labNodeHere = async (host: string, name: string): Promise<LabNode | null> =>
  canSeeLab(labFolder(name)) ? (await import('../replay/lab-node.js')).labNode(host, name) : null;

/** The options for the command that runs inside the node. */
const flagsOf = ({
  dryRun,
  yes,
  refused,
  ovsdb,
  runDir,
  datapath,
  firewall,
  foreignPorts,
  metadata,
  dnsDomain,
  dnsResolvers,
}: ReplayOptions): string[] => [
  ...(dryRun ? ['--dry-run'] : []),
  ...(yes ? ['--yes'] : []),
  ...(refused === undefined ? [] : ['--refused', refused]),
  ...['--ovsdb', ovsdb, '--run-dir', runDir, '--datapath', datapath, '--firewall', firewall],
  ...['--foreign-ports', foreignPorts],
  ...(metadata === undefined ? [] : ['--metadata', metadata]),
  ...(dnsDomain === undefined ? [] : ['--dns-domain', dnsDomain]),
  ...(dnsResolvers === undefined ? [] : ['--dns-resolvers', dnsResolvers]),
];

async function replayHere(message: FeedMessage, options: ReplayOptions, labId: string | undefined): Promise<void> {
  const view = viewOf(message);
  const what = `${options.node} at position ${view.position} of log ${view.log}`;
  const refused = options.fromNothing ? null : await refusalHere(message, options);
  if (options.dryRun) {
    console.log(`# ${what}`);
    if (refused !== null) console.log(`# its agents would refuse this: ${refused}`);
    const commands = await printTo((command) => console.log(command), view, options, labId);
    console.error(commands === 0 ? `${what}: nothing to do` : `${what}: ${commands} commands would run`);
    return;
  }
  if (refused !== null && !options.yes) {
    const commands: string[] = [];
    await printTo((command) => commands.push(command), view, options, labId);
    for (const line of removals(commands)) console.log(`# would be removed: ${line}`);
    throw new Error(
      'nothing was changed ("--dry-run" shows what it would run, "plumb node rebind" makes the node follow another log, ' +
        `and --yes does this one replay all the same), because the agents of this node would refuse this: ${refused}`,
    );
  }
  const { applied, failed } = await rebuild(view, accessOf(options));
  for (const { key, reason } of failed) console.error(`${key}: ${reason}`);
  console.log(applied === 0 ? `${what}: the node was right already` : `${what}: done, ${applied} steps`);
  if (failed.length > 0) process.exitCode = 1;
}

const printTo = (
  print: (command: string) => void,
  view: HostView,
  options: ReplayOptions,
  lab: string | undefined,
): Promise<number> =>
  printRebuild(view, {
    lab,
    print,
    access: options.fromNothing ? null : accessOf(options),
    ...settingsOf(options),
    runDir: options.runDir,
  });

async function refusalHere(message: FeedMessage, options: ReplayOptions): Promise<string | null> {
  if (options.refused !== undefined) return options.refused;
  const notOwner = await ownerRefusal(options.stateDir);
  if (notOwner !== null) return notOwner;
  const [bound, known] = await Promise.all([logOfNode(options.ovsdb), knownPast(options.stateDir, options.node)]);
  return whyRefused(message, { bound, known }, hashAtOf(options));
}

/** Asks where the view came from. */
function hashAtOf(options: ReplayOptions): HashAt {
  const { view, database } = options;
  return async (at) => {
    if (view !== undefined) return 'unknown';
    if (database !== undefined) return (await databaseView()).hashFromDatabase(database, at);
    return messageFor({ ...options, at }).then(
      ({ hash }) => hash,
      (error: unknown) => {
        if (error instanceof NoSuchView) return null;
        throw error;
      },
    );
  };
}

const databaseView = () => import('../replay/database-view.js');

async function messageFor(options: ReplayOptions): Promise<FeedMessage> {
  if (options.view !== undefined) return viewFromFile(options.view);
  if (options.database !== undefined)
    return (await databaseView()).viewFromDatabase(options.database, options.node, options.at);
  const { url, token } = await apiSource(options);
  return viewFromApi(url, options.node, token, options.at);
}

function position(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a position is a whole number, 0 or more');
  return value;
}
