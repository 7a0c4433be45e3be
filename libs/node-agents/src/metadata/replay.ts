/** The metadata agent's part of a replay: none. Who asks is found in the view, and the proxy is a program that the agent itself keeps running. */
import { NOTHING_DONE, type ReplayPart } from '../node-agent.js';

const nothing = { converge: async () => NOTHING_DONE, close: () => undefined };

export const metadataReplay: ReplayPart = { open: () => nothing, openPrinting: () => nothing };
