/** Prints the agents of a node, one a line, as "<app> <health port>". Argument: `network-node` (every kind of agent that nodes run by default) or `compute-node`. */
import { AGENT_KINDS, AGENTS } from '@plumbline/contracts';

const [role] = process.argv.slice(2);
if (role !== 'network-node' && role !== 'compute-node') {
  console.error(`PLUMB_ROLE is network-node or compute-node, not "${role ?? ''}"`);
  process.exit(1);
}
for (const kind of AGENT_KINDS) {
  const { app, healthPort, runsOn, byDefault } = AGENTS[kind];
  if (!byDefault) continue;
  if (role === 'network-node' || runsOn === 'every-node') console.log(`${app} ${healthPort}`);
}
