/**
 * Rows by id, for all requests of one turn of the event loop in one statement.
 *
 * Goal: commands that share a commit are answered at the same time, and each answer needs the row as it is now. Read one by one, these rows cost the process
 * more than the writes. A single request only waits for the end of the turn. The statement is sent after the last request has asked, so each request sees every
 * commit that was answered before it.
 * Road not taken: answering from the process's own topology, which does not have what agents report.
 */
import type { Row } from './attribute.js';
import type { Resource } from './resource.js';
import type { Scope } from './sql.js';

type Load = (resource: Resource, ids: readonly string[], scope: Scope) => Promise<readonly Row[]>;
type Gathering = Readonly<{ ids: Set<string>; rows: Promise<ReadonlyMap<string, Row>> }>;

const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class GatheredRows {
  private readonly open = new Map<Scope, Map<Resource, Gathering>>();

  constructor(private readonly load: Load) {}

  /** Rows that there are and that the scope sees, by id; at least those of `ids`. Rejects, for all that asked together, as `load` does. */
  get(resource: Resource, ids: readonly string[], scope: Scope): Promise<ReadonlyMap<string, Row>> {
    let ofScope = this.open.get(scope);
    if (!ofScope) this.open.set(scope, (ofScope = new Map()));
    let gathering = ofScope.get(resource);
    if (!gathering) {
      const asked = new Set<string>();
      gathering = { ids: asked, rows: this.gather(resource, asked, scope) };
      ofScope.set(resource, gathering);
    }
    for (const id of ids) gathering.ids.add(id);
    return gathering.rows;
  }

  private async gather(resource: Resource, ids: ReadonlySet<string>, scope: Scope): Promise<ReadonlyMap<string, Row>> {
    await endOfTurn();
    const ofScope = this.open.get(scope);
    ofScope?.delete(resource);
    if (ofScope?.size === 0) this.open.delete(scope);
    return new Map((await this.load(resource, [...ids], scope)).map((row) => [row.id, row]));
  }
}
