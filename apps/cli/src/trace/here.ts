/**
 * `plumb trace` on a node whose control plane is away: by the view that its agents keep, and by what this node itself answers. On other nodes a packet's way is what the log
 * says; it is not known then whether it arrives. Events are named by their position alone: the log has the rest.
 */
import { looksHere, type NodeAccess } from '@plumbline/node-agents';
import { between, trace, type Trace, type TraceAsked, type Way, type WayTold } from '@plumbline/reasons';
import { type HostView, Topology } from '@plumbline/topology';
import { heardHere } from '../heard-here.js';

/** Rejects with BadEnd where the view has not what is named. */
export async function traceHere(view: HostView, access: NodeAccess, asked: TraceAsked): Promise<Trace> {
  const objects = Topology.of(view.objects.values(), view.position, []);
  const walk = trace(
    objects,
    between(objects, asked, () => true),
  );
  const looks = await looksHere(access);
  try {
    let step = walk.next();
    while (!step.done) step = walk.next(await heardHere(step.value, view, looks));
    const { from, to, there, back, unknown } = step.value;
    const others = `what other nodes and the log say: only ${view.host} was asked, by its part of the log up to ${view.position}`;
    return {
      ...{ from, to, position: view.position },
      ...{ there: withoutEvents(there), back: back && withoutEvents(back), unknown: [...unknown, others] },
    };
  } finally {
    looks.close();
  }
}

const withoutEvents = ({ hops, ...way }: Way): WayTold => ({
  ...way,
  hops: hops.map((hop) => ({ ...hop, event: null })),
});
