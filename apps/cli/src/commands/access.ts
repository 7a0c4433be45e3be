/** Options that say how a command reaches the switch of the node it runs on. The agents' environment variables give the defaults. */
import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { FIREWALLS } from '@plumbline/contracts';
import { DEFAULT_FIREWALL, type NodeAccess } from '@plumbline/node-agents';

export type AccessOptions = Readonly<{
  ovsdb: string;
  runDir: string;
  datapath: NodeAccess['datapathType'];
  firewall: NodeAccess['firewall'];
  foreignPorts: string;
}>;

export function addAccessOptions(command: Command): Command {
  const datapath = process.env['PLUMB_DATAPATH_TYPE'] ?? (existsSync('/sys/module/openvswitch') ? 'system' : 'netdev');
  return command
    .option(
      '--ovsdb <remote>',
      "the node's Open vSwitch database",
      process.env['PLUMB_OVSDB'] ?? 'unix:/run/openvswitch/db.sock',
    )
    .option('--run-dir <directory>', "Open vSwitch's run directory", '/run/openvswitch')
    .option('--datapath <type>', 'netdev or system', datapath)
    .addOption(
      new Option('--firewall <driver>', 'how the node enforces security groups')
        .choices(FIREWALLS)
        .default(process.env['PLUMB_FIREWALL'] ?? DEFAULT_FIREWALL),
    )
    .option('--foreign-ports <names>', "the operator's own ports of br-int", process.env['PLUMB_FOREIGN_PORTS'] ?? '');
}

/** What the switch is to be made by, apart from the log. */
export const switchOf = ({ datapath, firewall, foreignPorts }: AccessOptions) => ({
  datapathType: datapath,
  firewall,
  foreignPorts: foreignPorts.split(',').filter(Boolean),
});

export const accessOf = (options: AccessOptions): NodeAccess => ({
  ovsdb: options.ovsdb,
  ...switchOf(options),
  runDir: options.runDir,
});
