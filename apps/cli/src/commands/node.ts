/** `plumb node add`: a NATS login for a node. `plumb node rebind`: makes a node that is bound to another log follow this one. */
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { OvsdbClient, OvsdbMirror, unsetRootKeys } from '@plumbline/ovsdb';
import { addNode } from '../node/controller-dir.js';
import { printRebuild } from '../replay/rebuild.js';
import { viewFromApi, viewFromFile, viewOf } from '../replay/view-source.js';
import { addAccessOptions, accessOf, type AccessOptions } from './access.js';

/** `external_ids` key of the switch's root row that says which log the node is bound to. */
const LOG_KEY = 'plumb-log';

export function addNodeCommands(program: Command): void {
  const node = program.command('node').description('nodes and their logins');
  node
    .command('add <host>')
    .description('make a NATS login that may speak for this node and no other; repeated, it changes nothing')
    .option('--dir <folder>', "the controller's logins and nats-server configuration", '/etc/plumbline')
    .option('--listen <address:port>', 'where nats-server shall listen', '0.0.0.0:4222')
    .action(add);
  addAccessOptions(
    node
      .command('rebind <host>')
      .description('on the node: show what following this log would change, and with --yes follow it'),
  )
    .option('--api <url>', 'the API of the log to follow', process.env['PLUMB_API'] ?? 'http://127.0.0.1:9696')
    .option('--view <file>', 'its view of this host, saved by "plumb replay --save" ("-": standard input)')
    .option('--state-dir <folder>', "the agents' snapshots", process.env['PLUMB_STATE_DIR'] ?? '/var/lib/plumbline')
    .option('--yes', 'go on')
    .action(rebind);
}

function add(host: string, options: { dir: string; listen: string }): void {
  const added = addNode(path.resolve(options.dir), host, options.listen);
  console.log(`${added.made ? 'made' : 'kept'} the login of ${host}

nats-server runs with ${added.configFile} (send it SIGHUP after a change); a server whose configuration is not ours gets this user instead:

${added.block}

The API gets NATS_NKEY_FILE=${added.apiSeedFile}.
Copy ${added.seedFile} to ${host}, readable by root alone, and start its agents with:

PLUMB_HOST=${host}
NATS_URL=nats://<the controller's address>:${options.listen.split(':').at(-1)}
NATS_NKEY_FILE=<where the seed was copied to>
PLUMB_TUNNEL_IP=<this node's address on the tunnel network>
PLUMB_BRIDGE_MAPPINGS=<physical network>:<bridge>`);
}

async function rebind(
  host: string,
  options: AccessOptions & { api: string; view?: string; stateDir: string; yes?: boolean },
): Promise<void> {
  const message = options.view === undefined ? await viewFromApi(options.api, host) : await viewFromFile(options.view);
  const view = viewOf(message);
  console.log(`# what following log ${view.log} at position ${view.position} would run on ${host}:`);
  const commands = await printRebuild(view, {
    print: (command) => console.log(command),
    access: accessOf(options),
    datapathType: options.datapath,
    runDir: options.runDir,
  });
  if (commands === 0) console.log('# nothing: the node is what this log says');
  if (!options.yes) {
    console.error('nothing was changed; read the lines above, stop the agents of this node, and repeat with --yes');
    return;
  }
  const client = await OvsdbClient.connect(options.ovsdb);
  try {
    const mirror = await OvsdbMirror.open(client);
    await mirror.commit(unsetRootKeys('external_ids', [LOG_KEY]), { wait: false });
    mirror.close();
  } finally {
    client.close();
  }
  for (const kind of ['ovs', 'l3']) {
    const snapshot = path.join(options.stateDir, `${kind}.snapshot`);
    if (existsSync(snapshot)) rmSync(snapshot);
  }
  console.log(`${host} is bound to no log now; its agents follow log ${view.log} when they start`);
}
