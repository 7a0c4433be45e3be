/**
 * The DHCP agent's part of a replay: none. What it makes is made by the agent itself from the same view; it would need the agent's settings and the right to see
 * other users' processes, which a replay does not have everywhere.
 */
import { NOTHING_DONE, type ReplayPart } from '../node-agent.js';

const nothing = { converge: async () => NOTHING_DONE, close: () => undefined };

export const dhcpReplay: ReplayPart = { open: () => nothing, openPrinting: () => nothing };
