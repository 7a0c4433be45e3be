/**
 * Admits a node by writing to the log itself: on the controller, before the API runs for the first time or while it does not.
 *
 * The decision is the API's own. It reads nothing but the admission's stream, so a long log is not loaded for it; an API that runs meanwhile folds the event like
 * one of another API process.
 */
import { randomUUID } from 'node:crypto';
import type { AnyObject, Meta } from '@plumbline/contracts';
import { admitNode, type AdmissionRequest, SYSTEM } from '@plumbline/domain';
import { PostgresEventStore } from '@plumbline/event-store';
import { evolve, prepare, Topology } from '@plumbline/topology';
import { toAppend, toRecorded } from './to-append.js';

const ATTEMPTS = 5;

/** Idempotent. `url`: the API's login, or that of the owner of the tables. */
export async function admitInDatabase(url: string, request: AdmissionRequest): Promise<void> {
  const store = new PostgresEventStore(url, { readConnections: 1 });
  try {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) if (await admitted(store, request)) return;
    throw new Error(`somebody else changes what ${request.host} was admitted to at the same time; nothing was changed`);
  } finally {
    await store.close();
  }
}

/** False: somebody else changed it meanwhile. */
async function admitted(store: PostgresEventStore, request: AdmissionRequest): Promise<boolean> {
  const { head } = await store.moment();
  const stream = `admission-${request.host}`;
  const past = await store.readStream(stream);
  const now = past.reduce<AnyObject | undefined>((object, event) => evolve(object, toRecorded(event)), undefined);
  const topology = Topology.of(now ? [now] : [], head.position, [[stream, past.length]]);
  const meta: Meta = {
    requestId: `req-${randomUUID()}`,
    userId: 'plumbline',
    projectId: '',
    time: new Date().toISOString(),
  };
  const context = { newId: randomUUID, randomInt: () => 0, now: meta.time, held: () => false, actor: SYSTEM };
  const decision = admitNode(request)(topology, context);
  if (decision.events.length === 0) return true;
  const { ok } = await store.append(toAppend(prepare(topology, decision, meta), head));
  return ok;
}
