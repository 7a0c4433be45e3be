/** Reads rows of resources from PostgreSQL. Reads see every commit that was answered: they go to the same database. */
import type pg from 'pg';
import type { Fleet } from '@plumbline/domain';
import { GatheredRows } from './gathered-rows.js';
import { ListQuery } from './query.js';
import type { Resource, Row } from './resource.js';
import { listRows, markerRow, rowsById, Statement } from './sql.js';

/** An agent that has not reported for this long is not alive (it reports every 5 s at the latest). */
export const ALIVE_SECONDS = 15;
export const IS_ALIVE = `heartbeat_at > now() - interval '${ALIVE_SECONDS} seconds'`;

export class ReadModel {
  private readonly gathered: GatheredRows;

  constructor(private readonly pool: pg.Pool) {
    // Named: the server keeps its plan.
    this.gathered = new GatheredRows(async (resource, ids) =>
      this.rows({ name: `by-id ${resource.collection}`, ...rowsById(resource, ids) }),
    );
  }

  /** In the order of `ids`; throws the resource's own "not found" when one is missing. */
  async byIds(resource: Resource, ids: readonly string[]): Promise<Row[]> {
    const rows = await this.gathered.get(resource, ids);
    return ids.map((id) => {
      const row = rows.get(id);
      if (!row) throw resource.notFound(id);
      return row;
    });
  }

  async list(resource: Resource, query: ListQuery): Promise<Row[]> {
    const rows = await this.rows(listRows(resource, query, await this.markerOf(resource, query)));
    return query.pageReverse ? rows.reverse() : rows;
  }

  /** Hosts whose L3 agent is alive and enabled. */
  async fleet(): Promise<Fleet> {
    const { rows } = await this.pool.query<{ host: string }>(
      `SELECT host FROM plumbline.agents WHERE kind = 'l3' AND admin_state_up AND ${IS_ALIVE} ORDER BY host`,
    );
    return { l3Hosts: rows.map(({ host }) => host) };
  }

  /** Changes one agent's row; the row it was, as the statement's RETURNING says, or null when there is none. */
  async agentChange<T extends object>(text: string, values: readonly unknown[]): Promise<T | null> {
    return (await this.pool.query<T>(text, [...values])).rows[0] ?? null;
  }

  private async markerOf(resource: Resource, query: ListQuery): Promise<string[] | null> {
    if (query.marker === null) return null;
    const { text, values } = markerRow(resource, query);
    const { rows } = await this.pool.query<Record<string, string>>(text, [...values]);
    const row = rows[0];
    if (!row) throw resource.notFound(query.marker);
    return query.sorts.map((_sort, n) => row[`k${n}`] as string);
  }

  private async rows({ values, ...statement }: Statement & { readonly name?: string }): Promise<Row[]> {
    return (await this.pool.query<Row>({ ...statement, values: [...values] })).rows;
  }
}
