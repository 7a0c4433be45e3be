/** Reads rows of resources from PostgreSQL. Reads see every commit that was answered: they go to the same database. */
import type pg from 'pg';
import { DEFAULT_ZONE, type Fleet } from '@plumbline/domain';
import { GatheredRows } from './gathered-rows.js';
import { ListQuery } from './query.js';
import type { Resource, Row } from './resource.js';
import { listRows, markerRow, rowsById, type Scope, Statement } from './sql.js';

/** An agent that has not reported for this long is not alive (it reports every 5 s at the latest). */
export const ALIVE_SECONDS = 15;
export const IS_ALIVE = `heartbeat_at > now() - interval '${ALIVE_SECONDS} seconds'`;

const nameOf = ({ name, partOf }: Resource, scope: Scope): string =>
  `by-id ${partOf ? `${partOf.name} ` : ''}${name}${scope === null ? '' : ' seen'}`;

export class ReadModel {
  private readonly gathered: GatheredRows;

  /** `lookups`: connections whose plans are of index look-ups alone. */
  constructor(
    private readonly pool: pg.Pool,
    lookups: pg.Pool,
  ) {
    this.gathered = new GatheredRows(async (resource, ids, scope) => {
      const { text, values } = rowsById(resource, ids, scope);
      // Named: the server keeps its plan.
      return (await lookups.query<Row>({ name: nameOf(resource, scope), text, values: [...values] })).rows;
    });
  }

  /** In the order of `ids`; throws the resource's own "not found" when one is missing, or not seen by `scope`. */
  async byIds(resource: Resource, ids: readonly string[], scope: Scope): Promise<Row[]> {
    const rows = await this.gathered.get(resource, ids, scope);
    return ids.map((id) => {
      const row = rows.get(id);
      if (!row) throw resource.notFound(id);
      return row;
    });
  }

  async list(resource: Resource, query: ListQuery, scope: Scope): Promise<Row[]> {
    const rows = await this.rows(listRows(resource, query, await this.markerOf(resource, query, scope), scope));
    return query.pageReverse ? rows.reverse() : rows;
  }

  /** Hosts whose L3 agent is alive and enabled. */
  async fleet(): Promise<Fleet> {
    const { rows } = await this.pool.query<{ host: string; zone: string; ready: boolean }>(
      `SELECT host, coalesce(availability_zone, '${DEFAULT_ZONE}') AS zone, admin_state_up AND ${IS_ALIVE} AS ready
       FROM plumbline.agents WHERE kind = 'l3' ORDER BY host`,
    );
    return {
      l3Hosts: rows.filter(({ ready }) => ready).map(({ host }) => host),
      zones: Object.fromEntries(rows.map(({ host, zone }) => [host, zone])),
    };
  }

  /** Hosts whose Open vSwitch agent reports that it enforces security groups. */
  async enforcing(): Promise<ReadonlySet<string>> {
    const { rows } = await this.pool.query<{ host: string }>(
      `SELECT host FROM plumbline.agents WHERE kind = 'ovs' AND configurations @> '{"security_groups": true}'`,
    );
    return new Set(rows.map(({ host }) => host));
  }

  /** Projects whose quota is their own. */
  async quotaProjects(): Promise<string[]> {
    const { rows } = await this.pool.query<{ id: string }>('SELECT id FROM plumbline.quotas ORDER BY id');
    return rows.map(({ id }) => id);
  }

  /** Changes one agent's row; the row it was, as the statement's RETURNING says, or null when there is none. */
  async agentChange<T extends object>(text: string, values: readonly unknown[]): Promise<T | null> {
    return (await this.pool.query<T>(text, [...values])).rows[0] ?? null;
  }

  private async markerOf(resource: Resource, query: ListQuery, scope: Scope): Promise<string[] | null> {
    if (query.marker === null) return null;
    if (scope !== null) await this.byIds(resource, [query.marker], scope);
    const { text, values } = markerRow(resource, query);
    const { rows } = await this.pool.query<Record<string, string>>(text, [...values]);
    const row = rows[0];
    if (!row) throw resource.notFound(query.marker);
    return query.sorts.map((_sort, n) => row[`k${n}`] as string);
  }

  private async rows({ text, values }: Statement): Promise<Row[]> {
    return (await this.pool.query<Row>(text, [...values])).rows;
  }
}
