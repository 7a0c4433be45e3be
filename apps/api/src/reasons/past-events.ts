/** Events of the log as an answer tells them: what they replaced, and the request that they came of. Reads the log; changes nothing. */
import { type AnyObject, known, type ObjectKey, type Recorded, subjectOf } from '@plumbline/contracts';
import type { EventStore, RecordedEvent } from '@plumbline/event-store';
import { toRecorded } from '@plumbline/ledger';
import { changedBy, type EventTold, historyOf, type Step } from '@plumbline/reasons';
import { streamOf } from '@plumbline/topology';

type Log = Pick<EventStore, 'read' | 'readStream'>;
type Sent = NonNullable<RecordedEvent['meta']['request']>;

/** A command is looked for backwards in so many events at a time, and no further than the last of these. */
const BACKWARDS = [16, 256, 4_096] as const;
/** Requests, events and streams that are remembered: the log does not change. */
const REMEMBERED = 1_000;
/** Events of a stream that is remembered. */
const MOST_EVENTS = 100;

export class PastEvents {
  private readonly told = new Map<number, EventTold>();
  /** Id of a request -> what was sent; null: it was not kept. */
  private readonly requests = new Map<string, Sent | null>();

  /** Streams, as they were at a version. */
  private readonly streams = new Map<string, Readonly<{ version: number; events: readonly Recorded[] }>>();

  private of: object | null = null;

  constructor(private readonly log: Log) {}

  /** `log`: another object when the log was loaded anew, since the database lost the end of it. What was remembered is forgotten then, and true is answered. */
  about(log: object): boolean {
    if (this.of === log) return false;
    this.of = log;
    this.told.clear();
    this.requests.clear();
    this.streams.clear();
    return true;
  }

  /** All that happened to an object until `upTo`, from the stream that its events are in. `version`: of the stream now, where it is known: it is read again only once it went on. */
  async historyOf(stream: string, key: ObjectKey, upTo: number, version: number | null = null): Promise<Step[]> {
    const events = await this.eventsOf(stream, version);
    return historyOf(
      events.filter(({ position }) => position <= upTo),
      key,
    );
  }

  private async eventsOf(stream: string, version: number | null): Promise<readonly Recorded[]> {
    const known = this.streams.get(stream);
    if (known && known.version === version) return known.events;
    const read = await this.log.readStream(stream);
    for (const { meta } of read) if (meta.request) this.remember(meta.requestId, meta.request);
    const events = read.map(toRecorded);
    if (version !== null && events.length <= MOST_EVENTS) keep(this.streams, stream, { version, events });
    return events;
  }

  /** Null: the log has no such event. */
  async at(position: number): Promise<EventTold | null> {
    const before = this.told.get(position);
    if (before) return before;
    const told = await this.read(position);
    if (told) keep(this.told, position, told);
    return told;
  }

  private async read(position: number): Promise<EventTold | null> {
    const [event] = position > 0 ? await this.log.read(position - 1, 1) : [];
    if (!event) return null;
    if (event.meta.request) this.remember(event.meta.requestId, event.meta.request);
    const recorded = toRecorded(event);
    const typed = known(recorded.event);
    if (!typed) return this.tell(recorded, {});
    const steps = await this.historyOf(streamOf(typed), subjectOf(typed).key, position);
    return this.tell(recorded, steps.at(-1) ?? {});
  }

  async tell(
    recorded: Recorded,
    { before, after }: Readonly<{ before?: AnyObject | undefined; after?: AnyObject | undefined }>,
  ): Promise<EventTold> {
    const typed = known(recorded.event);
    const { position, event, meta } = recorded;
    const sent = await this.sentFor(recorded);
    return {
      ...{ position, type: event.type, object: typed && subjectOf(typed).key, time: meta.time },
      ...{ user: meta.userId, project: meta.projectId, request: { id: meta.requestId, ...sent } },
      changed: changedBy({ before, after }),
    };
  }

  /** What is stored with the first event of its command. */
  private async sentFor({ position, meta: { requestId } }: Recorded): Promise<Sent | null> {
    const found = this.requests.get(requestId);
    if (found !== undefined) return found;
    for (const many of BACKWARDS) {
      const from = Math.max(0, position - many);
      const events = await this.log.read(from, position - from);
      let first: RecordedEvent | undefined;
      for (const event of [...events].reverse()) {
        if (event.meta.requestId !== requestId) break;
        first = event;
      }
      if (first && (first.position > from + 1 || from === 0)) {
        this.remember(requestId, first.meta.request ?? null);
        return first.meta.request ?? null;
      }
    }
    return null;
  }

  private remember(requestId: string, sent: Sent | null): void {
    keep(this.requests, requestId, sent);
  }
}

/** Beyond what is remembered the oldest goes. */
export function keep<K, V>(map: Map<K, V>, key: K, value: V): void {
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= REMEMBERED) break;
    map.delete(oldest);
  }
}
