/** How every agent answers looks at its node (contracts, looks.ts): what it takes is the switch's database and a runner, which each of them has. */
import type { Answers } from '@plumbline/agent-runtime';
import type { LookName } from '@plumbline/contracts';
import type { Spawner } from '@plumbline/exec';
import type { OvsdbMirror } from '@plumbline/ovsdb';
import { flows } from './flows.js';
import { namespace } from './namespace.js';
import { path, probe } from './probe.js';
import { routing } from './routing.js';
import { switching } from './switching.js';
import { wiring } from './wiring.js';

const RUN_DIR = '/run/openvswitch';

/** `opened`: rejects while the switch's database does not answer. */
export const looksAt = (
  runner: Spawner,
  opened: () => Promise<Readonly<{ mirror: OvsdbMirror }>>,
): Answers<LookName> => ({
  wiring: async (params) => wiring(runner, (await opened()).mirror, RUN_DIR, params),
  flows: (params) => flows(runner, RUN_DIR, params),
  namespace: (params) => namespace(runner, params),
  probe: async (params) => probe(runner, (await opened()).mirror, params),
  path: (params) => path(runner, params),
  switching: async (params, { signal }) => switching((await opened()).mirror, RUN_DIR, params, signal),
  routing: (params) => routing(runner, params),
});
