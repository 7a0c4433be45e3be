import type { NodeAgent } from '../node-agent.js';
import { l3Looks } from './answers.js';
import { makeL3Backend } from './backend.js';
import { l3Replay } from './replay.js';
import { l3Settings } from './settings.js';

export const L3_AGENT = {
  kind: 'l3',
  settings: l3Settings,
  makeBackend: makeL3Backend,
  replay: l3Replay,
  looks: l3Looks,
} as const satisfies NodeAgent<typeof l3Settings>;
