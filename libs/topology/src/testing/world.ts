/**
 * The one builder of logs for specs: numbers events, folds them and shows what follows. Three things write to it: a story in few words (story.ts), a random walk
 * (walk.ts), and the decisions of the API (libs/domain/src/testing). The events come from events.ts.
 */
import { Meta, ObjectKey, PlumbEvent, Recorded, subjectOf } from '@plumbline/contracts';
import { emptyView, fold, HostView } from '../fold.js';
import { wholeView } from '../host-view.js';
import { streamOf } from '../streams.js';
import { Topology } from '../topology.js';
import { LOG, metaOf } from './ids.js';

export class World {
  readonly topology = new Topology();
  readonly log: Recorded[] = [];

  /** Records one event at the next position. Throws when the log so far does not allow it. */
  append(event: PlumbEvent, meta: Meta = metaOf(1)): Recorded {
    const recorded: Recorded = {
      position: this.log.length + 1,
      stream: streamOf(event),
      event: structuredClone(event) as unknown as Recorded['event'],
      meta,
    };
    this.topology.apply(recorded);
    this.log.push(recorded);
    return recorded;
  }

  /** What a host knows when the first `length` events have happened. */
  viewOf(host: string, length = this.log.length): HostView {
    const topology = length === this.log.length ? this.topology : Topology.fold(this.log.slice(0, length));
    const view = emptyView(host);
    fold(view, wholeView(topology, host, LOG, '0'.repeat(64)));
    return view;
  }

  /** The object that the event at this position changed. */
  touchedBy(position: number): ReadonlySet<ObjectKey> {
    const recorded = this.log[position - 1];
    if (!recorded) throw new Error(`the log has no position ${position}`);
    return new Set([subjectOf(recorded.event as unknown as PlumbEvent).key]);
  }
}
