import type { NodeAgent } from '../node-agent.js';
import { metadataLooks } from './answers.js';
import { makeMetadataBackend } from './backend.js';
import { metadataReplay } from './replay.js';
import { metadataAgentSettings } from './settings.js';

export const METADATA_AGENT = {
  kind: 'metadata',
  settings: metadataAgentSettings,
  hearsInstances: true,
  makeBackend: makeMetadataBackend,
  replay: metadataReplay,
  looks: metadataLooks,
} as const satisfies NodeAgent<typeof metadataAgentSettings>;
