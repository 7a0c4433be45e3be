/** Questions to nodes while the control plane is away: this node is asked directly, no other can be. */
import { QUESTIONS } from '@plumbline/contracts';
import type { LooksHere } from '@plumbline/node-agents';
import type { Heard, Wanted } from '@plumbline/reasons';
import type { HostView } from '@plumbline/topology';

/** Does not reject: who cannot answer is silent, and why is said. */
export async function heardHere(
  { host, question, params }: Wanted,
  view: HostView,
  { answers }: LooksHere,
): Promise<Heard> {
  if (host !== view.host || question === 'state')
    return { silent: `${host} cannot be asked: the control plane is away` };
  const { signal } = new AbortController();
  try {
    const given = QUESTIONS[question].params.parse(params) as never;
    return { answer: await answers[question](given, { view, signal }) };
  } catch (error) {
    return { silent: error instanceof Error ? error.message : String(error) };
  }
}
