/**
 * `plumb trace`: a packet's way through nodes, and that of its answer. The walk is libs/reasons; here is what it needs of this process: the log in memory, questions to nodes,
 * and the events that put there what the packet meets. Nothing is changed anywhere.
 */
import type { AnyObject, ObjectKey } from '@plumbline/contracts';
import { canSee, DomainError, isOf } from '@plumbline/domain';
import type { EventStore } from '@plumbline/event-store';
import type { Caller } from '@plumbline/identity/login';
import type { Follower } from '@plumbline/ledger';
import {
  BadEnd,
  between,
  type Between,
  type EventTold,
  trace,
  type Trace,
  type TraceAsked,
  traceForMember,
  type Walked,
  type Way,
  type WayTold,
} from '@plumbline/reasons';
import type { Topology } from '@plumbline/topology';
import type pg from 'pg';
import { Asking } from '../doctor/asking.js';
import { readReports } from '../doctor/known.js';
import { badRequest } from '../errors/edge-error.js';
import type { NodeQuestions } from '../questions/node-questions.js';
import { PastEvents } from '../reasons/past-events.js';

/** After this time no node is waited for any more; an agent that answers nothing is not waited for so long. */
const WITHIN_MS = 10_000;
const PATIENCE_MS = 1_500;
/** Events that are looked up; a way has a few. */
const MOST_EVENTS = 60;

export class Traces {
  private readonly past: PastEvents;

  constructor(
    private readonly follower: Pick<Follower, 'topology' | 'catchUp'>,
    private readonly questions: Pick<NodeQuestions, 'ask'>,
    private readonly pool: pg.Pool,
    store: Pick<EventStore, 'read' | 'readStream'>,
    private readonly nowMs: () => number = () => performance.now(),
  ) {
    this.past = new PastEvents(store);
  }

  /** Throws 'not-found' and 'bad-request'. */
  async trace(asked: TraceAsked, caller: Caller): Promise<Trace> {
    await this.follower.catchUp();
    const { topology } = this.follower;
    const { position } = topology;
    const walked = await this.walked(topology, betweenFor(topology, asked, caller));
    const events = await this.eventsOf(walked);
    const wayTold = ({ hops, ...way }: Way): WayTold => ({
      ...way,
      hops: hops.map((hop) => ({ ...hop, event: (hop.position !== null && events.get(hop.position)) || null })),
    });
    const { from, to, there, back, unknown } = walked;
    const told: Trace = { from, to, position, there: wayTold(there), back: back && wayTold(back), unknown };
    if (caller.role === 'admin') return told;
    return traceForMember(told, caller.projectId, (key: ObjectKey) => isOf(caller, topology.byKey(key)));
  }

  private async walked(topology: Topology, asked: Between): Promise<Walked> {
    const until = this.nowMs() + WITHIN_MS;
    const { agents } = await readReports(this.pool, []);
    const asking = new Asking(this.questions, agents ?? [], PATIENCE_MS, this.nowMs);
    const walk = trace(topology, asked);
    for (let step = walk.next(); ;) {
      if (step.done) return step.value;
      step = walk.next(await asking.ask(step.value, until));
    }
  }

  private async eventsOf({ there, back }: Walked): Promise<ReadonlyMap<number, EventTold>> {
    const positions = new Set([...there.hops, ...(back?.hops ?? [])].flatMap(({ position }) => position ?? []));
    const told = await Promise.all(
      [...positions].slice(0, MOST_EVENTS).map(async (position) => [position, await this.past.at(position)] as const),
    );
    return new Map(told.flatMap(([position, event]) => (event ? [[position, event]] : [])));
  }
}

/** A member names what is his project's; of one end at least. What is of others has an address, like anything outside. */
function betweenFor(topology: Topology, asked: TraceAsked, caller: Caller): Between {
  const isAdmin = caller.role === 'admin';
  const sees = (object: AnyObject): boolean =>
    isAdmin || (canSee(topology, caller, object) && (object.kind === 'network' || isOf(caller, object)));
  try {
    const found = between(topology, asked, sees);
    const isForeign = found.from.sort === 'outside' && found.to.sort === 'outside';
    if (isForeign && !isAdmin)
      throw new BadEnd(
        'Neither end is of your project: one of them names a port, floating IP or instance of it.',
        true,
      );
    return found;
  } catch (error) {
    if (!(error instanceof BadEnd)) throw error;
    throw error.absent ? new DomainError('TraceEndNotFound', 'not-found', error.message) : badRequest(error.message);
  }
}
