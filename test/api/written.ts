/** Events that are in a log already when this release first reads it: written as they are, without a decision. */
import type { PlumbEvent } from '@plumbline/contracts';
import { PostgresEventStore } from '@plumbline/event-store';
import { Follower, Ledger } from '@plumbline/ledger';
import { createLogger } from '@plumbline/telemetry';

/** `serviceUrl`: the API's login to the database. All events are one command. */
export async function written(serviceUrl: string, events: readonly PlumbEvent[]): Promise<void> {
  const logger = createLogger({ name: 'spec', level: 'error' });
  const store = new PostgresEventStore(serviceUrl);
  const follower = await Follower.open({ store, logger, publish: () => undefined });
  const meta = { requestId: 'req-older', userId: '', projectId: '', time: new Date().toISOString() };
  await new Ledger({ store, follower, logger }).execute(() => ({ events, reads: [], none: [], result: null }), meta);
  await follower.close();
  await store.close();
}
