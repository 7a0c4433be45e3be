/** Options that say how a command reaches the switch of the node it runs on. The agents' environment variables give the defaults. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { NodeAccess } from '@plumbline/node-agents';

export type AccessOptions = Readonly<{ ovsdb: string; runDir: string; datapath: NodeAccess['datapathType'] }>;

export function addAccessOptions(command: Command): Command {
  const datapath = process.env['PLUMB_DATAPATH_TYPE'] ?? (existsSync('/sys/module/openvswitch') ? 'system' : 'netdev');
  return command
    .option(
      '--ovsdb <remote>',
      "the node's Open vSwitch database",
      process.env['PLUMB_OVSDB'] ?? 'unix:/run/openvswitch/db.sock',
    )
    .option('--run-dir <directory>', "Open vSwitch's run directory", '/run/openvswitch')
    .option('--datapath <type>', 'netdev or system', datapath);
}

export const accessOf = (options: AccessOptions): NodeAccess => ({
  ovsdb: options.ovsdb,
  datapathType: options.datapath,
  runDir: options.runDir,
});
