/**
 * The API's side of the feeds: the head of each host's feed, the messages for a committed command, and the answers to "everything for me after position p".
 *
 * Goals: each process of the API can answer every host, whichever process published; an answer is right whatever was lost; memory stays small.
 * Design: one message for each feed row, in order. The last few of each host are kept, so that a short gap is filled with the very messages that were lost. Any
 * other answer is the full view. It carries the position of the host's last feed row, not the head of the log: nothing in between concerned the host, so the
 * host's next message follows it (`prev`). Who asks a second time from the same position did not get the messages, or could not use them: it gets the full view.
 * Road not taken: building old messages anew from the log: what entered and left a view depends on the topology of that moment.
 */
import { Beacon, CATALOGUE_VERSION, FeedMessage, FeedRefusal, ReplayRequest } from '@plumbline/contracts';
import { hostObjects, Parcel, Topology, wholeView } from '@plumbline/topology';

/** A host's feed row of one command. `prev`: position of the host's message before this one; null for its first. */
export type FeedLink = Readonly<{ host: string; prev: number | null }>;

/** What an answer needs to know about the log. */
export type LogFacts = Readonly<{
  topology: Topology;
  /** Chain hash at a position; null beyond the head. */
  hashAt(position: number): Promise<string | null>;
}>;

const keptMessages = 64;

export class HostFeeds {
  private readonly heads = new Map<string, number>();
  private readonly kept = new Map<string, FeedMessage[]>();
  /** By host and agent: the position from which it was last sent single messages. */
  private readonly sentFrom = new Map<string, number>();

  /** `heads`: the position of each host's last feed row. */
  constructor(
    readonly log: string,
    heads: Iterable<Readonly<{ host: string; position: number }>>,
  ) {
    for (const { host, position } of heads) this.heads.set(host, position);
  }

  /** The heads are these, whatever was told before: messages in between are not known here. */
  beginAt(heads: Iterable<Readonly<{ host: string; position: number }>>): void {
    this.heads.clear();
    this.kept.clear();
    for (const { host, position } of heads) this.heads.set(host, position);
  }

  /** Drops the messages kept for a host that is gone. */
  forget(host: string): void {
    this.kept.delete(host);
  }

  hosts(): string[] {
    return [...this.heads.keys()];
  }

  /** Position of the host's last message; 0 when there was none. */
  headOf(host: string): number {
    return this.heads.get(host) ?? 0;
  }

  /**
   * The messages of one command that was just folded into `topology`: one for each feed row, in the order given. A row without a parcel is a message
   * without content, sent so that the host's numbering has no gap.
   */
  next(
    topology: Topology,
    at: Readonly<{ position: number; hash: string }>,
    parcels: readonly Parcel[],
    links: readonly FeedLink[],
  ): FeedMessage[] {
    const parcelOf = new Map(parcels.map((parcel) => [parcel.host, parcel]));
    return links.map(({ host, prev }) => {
      const parcel = parcelOf.get(host);
      const message: FeedMessage =
        prev === null
          ? { ...wholeView(topology, host, this.log, at.hash), position: at.position }
          : {
              ...this.frame(host, prev, at.position, at.hash),
              entered: [...(parcel?.entered ?? [])],
              left: [...(parcel?.left ?? [])],
              events: [...(parcel?.events ?? [])],
            };
      this.heads.set(host, at.position);
      const kept = this.kept.get(host) ?? [];
      kept.push(message);
      if (kept.length > keptMessages) kept.shift();
      this.kept.set(host, kept);
      return message;
    });
  }

  /** The host's message at this position, while it is kept. */
  messageAt(host: string, position: number): FeedMessage | null {
    return this.kept.get(host)?.findLast((message) => message.position === position) ?? null;
  }

  beacon(host: string, head: number, report: Beacon['report']): Beacon {
    return { log: this.log, host, position: this.headOf(host), head, report };
  }

  /**
   * The answer for a host, in the order in which to send it. The caller must have read the log at least to the request's position: otherwise an agent that is
   * ahead of this process would be refused. `agent`: which of the host's agents asks.
   */
  async answer(
    host: string,
    request: ReplayRequest,
    facts: LogFacts,
    agent = '',
  ): Promise<readonly FeedMessage[] | FeedRefusal> {
    const { topology, hashAt } = facts;
    const refuse = (refused: 'other-log' | 'position-ahead' | 'hash-differs'): FeedRefusal => ({
      log: this.log,
      host,
      refused,
      request,
      head: topology.position,
    });
    if (request.log !== null && request.log !== this.log) return refuse('other-log');
    if (request.log === null || request.hash === null) return [await this.whole(host, facts)];
    if (request.position > topology.position) return refuse('position-ahead');
    if ((await hashAt(request.position)) !== request.hash) return refuse('hash-differs');
    const confirmation = this.frame(host, request.position, request.position, request.hash);
    if (this.headOf(host) <= request.position) return [confirmation];
    const asker = `${host} ${agent}`;
    const again = this.sentFrom.get(asker) === request.position;
    const kept = this.kept.get(host) ?? [];
    const from = kept.findIndex((message) => message.prev === request.position);
    if (again || from < 0) {
      this.sentFrom.delete(asker);
      return [confirmation, await this.whole(host, facts)];
    }
    this.sentFrom.set(asker, request.position);
    return [confirmation, ...kept.slice(from)];
  }

  private async whole(host: string, { topology, hashAt }: LogFacts): Promise<FeedMessage> {
    const position = this.headOf(host);
    // Read before the `await`: during it, the topology may change.
    const entered = hostObjects(topology, host);
    const hash = await hashAt(position);
    if (hash === null) throw new Error(`the log has no hash at position ${position}, the head of host ${host}'s feed`);
    return { ...this.frame(host, null, position, hash), entered };
  }

  private frame(host: string, prev: number | null, position: number, hash: string): FeedMessage {
    return {
      log: this.log,
      host,
      prev,
      position,
      hash,
      catalogue: CATALOGUE_VERSION,
      part: { index: 1, of: 1 },
      entered: [],
      left: [],
      events: [],
    };
  }
}
