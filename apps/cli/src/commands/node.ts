/**
 * `plumb node add` says what a node may do and makes its NATS login, `rekey` and `remove` replace and remove the login; `show` and `release` say and decide which machine owns a host's name;
 * `rebind` makes a node that is bound to another log follow this one.
 */
import path from 'node:path';
import type { Command } from 'commander';
import { admitInDatabase } from '@plumbline/ledger';
import { nodeFacts, printRebuild } from '@plumbline/node-agents';
import { faultOfHost, NODE_ROLES } from '@plumbline/contracts';
import { addNode, rekeyNode, removeLogin, useTls } from '../node/controller-dir.js';
import { type Admission, admissionText, linesOf, NodesApi } from '../node/nodes-api.js';
import { ownerRefusal } from '../replay/owner-refusal.js';
import { mappingsNow } from '../node/mapping.js';
import { withSwitch } from '../node/with-switch.js';
import { bindTo, logOfNode, removals, withThisNode, type NodeFacts } from '../node/rebind.js';
import { viewFromApi, viewFromFile, viewOf } from '../replay/view-source.js';
import { databaseUrl, inWords } from './database-url.js';
import { addAccessOptions, type AccessOptions } from './access.js';
import { accessOf, settingsOf } from './access-of.js';
import { addNodeSwitchCommands } from './node-switch.js';
import { addApiOptions, apiSource, type ApiOptions } from './source.js';

export function addNodeCommands(program: Command): void {
  const node = program.command('node').description('nodes and their logins');
  admitting(
    node
      .command('add <host>')
      .description(
        'say what this node may do, in the log, and make a NATS login for its agents and no others; repeated, it changes nothing',
      ),
  )
    .option('--dir <folder>', DIR.about, DIR.default)
    .option('--listen <address:port>', 'where nats-server shall listen (default: as before; at first 0.0.0.0:4222)')
    .option(
      '--name <name>',
      "a name or address by which nodes reach nats-server, beside this machine's own; may be repeated",
      (text: string, before: string[] = []) => [...before, ...listOf(text)],
    )
    .action(add);
  admitting(
    node.command('admit <host>').description('only say what this node may do; its NATS login is made elsewhere'),
  ).action(async (host: string, options: AdmissionOptions) => {
    console.log(`${host} is admitted as ${admissionText(await admit(host, options))}`);
  });
  addApiOptions(
    node
      .command('show [host]')
      .description('which machine owns the name of a node, which were refused, which agents report'),
  )
    .option('--json', 'for programs')
    .action(async (host: string | undefined, options: ApiOptions & { json?: boolean }) => {
      const found = host === undefined ? await (await apiOf(options)).all() : [await (await apiOf(options)).one(host)];
      console.log(
        options.json ? JSON.stringify(found, null, 2) : found.flatMap(linesOf).join('\n') || 'no node is known',
      );
    });
  addApiOptions(
    node
      .command('release <host>')
      .description("let another machine own this node's name: the one that reports next, or the one named"),
  )
    .option('--to <machine>', 'the identity of that machine, as "plumb node show" lists it under REFUSED')
    .action(async (host: string, options: ApiOptions & { to?: string }) => {
      await (await apiOf(options)).release(host, options.to ?? null);
      console.log(
        options.to === undefined
          ? `the name ${host} is free: the machine whose agent reports next owns it (stop the agents of the others first)`
          : `machine ${options.to} owns the name ${host} now`,
      );
    });
  addApiOptions(
    node
      .command('close <host>')
      .description(
        'end what was admitted: what is on the node stays, and nothing new comes to it, until "plumb node add"',
      ),
  ).action(async (host: string, options: ApiOptions) => {
    await (await apiOf(options)).endAdmission(host);
    console.log(`nothing new comes to ${host}; what is there stays until it is moved or deleted`);
  });
  addApiOptions(
    node
      .command('remove <host>')
      .description('take a node whose agents are stopped out of the log, and its login away'),
  )
    .option('--dir <folder>', DIR.about, DIR.default)
    .action(async (host: string, options: ApiOptions & { dir: string }) => {
      await (await apiOf(options)).remove(host);
      const { removed, configFile } = await removeLogin(path.resolve(options.dir), host);
      console.log(
        `${host} is out of the log${removed ? `, and has no login any more: send nats-server, which runs with ${configFile}, SIGHUP` : ''}`,
      );
    });
  node
    .command('rekey <host>')
    .description(
      "replace the node's login by a new one, and nats-server's certificate; the old seed opens nothing any more",
    )
    .option('--dir <folder>', DIR.about, DIR.default)
    .action(async (host: string, options: { dir: string }) => {
      const { seedFile, configFile, everyAgent } = await rekeyNode(path.resolve(options.dir), host);
      console.log(
        `made a new login of ${host}: copy ${seedFile} there, send nats-server, which runs with ${configFile}, SIGHUP, and restart the agents of ${host}`,
      );
      if (everyAgent)
        console.log(`it may speak for every kind of agent: say its roles with "plumb node add ${host} --role ..."`);
    });
  node
    .command('tls')
    .description(
      'make nats-server refuse who does not use TLS, for a folder that an older release made: copy ca.pem to the nodes and set NATS_CA_FILE there and for the API; then restart nats-server, API and agents',
    )
    .option('--dir <folder>', DIR.about, DIR.default)
    .action(async (options: { dir: string }) => {
      const { caFile, configFile } = await useTls(path.resolve(options.dir));
      console.log(
        caFile === null
          ? `nats-server listens on loopback alone (${configFile}): its connections stay plain`
          : `${configFile} requires TLS: set NATS_CA_FILE to ${caFile} for the API and to a copy of it on each node, then restart nats-server, the API and the agents; traffic goes on meanwhile`,
      );
    });
  addAccessOptions(
    addApiOptions(
      node
        .command('rebind <host>')
        .description('on the node: show what following the log of this API would change, and with --yes follow it'),
    ),
  )
    .option('--view <file>', 'its view of this host, saved by "plumb replay --save" ("-": standard input)')
    .option('--state-dir <folder>', "the agents' snapshots", process.env['PLUMB_STATE_DIR'] ?? '/var/lib/plumbline')
    .option('--yes', 'follow that log now')
    .action(rebind);
  addNodeSwitchCommands(node);
}

const DIR = { about: "the controller's logins and nats-server configuration", default: '/etc/plumbline' } as const;
type AdmissionOptions = ApiOptions & Readonly<{ role?: string[]; map?: string[]; database?: string }>;
type AddOptions = AdmissionOptions & Readonly<{ dir: string; listen?: string; name?: string[] }>;
const listOf = (text: string): string[] => text.split(',').map((each) => each.trim());
const admitting = (command: Command): Command =>
  addApiOptions(
    command
      .option('--role <roles>', `what it may be: ${NODE_ROLES.join(', ')}, or both with a comma`, listOf)
      .option(
        '--map <network[=bridge]>',
        'a physical network that it may map, if given to that bridge alone; may be repeated',
        (text: string, before: string[] = []) => [...before, ...listOf(text)],
      )
      .option('--database <url>', 'instead of the API: the database of its log, while no API runs', databaseUrl),
  );
const apiOf = async (options: ApiOptions): Promise<NodesApi> => {
  const { url, token } = await apiSource(options);
  return new NodesApi(url, token);
};

async function add(host: string, options: AddOptions): Promise<void> {
  // First: a login of a node that was not admitted would be of no use.
  const admission = await admit(host, options);
  const { listen, name: names } = options;
  const added = await addNode(path.resolve(options.dir), host, admission.roles, { listen, names });
  const older = `
It was made by an older release: its seed and its permissions stay as they are until "plumb node rekey ${host}".`;
  const ca = added.caFile === null ? '' : ` and NATS_CA_FILE=${added.caFile}`;
  const plain = `

Its connections are NOT encrypted, as in the release that made this folder: see "plumb node tls --help".`;
  console.log(`${host} is admitted as ${admissionText(admission)}
${added.made ? 'made' : 'kept'} the login of ${host}${added.everyAgent ? older : ''}${added.plain ? plain : ''}

nats-server runs with ${added.configFile} (send it SIGHUP after a new login, restart it after a change of --listen); if you write the configuration of your nats-server yourself, add this user to it:

${added.block}

The API gets NATS_NKEY_FILE=${added.apiSeedFile}${ca}.
Copy ${added.seedFile} to ${host}, readable by root alone${added.caFile === null ? '' : `, and ${added.caFile}`}, and start its agents with:

PLUMB_HOST=${host}
NATS_URL=nats://<the controller's address>:${added.listen.split(':').at(-1)}
NATS_NKEY_FILE=<where the seed was copied to>${added.caFile === null ? '' : '\nNATS_CA_FILE=<where ca.pem was copied to>'}
PLUMB_TUNNEL_IP=<this node's address on the tunnel network>
PLUMB_BRIDGE_MAPPINGS=<physical network>:<bridge>`);
}

async function admit(host: string, options: AdmissionOptions): Promise<Admission> {
  const fault = faultOfHost(host);
  if (fault !== null) throw new Error(`"${host}" cannot be a node's name: ${fault}`);
  const admission = await admissionOf(host, options);
  if (options.database === undefined) await (await apiOf(options)).admit(host, admission);
  else await admitInDatabase(options.database, { host, ...admission }).catch(inWords);
  return admission;
}

/** What is in the log already stays where nothing is said; a new node must be given a role. */
async function admissionOf(host: string, { role, map, ...options }: AdmissionOptions): Promise<Admission> {
  if (role !== undefined) {
    const pairs = (map ?? []).map((text) => text.split('=', 2) as [string, string?]);
    return {
      roles: role,
      physicalNetworks: pairs.map(([network]) => network),
      bridges: Object.fromEntries(
        pairs.flatMap(([network, bridge]) => (bridge === undefined ? [] : [[network, bridge]])),
      ),
    };
  }
  if (map !== undefined) throw new Error('--map belongs to a --role: together they replace what was said before');
  const said = options.database === undefined ? (await (await apiOf(options)).find(host))?.admission : null;
  if (said) return said;
  throw new Error(
    `what may ${host} do? Say it with --role ${NODE_ROLES.join(',')} or one of them, and --map for its physical networks`,
  );
}

async function rebind(
  host: string,
  options: AccessOptions & ApiOptions & { view?: string; stateDir: string; yes?: boolean },
): Promise<void> {
  const { url, token } = await apiSource(options);
  const message = options.view === undefined ? await viewFromApi(url, host, token) : await viewFromFile(options.view);
  if (message.host !== host) throw new Error(`the view is of node ${message.host}, not of ${host}`);
  const view = await withThisNode(viewOf(message), () => factsOfThisNode(host, options.ovsdb));
  const bound = await logOfNode(options.ovsdb);
  if (bound === message.log) {
    console.log(`${host} is bound to log ${message.log} already`);
    return;
  }
  const refused = await ownerRefusal(options.stateDir);
  if (refused !== null) throw new Error(`nothing was changed: ${refused}`);
  const commands: string[] = [];
  await printRebuild(view, {
    print: (command) => commands.push(command),
    access: accessOf(options),
    ...settingsOf(options),
    runDir: options.runDir,
    lab: process.env['PLUMB_LAB_ID'],
  });
  console.log(`# ${host} is bound to ${bound === null ? 'no log' : `log ${bound}`}`);
  for (const line of removals(commands)) console.log(`# would be removed: ${line}`);
  console.log(`# what following log ${message.log} at position ${message.position} would run:`);
  console.log(commands.length === 0 ? '# nothing: the node is what this log says' : commands.join('\n'));
  if (!options.yes) {
    console.error('nothing was changed; read the lines above, stop the agents of this node, and repeat with --yes');
    return;
  }
  await bindTo(message.log, options);
  console.log(`${host} is bound to log ${message.log} now; start its agents`);
}

/** What the agents of this node will report about it, read from the environment and from the switch as they read it. */
async function factsOfThisNode(host: string, ovsdb: string): Promise<NodeFacts> {
  const { PLUMB_TUNNEL_IP, PLUMB_BRIDGE_MAPPINGS } = process.env;
  if (PLUMB_TUNNEL_IP === undefined && PLUMB_BRIDGE_MAPPINGS === undefined)
    throw new Error(
      `that log does not know ${host} yet, and PLUMB_TUNNEL_IP and PLUMB_BRIDGE_MAPPINGS do not say what it is: load the agents' environment first (set -a; . /etc/plumbline/node.env; set +a)`,
    );
  const { mappings } = await withSwitch(ovsdb, async (mirror) => mappingsNow(mirror, PLUMB_BRIDGE_MAPPINGS ?? ''));
  return { ...nodeFacts({ PLUMB_TUNNEL_IP }), bridgeMappings: mappings };
}
