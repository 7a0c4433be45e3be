/** `plumb node add` makes a NATS login for a node. `plumb node rebind` makes a node that is bound to another log follow this one. */
import path from 'node:path';
import type { Command } from 'commander';
import { tokenFromEnvironment } from '@plumbline/identity';
import { nodeFacts, printRebuild } from '@plumbline/node-agents';
import { addNode } from '../node/controller-dir.js';
import { bindTo, logOfNode, removals, withThisNode, type NodeFacts } from '../node/rebind.js';
import { viewFromApi, viewFromFile, viewOf } from '../replay/view-source.js';
import { addAccessOptions, accessOf, type AccessOptions } from './access.js';

export function addNodeCommands(program: Command): void {
  const node = program.command('node').description('nodes and their logins');
  node
    .command('add <host>')
    .description('make a NATS login for the agents of this node and of no other; repeated, it changes nothing')
    .option('--dir <folder>', "the controller's logins and nats-server configuration", '/etc/plumbline')
    .option('--listen <address:port>', 'where nats-server shall listen (default: as before; at first 0.0.0.0:4222)')
    .action(add);
  addAccessOptions(
    node
      .command('rebind <host>')
      .description('on the node: show what following this log would change, and with --yes follow it'),
  )
    .option('--api <url>', 'the API of the log to follow', process.env['PLUMB_API'] ?? 'http://127.0.0.1:9696')
    .option('--view <file>', 'its view of this host, saved by "plumb replay --save" ("-": standard input)')
    .option('--state-dir <folder>', "the agents' snapshots", process.env['PLUMB_STATE_DIR'] ?? '/var/lib/plumbline')
    .option('--yes', 'follow that log now')
    .action(rebind);
}

function add(host: string, options: { dir: string; listen?: string }): void {
  const added = addNode(path.resolve(options.dir), host, options.listen);
  console.log(`${added.made ? 'made' : 'kept'} the login of ${host}

nats-server runs with ${added.configFile} (send it SIGHUP after a new login, restart it after a change of --listen); if you write the configuration of your nats-server yourself, add this user to it:

${added.block}

The API gets NATS_NKEY_FILE=${added.apiSeedFile}.
Copy ${added.seedFile} to ${host}, readable by root alone, and start its agents with:

PLUMB_HOST=${host}
NATS_URL=nats://<the controller's address>:${added.listen.split(':').at(-1)}
NATS_NKEY_FILE=<where the seed was copied to>
PLUMB_TUNNEL_IP=<this node's address on the tunnel network>
PLUMB_BRIDGE_MAPPINGS=<physical network>:<bridge>`);
}

async function rebind(
  host: string,
  options: AccessOptions & { api: string; view?: string; stateDir: string; yes?: boolean },
): Promise<void> {
  const message =
    options.view === undefined
      ? await viewFromApi(options.api, host, () => tokenFromEnvironment())
      : await viewFromFile(options.view);
  if (message.host !== host) throw new Error(`the view is of node ${message.host}, not of ${host}`);
  const view = await withThisNode(viewOf(message), () => factsFromEnvironment(host));
  const bound = await logOfNode(options.ovsdb);
  if (bound === message.log) {
    console.log(`${host} is bound to log ${message.log} already`);
    return;
  }
  const commands: string[] = [];
  await printRebuild(view, {
    print: (command) => commands.push(command),
    access: accessOf(options),
    datapathType: options.datapath,
    runDir: options.runDir,
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

/** What the agents of this node will report about it, read from the environment as they read it. */
function factsFromEnvironment(host: string): NodeFacts {
  const { PLUMB_TUNNEL_IP, PLUMB_BRIDGE_MAPPINGS } = process.env;
  if (PLUMB_TUNNEL_IP === undefined && PLUMB_BRIDGE_MAPPINGS === undefined)
    throw new Error(
      `that log does not know ${host} yet, and PLUMB_TUNNEL_IP and PLUMB_BRIDGE_MAPPINGS do not say what it is: load the agents' environment first (set -a; . /etc/plumbline/node.env; set +a)`,
    );
  return nodeFacts({ PLUMB_TUNNEL_IP, PLUMB_BRIDGE_MAPPINGS });
}
