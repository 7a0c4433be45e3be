/** Settings of the OVS agent: what its node is. */
import type { OvsNodeConfig } from '@plumbline/ovs-core';
import type { Settings } from '@plumbline/agent-runtime';
import { IpAddress, LinkName, PhysicalNetwork } from '@plumbline/contracts';
import { z } from 'zod';
import { switchSettings } from '../switch-settings.js';

const mappings = z.string().transform((text, context): Record<string, string> => {
  const found: Record<string, string> = {};
  for (const part of text
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean)) {
    const [network = '', bridge = '', ...rest] = part.split(':');
    const good = PhysicalNetwork.safeParse(network).success && LinkName.safeParse(bridge).success && rest.length === 0;
    const repeated = Object.hasOwn(found, network) || Object.values(found).includes(bridge);
    if (!good || repeated)
      context.addIssue({
        code: 'custom',
        message: repeated
          ? `'${part}': each physical network has a bridge of its own`
          : `'${part}' is not physical-network:bridge, for example physnet1:br-ex`,
      });
    else found[network] = bridge;
  }
  return found;
});

export const ovsSettings = {
  ...switchSettings,
  PLUMB_TUNNEL_IP: IpAddress.optional(),
  PLUMB_BRIDGE_MAPPINGS: mappings.prefault(''),
  PLUMB_DATAPATH_TYPE: z.enum(['system', 'netdev']).default('system'),
};

/** What the agent reports about its node. */
export const factsOf = (settings: Settings<typeof ovsSettings>): OvsNodeConfig => ({
  tunnelIp: settings.PLUMB_TUNNEL_IP ?? null,
  bridgeMappings: settings.PLUMB_BRIDGE_MAPPINGS,
  datapathType: settings.PLUMB_DATAPATH_TYPE,
});
