import type { NodeAgent } from '../node-agent.js';
import { switchSettings } from '../switch-settings.js';
import { makeL3Backend } from './backend.js';
import { l3Replay } from './replay.js';

export const L3_AGENT = {
  kind: 'l3',
  settings: switchSettings,
  makeBackend: makeL3Backend,
  replay: l3Replay,
} as const satisfies NodeAgent<typeof switchSettings>;
