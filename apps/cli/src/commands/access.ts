/** Options that say how a command reaches the switch of the node it runs on. The agents' environment variables give the defaults. */
import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { DEFAULT_FIREWALL, FIREWALLS, METADATA_ANSWERERS } from '@plumbline/contracts/settings';
import type { NodeAccess } from '@plumbline/node-agents';

export type AccessOptions = Readonly<{
  ovsdb: string;
  runDir: string;
  datapath: NodeAccess['datapathType'];
  firewall: NodeAccess['firewall'];
  foreignPorts: string;
  metadata?: string;
  dnsDomain?: string;
  dnsResolvers?: string;
}>;

/** How the node's switch is reached. */
export const addSwitchOption = (command: Command): Command =>
  command.option(
    '--ovsdb <remote>',
    "the node's Open vSwitch database",
    process.env['PLUMB_OVSDB'] ?? 'unix:/run/openvswitch/db.sock',
  );

/** What the switch's bridges are made by. */
export const addDatapathOption = (command: Command): Command =>
  command.option(
    '--datapath <type>',
    'netdev or system',
    process.env['PLUMB_DATAPATH_TYPE'] ?? (existsSync('/sys/module/openvswitch') ? 'system' : 'netdev'),
  );

export function addAccessOptions(command: Command): Command {
  return addDatapathOption(addSwitchOption(command))
    .option('--run-dir <directory>', "Open vSwitch's run directory", '/run/openvswitch')
    .addOption(
      new Option('--firewall <driver>', 'how the node enforces security groups')
        .choices(FIREWALLS)
        .default(process.env['PLUMB_FIREWALL'] ?? DEFAULT_FIREWALL),
    )
    .option('--foreign-ports <names>', "the operator's own ports of br-int", process.env['PLUMB_FOREIGN_PORTS'] ?? '')
    .addOption(
      new Option(
        '--metadata <backend>',
        'who answers guests that ask for metadata (default: PLUMB_METADATA, or off)',
      ).choices(METADATA_ANSWERERS),
    )
    .option('--dns-domain <domain>', 'what names end with that DHCP tells', process.env['PLUMB_DNS_DOMAIN'])
    .option(
      '--dns-resolvers <addresses>',
      "whom DHCP's name servers ask for other names (default: whom this machine asks)",
      process.env['PLUMB_DNS_RESOLVERS'],
    );
}
