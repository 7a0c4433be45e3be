/**
 * Imported first by an agent's main: a node has many tenants, and an agent holds little. Young objects get 1 MB and code is kept small; at rest that is some
 * 18 MB less, and no hot path of an agent is computation. Flags set after the start hold for what is allocated later, hence first.
 */
import { setFlagsFromString } from 'node:v8';

for (const flag of ['--max-semi-space-size=1', '--semi-space-growth-factor=1', '--optimize-for-size'])
  setFlagsFromString(flag);
