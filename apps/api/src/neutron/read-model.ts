/**
 * Reads rows of resources from PostgreSQL. Reads see every commit that was answered: they go to the same database.
 *
 * A list's documents are most of what a database would send and a process parse: of an object that this process knows in that revision it is not asked for.
 * Which rows there are, in which order and revision, the database alone says. Once one of them is not as known here, all are read: it was changed a moment ago.
 */
import type pg from 'pg';
import {
  carrierOf,
  rolesFor,
  type AgentKind,
  type AnyObject,
  type Kind,
  type ObjectKey,
  type WrittenObject,
} from '@plumbline/contracts';
import { DEFAULT_ZONE, type DhcpFleet, type Fleet } from '@plumbline/domain';
import type { BoundedQuery } from '@plumbline/event-store';
import type { Caller } from '@plumbline/identity/login';
import { ClientGone } from '../errors/client-gone.js';
import { unavailable } from '../errors/edge-error.js';
import { GatheredRows } from './gathered-rows.js';
import { IS_ALIVE } from './alive.js';
import { dhcpHost } from './dhcp-host.js';
import { type Page, Portion, portionsOf } from './long-answer.js';
import type { Texter } from './present.js';
import { ListQuery } from './query.js';
import type { Row } from './attribute.js';
import type { Resource } from './resource.js';
import { listRows, markerRow, type Objects, rowsById, type Scope, Statement } from './sql.js';
import { PRESENT, type Tables } from './tables.js';
import type { Turns } from './turns.js';

/** SQL: an operator lets `host` run agents of this kind. */
export const isAdmitted = (tables: Tables, host: string, kind: AgentKind): string =>
  `EXISTS (SELECT FROM ${tables.of('admission')} x WHERE x.id = ${host} AND x.doc -> 'roles' ?| ARRAY[${rolesFor(kind)
    .map((role) => `'${role}'`)
    .join(', ')}])`;

/** PostgreSQL's codes of a statement that `statement_timeout` or `lock_timeout` ended. */
const ENDED = ['57014', '55P03'];
const tooMuchWork = () =>
  unavailable(
    'The list took too long and was ended. Ask for less at a time: a page (limit), fewer values of a filter, fewer sort keys; or have the operator raise PLUMB_LIST_SECONDS.',
  );

/** Who asks for a list. `signal` is aborted when he is gone. */
export type Asker = Readonly<{ caller: Pick<Caller, 'projectId' | 'role'>; signal: AbortSignal }>;

type Known = Record<string, unknown> & { id: string; revision: number; doc?: AnyObject };

const nameOf = ({ name, partOf }: Resource, scope: Scope, tables: Tables): string =>
  `by-id ${tables.name} ${partOf ? `${partOf.name} ` : ''}${name}${scope === null ? '' : ' seen'}`;

/** Hosts whose L3 agent is admitted, alive and enabled, and the zone of each host that has an admitted one. */
export async function readFleet(pool: pg.Pool, tables: Tables = PRESENT): Promise<Fleet> {
  const { rows } = await pool.query<{ host: string; zone: string; ready: boolean }>(
    `SELECT host, coalesce(availability_zone, '${DEFAULT_ZONE}') AS zone, admin_state_up AND ${IS_ALIVE} AS ready
     FROM ${tables.agents} a WHERE kind = '${carrierOf.router}' AND ${isAdmitted(tables, 'a.host', carrierOf.router)} ORDER BY host`,
  );
  return {
    l3Hosts: rows.filter(({ ready }) => ready).map(({ host }) => host),
    zones: new Map(rows.map(({ host, zone }) => [host, zone])),
  };
}

/** After this long without a report the servers of a DHCP agent's host move to another. */
export const DHCP_GONE_SECONDS = 75;

/**
 * Hosts whose DHCP agent may serve more networks, and those whose servers stay. `silenceCounts` false: agents that do not report are thought to be well, because this
 * process may have been the one that did not hear.
 */
export async function readDhcpFleet(
  pool: pg.Pool,
  { perNetwork, silenceCounts }: Readonly<{ perNetwork: number; silenceCounts: boolean }>,
  tables: Tables = PRESENT,
): Promise<DhcpFleet> {
  const heard = `heartbeat_at > now() - interval '${DHCP_GONE_SECONDS} seconds'`;
  const { rows } = await pool.query<{ host: string; ready: boolean; stays: boolean }>(
    `SELECT host, admin_state_up AND ${IS_ALIVE} AS ready, admin_state_up AND (${heard} OR NOT $1) AS stays
     FROM ${tables.agents} a WHERE kind = '${carrierOf.network}' AND ${isAdmitted(tables, 'a.host', carrierOf.network)} ORDER BY host`,
    [silenceCounts],
  );
  return {
    hosts: rows.filter(({ ready }) => ready).map(({ host }) => dhcpHost(host)),
    stays: new Set(rows.filter(({ stays }) => stays).map(({ host }) => host)),
    perNetwork,
  };
}

export class ReadModel {
  private readonly gathered: GatheredRows;

  /**
   * `pool`: connections for lists, as many as `turns` gives away. `lookups`: connections whose plans are of index look-ups alone. `known`: an object as this process has it, perhaps not of the latest revision. `tables`:
   * where rows are read.
   */
  constructor(
    private readonly pool: pg.Pool,
    private readonly lookups: pg.Pool,
    private readonly turns: Turns,
    private readonly known: (key: ObjectKey) => AnyObject | undefined,
    private readonly tables: Tables,
  ) {
    // Put together once for each name: every request for a row needs it.
    const texts = new Map<string, string>();
    this.gathered = new GatheredRows(async (resource, ids, scope) => {
      const name = nameOf(resource, scope, tables);
      const text = texts.get(name) ?? rowsById(resource, scope, tables);
      texts.set(name, text);
      // Named: the server keeps its plan.
      return (await lookups.query<Row>({ name, text, values: scope === null ? [ids] : [ids, scope] })).rows;
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

  /** Waits for the caller's turn; given up when the caller is gone, in the database as well. */
  list(resource: Resource, query: ListQuery, scope: Scope, { caller, signal }: Asker): Promise<Row[]> {
    return this.turns.take(caller, signal, async () => {
      const statement = await this.statement(resource, query, scope, signal);
      const rows = await this.rows<Row>(statement('whole'), signal);
      return query.pageReverse ? rows.reverse() : rows;
    });
  }

  /** As `list`, for an answer that may be long. */
  page(resource: Resource, query: ListQuery, scope: Scope, { caller, signal }: Asker, texts: Texter): Promise<Page> {
    return this.turns.take(caller, signal, async () => {
      const statement = await this.statement(resource, query, scope, signal);
      const { kind } = resource;
      const known = kind === null ? null : await this.knownRows(kind, statement('by revision'), signal);
      return known
        ? pageOfRows(query.pageReverse ? known.reverse() : known, texts.known)
        : this.pageOfTexts(statement('whole'), signal, texts.read, query.pageReverse);
    });
  }

  private async statement(
    resource: Resource,
    query: ListQuery,
    scope: Scope,
    signal: AbortSignal,
  ): Promise<(objects: Objects) => Statement> {
    const after = await this.markerOf(resource, query, scope, signal);
    return (objects) => listRows(resource, query, after, scope, objects, this.tables);
  }

  /** Null: an object among them is not known here in that revision. */
  private async knownRows(kind: Kind, statement: Statement, signal: AbortSignal): Promise<Row[] | null> {
    const rows: Row[] = [];
    let allKnown = true;
    await this.each<Known>(statement, signal, (row) => {
      if (!allKnown) return;
      const object = this.known(`${kind}/${row.id}` as ObjectKey) as WrittenObject | undefined;
      allKnown = object?.revision === row.revision;
      if (!allKnown) return void (rows.length = 0);
      row.doc = object as AnyObject;
      rows.push(row as Row);
    });
    return allKnown ? rows : null;
  }

  /** Each row becomes text as it comes, outside V8's heap: thousands of documents at a time would keep its garbage collector busy. */
  private async pageOfTexts(
    statement: Statement,
    signal: AbortSignal,
    textOf: (row: Row) => string,
    reversed: boolean,
  ): Promise<Page> {
    const ids: string[] = [];
    const portions: Buffer[] = [];
    const portion = new Portion();
    const keep = (): void => {
      const text = portion.take(reversed);
      if (text !== null) portions.push(Buffer.from(text));
    };
    await this.each<Row>(statement, signal, (row) => {
      ids.push(row.id);
      portion.add(textOf(row));
      if (portion.isFull) keep();
    });
    keep();
    if (reversed) [ids, portions].forEach((each) => each.reverse());
    return { ids, portions, heldBytes: portions.reduce((sum, { length }) => sum + length, 0) };
  }

  fleet(): Promise<Fleet> {
    return readFleet(this.lookups, this.tables);
  }

  /** Silence is judged with the agents' reports. */
  dhcpFleet(perNetwork: number): Promise<DhcpFleet> {
    return readDhcpFleet(this.lookups, { perNetwork, silenceCounts: false }, this.tables);
  }

  /** Projects whose quota is their own. */
  async quotaProjects(): Promise<string[]> {
    const { rows } = await this.lookups.query<{ id: string }>(`SELECT id FROM ${this.tables.of('quota')} ORDER BY id`);
    return rows.map(({ id }) => id);
  }

  private async markerOf(
    resource: Resource,
    query: ListQuery,
    scope: Scope,
    signal: AbortSignal,
  ): Promise<string[] | null> {
    if (query.marker === null) return null;
    if (scope !== null) await this.byIds(resource, [query.marker], scope);
    const [row] = await this.rows<Record<string, string>>(markerRow(resource, query, this.tables), signal);
    if (!row) throw resource.notFound(query.marker);
    return query.sorts.map((_sort, n) => row[`k${n}`] as string);
  }

  private async rows<T extends object>(statement: Statement, signal: AbortSignal): Promise<T[]> {
    const rows: T[] = [];
    await this.each<T>(statement, signal, (row) => rows.push(row));
    return rows;
  }

  /** `use` is called with each row as it is parsed; what it throws is thrown once all have come. */
  private async each<T extends object>(
    { text, values }: Statement,
    signal: AbortSignal,
    use: (row: T) => void,
  ): Promise<void> {
    let failed: { error: unknown } | undefined;
    const onRow = (row: T): void => {
      if (failed) return;
      try {
        use(row);
      } catch (error) {
        failed = { error };
      }
    };
    const query: BoundedQuery = { text, values: [...values], signal, onRow };
    try {
      await this.pool.query(query);
    } catch (error) {
      if (signal.aborted) throw new ClientGone();
      if (ENDED.includes((error as { code?: string }).code ?? '')) throw tooMuchWork();
      throw error;
    }
    if (failed) throw failed.error;
  }
}

/** About what a row with its few columns takes; its document is in memory anyway. */
const ROW_BYTES = 1_000;

/** The objects are in memory: their text is made when it is sent. */
const pageOfRows = (rows: readonly Row[], textOf: (row: Row) => string): Page => ({
  ids: rows.map(({ id }) => id),
  portions: portionsOf(rows, textOf),
  heldBytes: rows.length * ROW_BYTES,
});
