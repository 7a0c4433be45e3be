/**
 * Rows by id, for all requests of one turn of the event loop in one statement.
 *
 * Goal: commands that shared a commit are answered together, and each answer is the row as it stands now; asked for one by one, those reads cost the
 * process more than the writes did. A lone request waits for nobody but the end of the turn. The statement is sent after the last of them has asked, so each
 * sees every commit that was answered before it asked.
 * Road not taken: answering from the process's own topology, which does not hold what agents observed.
 */
import type { Resource, Row } from './resource.js';
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
