/** Sends feed messages to hosts, after the commit. A message that is lost fails no request: the agent notices the gap and asks again. */
import { FeedMessage, subjects } from '@plumbline/contracts';
import { split } from '@plumbline/messaging';
import type { Changes } from './changes.js';

/** What the publisher needs of the transport. */
export interface Outlet {
  readonly connected: boolean;
  readonly maxBodyBytes: number;
  /** Never throws. */
  send(subject: string, body: unknown): void;
}

export class FeedPublisher {
  constructor(
    private readonly outlet: Outlet,
    private readonly changes?: Pick<Changes, 'note'>,
  ) {}

  publish(messages: readonly FeedMessage[]): void {
    if (!this.outlet.connected || messages.length === 0) return;
    this.changes?.note();
    for (const message of messages)
      for (const part of split(message, this.outlet.maxBodyBytes)) this.outlet.send(subjects.feed(message.host), part);
  }
}
