/** Commands that are run on a node and change its switch: `plumb node uplink`, `map` and `unmap`. */
import type { Command } from 'commander';
import { mappingsText, type Mappings } from '@plumbline/node-agents';
import { mappingsNow, mapTo } from '../node/mapping.js';
import { addUplink, lookAround, planUplink, sessionOf } from '../node/uplink.js';
import { withSwitch } from '../node/with-switch.js';
import { addDatapathOption, addSwitchOption } from './access.js';

type UplinkOptions = Readonly<{ ovsdb: string; datapath: string; yes?: boolean; dryRun?: boolean }>;
type SwitchOptions = Readonly<{ ovsdb: string }>;

export function addNodeSwitchCommands(node: Command): void {
  addDatapathOption(addSwitchOption(node.command('uplink <bridge> <interface>')))
    .description(
      'on the node: make an interface the uplink of a provider bridge, which is made if it is not there and keeps its ports if it is',
    )
    .option('--dry-run', 'only say what would happen')
    .option('--yes', 'also when it bears the default route, your own session or an address of this machine')
    .action(uplink);
  addSwitchOption(node.command('map [network] [bridge]'))
    .description(
      'on the node: show the bridge mappings, or map a physical network to a bridge; the OVS agent takes it while it runs',
    )
    .action(async (network: string | undefined, bridge: string | undefined, { ovsdb }: SwitchOptions) => {
      if (network !== undefined && bridge === undefined) throw new Error(`map ${network} to which bridge?`);
      await withSwitch(ovsdb, async (mirror) => {
        if (network === undefined) {
          const { mappings, from } = mappingsNow(mirror, SETTINGS());
          return show(mappings, from === 'switch' ? "as set in the switch's record" : 'as PLUMB_BRIDGE_MAPPINGS says');
        }
        show(await mapTo(mirror, SETTINGS(), network, bridge ?? ''), SET);
      });
    });
  addSwitchOption(node.command('unmap <network>'))
    .description('on the node: map a physical network to no bridge any more')
    .action(async (network: string, { ovsdb }: SwitchOptions) => {
      await withSwitch(ovsdb, async (mirror) => show(await mapTo(mirror, SETTINGS(), network, null), SET));
    });
}

const SETTINGS = (): string | undefined => process.env['PLUMB_BRIDGE_MAPPINGS'];
const SET =
  "set in the switch's record: the OVS agent takes it at once, and PLUMB_BRIDGE_MAPPINGS is not used while it is there; what this node was not admitted to is shown and not used";

const show = (mappings: Mappings, how: string): void =>
  console.log(`${mappingsText(mappings) || 'no physical network is mapped'}   (${how})`);

async function uplink(bridge: string, device: string, options: UplinkOptions): Promise<void> {
  await withSwitch(options.ovsdb, async (mirror) => {
    const asked = { bridge, uplink: device, datapathType: options.datapath };
    const plan = planUplink(asked, await lookAround(mirror, sessionOf(process.env)));
    for (const line of plan.lines) console.log(line);
    for (const danger of plan.dangers) console.log(`WARNING: ${device}: ${danger}`);
    if (options.dryRun) return console.log('nothing was changed (--dry-run)');
    if (plan.dangers.length > 0 && !options.yes)
      throw new Error(
        `nothing was changed: an interface that becomes a port of a bridge does not answer at its own addresses any more. Use another interface, or, from the machine's console, repeat with --yes`,
      );
    await addUplink(mirror, asked, plan);
    console.log(
      plan.addsPort
        ? `done; your network configuration must set ${device} up after a reboot, with ARP off and without an address`
        : 'nothing was changed: it is so already',
    );
  });
}
