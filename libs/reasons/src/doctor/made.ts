/** Which event made it so: the last one of a stream that a finding's declaration fits. */
import type { Recorded } from '@plumbline/contracts';
import type { Made } from './check.js';

/** What an event says: its data, and what a change of attributes sets. */
function saidBy(data: unknown): Readonly<Record<string, unknown>> {
  const said = data as Readonly<Record<string, unknown>>;
  return { ...said, ...(said['set'] as object | undefined) };
}

export function madeBy<E extends Readonly<{ event: Readonly<{ type: string; data: unknown }> }> = Recorded>(
  { types, data = {} }: Made,
  stream: readonly E[],
): E | undefined {
  const isIt = ({ event }: E): boolean => {
    const said = saidBy(event.data);
    return (
      types.some((each) => each === event.type) && Object.entries(data).every(([name, value]) => said[name] === value)
    );
  };
  return stream.filter(isIt).at(-1);
}
