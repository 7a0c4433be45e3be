/** Whose processes are whose on a machine that several agents share, of several nodes too, as in a lab. */
import { createHash } from 'node:crypto';

/** As long as a name of a process may be. */
const MOST = 100;

/**
 * The owner of an agent's processes (NodeProcessesOptions): `l3-net1`, in a lab with its id. Equal arguments, equal owner; different ones, different owners. `host`: any
 * text, of which what cannot be in a name is written otherwise.
 */
export function ownerOf(agent: string, host: string, lab?: string): string {
  const text = [agent, host, ...(lab ? [lab] : [])]
    .map((each) => each.replace(/[^a-z0-9.]/g, (char) => `_${char.codePointAt(0)?.toString(16)}_`))
    .join('-');
  if (text.length <= MOST) return text;
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `${text.slice(0, MOST - 17)}-${digest}`;
}
