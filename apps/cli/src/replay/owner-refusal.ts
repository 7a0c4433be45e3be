/** Whether the agents of this machine were told that another machine owns its host's name: then a replay must not make the node either. */
import path from 'node:path';
import { AGENT_KINDS } from '@plumbline/contracts';
import { OwnerFile } from '@plumbline/agent-runtime';

/** Why, as the agents keep it in their state folder; null: they were not refused, or have not run here. Reads only. */
export async function ownerRefusal(stateDir: string): Promise<string | null> {
  for (const kind of AGENT_KINDS) {
    const status = await new OwnerFile(path.join(stateDir, `${kind}.owner`)).load();
    if (status?.refused) return `${status.refused}.`;
  }
  return null;
}
