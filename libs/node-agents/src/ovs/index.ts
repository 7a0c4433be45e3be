import type { NodeAgent } from '../node-agent.js';
import { ovsLooks } from './answers.js';
import { makeOvsBackend } from './backend.js';
import { ovsReplay } from './replay.js';
import { ovsSettings } from './settings.js';

export const OVS_AGENT = {
  kind: 'ovs',
  settings: ovsSettings,
  makeBackend: makeOvsBackend,
  replay: ovsReplay,
  looks: ovsLooks,
} as const satisfies NodeAgent<typeof ovsSettings>;
