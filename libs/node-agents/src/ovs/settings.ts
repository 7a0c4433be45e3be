/** Settings of the OVS agent: what its node is. */
import { BR_INT, isFlowPort, type OvsNodeConfig } from '@plumbline/ovs-core';
import type { CopyLimit } from '@plumbline/ovs-driver';
import type { Settings } from '@plumbline/agent-runtime';
import { DEFAULT_FIREWALL, FIREWALLS, IpAddress } from '@plumbline/contracts';
import { z } from 'zod';
import { switchSettings } from '../switch-settings.js';
import { type Mappings, parseMappings } from './mappings.js';

const mappings = z.string().transform((text, context): Mappings => {
  const { mappings: found, faults } = parseMappings(text);
  for (const message of faults) context.addIssue({ code: 'custom', message });
  return found;
});

/** Names of interfaces, as flows have them. */
const ports = z.string().transform((text, context): string[] => {
  const names = text
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
  for (const name of names)
    if (!isFlowPort(name) || name === BR_INT)
      context.addIssue({ code: 'custom', message: `'${name}' is no name of a port that a flow can have` });
  return [...new Set(names)].sort();
});

export const ovsSettings = {
  ...switchSettings,
  PLUMB_TUNNEL_IP: IpAddress.optional(),
  PLUMB_BRIDGE_MAPPINGS: mappings.prefault(''),
  PLUMB_DATAPATH_TYPE: z.enum(['system', 'netdev']).default('system'),
  PLUMB_FIREWALL: z.enum(FIREWALLS).default(DEFAULT_FIREWALL),
  PLUMB_FOREIGN_PORTS: ports.prefault(''),
  PLUMB_LOGGED_PACKETS_PER_SECOND: z.coerce.number().int().min(1).max(100_000).default(100),
  PLUMB_LOGGED_PACKETS_BURST: z.coerce.number().int().min(1).max(100_000).default(25),
};

/** How many packets a second, and at once, the switch tells the agent of where logs of the API ask for them. */
export const copyLimit = (settings: Settings<typeof ovsSettings>): CopyLimit => ({
  packetsPerSecond: settings.PLUMB_LOGGED_PACKETS_PER_SECOND,
  burstPackets: settings.PLUMB_LOGGED_PACKETS_BURST,
});

/** What its switch is to be made by. */
export const nodeConfig = (settings: Settings<typeof ovsSettings>): OvsNodeConfig => ({
  ...factsOf(settings),
  firewall: settings.PLUMB_FIREWALL,
  foreignPorts: settings.PLUMB_FOREIGN_PORTS,
});

/** What the agent reports about its node. */
export const factsOf = (settings: Settings<typeof ovsSettings>): OvsNodeConfig => ({
  tunnelIp: settings.PLUMB_TUNNEL_IP ?? null,
  bridgeMappings: settings.PLUMB_BRIDGE_MAPPINGS,
  datapathType: settings.PLUMB_DATAPATH_TYPE,
});
