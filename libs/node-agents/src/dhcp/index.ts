import type { NodeAgent } from '../node-agent.js';
import { dhcpLooks } from './answers.js';
import { makeDhcpBackend } from './backend.js';
import { dhcpReplay } from './replay.js';
import { dhcpSettings } from './settings.js';

export const DHCP_AGENT = {
  kind: 'dhcp',
  settings: dhcpSettings,
  makeBackend: makeDhcpBackend,
  replay: dhcpReplay,
  looks: dhcpLooks,
} as const satisfies NodeAgent<typeof dhcpSettings>;
