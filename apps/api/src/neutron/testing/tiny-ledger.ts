/** The command side in its smallest form, for specs of the HTTP side: one process, one command at a time, straight on the event store. */
import { randomInt, randomUUID } from 'node:crypto';
import type { Meta, Recorded } from '@plumbline/contracts';
import type { Decide } from '@plumbline/domain';
import type { EventStore, RowUpsert } from '@plumbline/event-store';
import { claimsOf, prepare, Prepared, Topology } from '@plumbline/topology';
import type { Commands } from '../dispatcher.js';

export class TinyLedger implements Commands {
  private readonly topology = new Topology();
  private readonly claims = new Set<string>();
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly store: EventStore) {}

  execute<T>(decide: Decide<T>, meta: Meta): Promise<{ result: T; position: number }> {
    const mine = this.turn.then(() => this.commit(decide, meta));
    this.turn = mine.catch(() => undefined);
    return mine;
  }

  private async commit<T>(decide: Decide<T>, meta: Meta): Promise<{ result: T; position: number }> {
    const context = {
      newId: randomUUID,
      randomInt: (below: number) => randomInt(below),
      now: meta.time,
      held: (claim: string) => this.claims.has(claim),
    };
    const { result, ...decision } = decide(this.topology, context);
    const prepared = prepare(this.topology, decision, meta);
    const answer = await this.store.append(toCommand(this.topology, prepared));
    if (!answer.ok) throw new Error(`lost although alone: ${JSON.stringify(answer.lost)}`);
    for (const recorded of answer.recorded) {
      const change = this.topology.apply(recorded as unknown as Recorded);
      for (const claim of claimsOf(change?.before)) this.claims.delete(claim);
      for (const claim of claimsOf(change?.after)) this.claims.add(claim);
    }
    return { result, position: this.topology.position };
  }
}

function toCommand(topology: Topology, prepared: Prepared): Parameters<EventStore['append']>[0] {
  const versions = new Map<string, number>();
  for (const { stream } of prepared.events)
    versions.set(stream, (versions.get(stream) ?? topology.versionOf(stream)) + 1);
  const rows = prepared.rows.map((row) => {
    if (row.deleted) return row;
    const { setAt, ...doc } = row.object;
    const stream = doc.kind === 'subnet' ? `network-${doc.networkId}` : `${doc.kind}-${doc.id}`;
    const { kind, id, projectId, name } = doc;
    return { kind, id, version: versions.get(stream) ?? 0, projectId, name, doc, setAt } satisfies RowUpsert;
  });
  const events = prepared.events.map(({ stream, event }) => ({ stream, ...event }));
  return { ...prepared, events, rows };
}
