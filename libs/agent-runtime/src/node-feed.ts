/** The interface between an agent and the control plane (docs/design/delivery.md). The transport behind it may lose, double, delay and reorder messages. */
import { Beacon, FeedPart, FeedRefusal, ReplayRequest, Report } from '@plumbline/contracts';

/** Gets every well-formed message, in the order of arrival. Must never throw, and must return at once. */
export interface FeedListener {
  message(message: FeedPart): void;
  beacon(beacon: Beacon): void;
  refusal(refusal: FeedRefusal): void;
  /** From now on messages arrive, here and there: after the start, and again after each loss of the connection. */
  connected(): void;
}

export interface NodeFeed {
  /** From now on the listener gets all that arrives for this host; the returned function unsubscribes it. One listener at a time. */
  subscribe(listener: FeedListener): () => void;
  /** Sends the request; the answer, if there is one, comes as messages or a refusal. Without a connection nothing is sent: ask again later. Never throws. */
  requestReplay(request: ReplayRequest): void;
  /** Largest report, in bytes of JSON, that can be sent now. */
  readonly maxBodyBytes: number;
  /** Sends the report; nothing tells whether it arrived. Never throws. */
  report(report: Report): void;
}
