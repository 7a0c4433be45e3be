import type { NodeAgent } from '../node-agent.js';
import { makeOvsHands } from './hands.js';
import { ovsReplay } from './replay.js';
import { ovsSettings } from './settings.js';

export const OVS_AGENT = {
  kind: 'ovs',
  settings: ovsSettings,
  makeHands: makeOvsHands,
  replay: ovsReplay,
} as const satisfies NodeAgent<typeof ovsSettings>;
