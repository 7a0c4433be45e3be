/**
 * V8 flags that keep an agent's memory small. An agent's main imports this first, because flags set later do not hold for what is loaded already: the node's
 * memory is for its tenants, and an agent holds little.
 *
 * - `--optimize-for-size` keeps code and old objects small: some 18 MB less at rest, and on a busy node 100 MB less.
 * - A young space of 1 MB that does not grow, unless whoever starts the agent set a limit (`--max-semi-space-size`, in NODE_OPTIONS). A limit cannot be set
 *   once V8 runs, and without one each half of the young space grows to 16 MB while modules load, and stays so. The units, the lab and the containers set
 *   4 MB: it is collected a third as often under load, and V8 shrinks it at rest.
 * - One thread collects the young space: that takes less time than to wake other threads.
 */
import { setFlagsFromString } from 'node:v8';

const given = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ');
setFlagsFromString('--optimize-for-size');
setFlagsFromString('--no-parallel-scavenge');
if (!given.includes('--max-semi-space-size=')) setFlagsFromString('--semi-space-growth-factor=1');
