/** A host's view from the log's database: works with API and NATS down. */
import type { FeedMessage } from '@plumbline/contracts';
import { PostgresCheckpoints, PostgresEventStore, topologyAt } from '@plumbline/event-store';
import { wholeView } from '@plumbline/topology';

/** The view of `host` at `at` (default: the head), folded from the log, from its nearest checkpoint on. Needs no API and no NATS; reads only. */
export async function viewFromDatabase(databaseUrl: string, host: string, at?: number): Promise<FeedMessage> {
  const store = new PostgresEventStore(databaseUrl);
  try {
    const head = await store.head();
    const position = at ?? head.position;
    if (position > head.position)
      throw new Error(`the log ends at position ${head.position}; there is no position ${position} yet`);
    const { topology, hash } = await topologyAt(position, {
      store,
      checkpoints: new PostgresCheckpoints(databaseUrl),
      passedOver: (at, why) =>
        console.error(at === null ? `no checkpoint is used: ${why}` : `the checkpoint at ${at} is not used: ${why}`),
      hurry: true,
    });
    return wholeView(topology, host, await store.logId(), hash);
  } finally {
    await store.close();
  }
}

/** The log's hash at a position, from its database: null where the log ends before it. */
export async function hashFromDatabase(databaseUrl: string, position: number): Promise<string | null> {
  const store = new PostgresEventStore(databaseUrl);
  try {
    return await store.hashAt(position);
  } finally {
    await store.close();
  }
}
