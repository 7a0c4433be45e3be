/** The port through which a node hears of its log and speaks to it (docs/design/delivery.md). What is behind it may lose, double, delay and reorder. */
import { Beacon, FeedMessage, FeedRefusal, ReplayRequest, Report } from '@plumbline/contracts';

/** Who listens: called for what arrived and was well-formed, in the order of arrival. Never throws, returns at once. */
export interface FeedListener {
  message(message: FeedMessage): void;
  beacon(beacon: Beacon): void;
  refusal(refusal: FeedRefusal): void;
}

export interface NodeFeed {
  /** From now on the listener hears all that arrives for this host; the answer ends it. One listener at a time. */
  subscribe(listener: FeedListener): () => void;
  /** Asks; the answer, if there is one, comes as messages or a refusal. Without a connection nothing is sent: ask again later. Never throws. */
  requestReplay(request: ReplayRequest): void;
  /** Reports; nobody says whether it arrived. Never throws. */
  report(report: Report): void;
}
