/**
 * The only place that connects to PostgreSQL: every call of every process goes over a connection that is opened here (lint forbids `pg` elsewhere).
 *
 * Goals: each call ends within its deadline, also when the server stays silent; a connection that fell silent is dropped and replaced, and so are the others
 * to the same server before anybody waits on them; a statement does not run on at the server after its client has given it up.
 * Design: the server ends a statement by itself (`statement_timeout`, `lock_timeout`) a little before the client's deadline, so that a slow statement costs its caller
 * an error and nothing else. If not even that error arrives by the deadline, the connection is silent: its socket is closed, and with it every idle connection to
 * this server that has not been heard since. The server notices clients that are gone (`client_connection_check_interval` while a statement runs, TCP keepalives
 * otherwise). A call may bring a `signal`: when it is aborted, the server is asked to cancel the statement. A long answer is read in portions, so that it does not
 * occupy the event loop until its last row is parsed: after each the socket waits for `turn`, and the server waits for the socket.
 * Roads not taken: pg's own `query_timeout`, which gives the error and keeps the silent connection in the pool, where the next call waits on it; a cancel request
 * for every call past its deadline, which would end a commit's wait for its synchronous standby and so show what is not replicated yet; cursors, which cost each
 * short list round trips of its own.
 */
import { connect, type Socket } from 'node:net';
import pg from 'pg';

export type ConnectionOptions = Readonly<{
  url: string;
  /** `application_name`: how the server lists the connection. */
  name: string;
  /** Within which a call is answered, in ms; `deadlineMs` of a call replaces it. */
  deadlineMs: number;
  /** Within which a connection is there, in ms. Default: `deadlineMs`, at most 5,000. */
  connectMs?: number;
  /** Settings of the session beside those that are set here. */
  settings?: Readonly<Record<string, string>>;
  /** Resolves when this process may parse another portion of a long answer. Without it answers are parsed as they come. */
  turn?: () => Promise<void>;
}>;

export type PoolOptions = ConnectionOptions &
  Readonly<{
    /** Number of connections, at most. */
    connections: number;
    /** Is told when an idle connection is lost; the pool replaces it. */
    onLoss?: (error: Error) => void;
    /** Must succeed on each new connection before it is used; when it rejects, the connection is closed and its caller gets the error. */
    admit?: (client: pg.ClientBase) => Promise<void>;
  }>;

/**
 * A call's own deadline (the session's `statement_timeout` is not changed by it), a signal that cancels it, and who gets the rows as they are parsed: the result
 * then has none. `onRow` must not throw. Give it as the first argument of `query`.
 */
export type BoundedQuery = pg.QueryConfig &
  Readonly<{ deadlineMs?: number; signal?: AbortSignal; onRow?: (row: never) => void }>;

/** The server was silent: the call may have been carried out, or may still be. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  /** As of an operating system's time-out: the connection is lost. */
  readonly code = 'ETIMEDOUT';
  constructor(deadlineMs: number) {
    super(`the database did not answer within ${deadlineMs} ms; the connection was closed`);
  }
}

/** Within which one statement of a migration or a rebuild is answered: large tables are rewritten, and others may hold the migrations' lock meanwhile. */
export const MIGRATION_DEADLINE_MS = 3_600_000;

const CONNECT_MS = 5_000;
/** How long a connection may take to be closed in good order. */
const END_MS = 1_000;
/** Idle time before the first keepalive probe, at both ends. */
const KEEPALIVE_MS = 10_000;
/** What is parsed of an answer before others get their turn: as much as Node reads from a socket at once; a millisecond or two. */
const PORTION_BYTES = 64 * 1024;
/** A cancelled statement ends at once unless the server is silent. */
const CANCEL_MS = 1_000;

/** How long the server works on a statement whose client waits `deadlineMs`: less, so that its answer still arrives. */
export const serverMs = (deadlineMs: number): number => Math.max(1, deadlineMs - Math.min(1_000, deadlineMs / 4));

/** A pool whose calls are all bounded. Connects when it is used. */
export function openPool(options: PoolOptions): pg.Pool {
  const { admit, onLoss } = options;
  const pool = new pg.Pool({
    ...configOf(options),
    max: options.connections,
    // pg makes its clients with `new`: this constructor returns another object than the one it is given.
    Client: function (config: pg.ClientConfig) {
      return bounded(new pg.Client(config), options);
    } as unknown as new () => pg.Client,
    ...(admit && { onConnect: admit }),
  });
  pool.on('error', (error) => onLoss?.(error));
  return pool;
}

/** One connection, open. Rejects when it cannot be opened in time. */
export async function openClient(options: ConnectionOptions): Promise<pg.Client> {
  const client = bounded(new pg.Client(configOf(options)), options);
  try {
    await client.connect();
  } catch (error) {
    drop(client);
    throw error;
  }
  return client;
}

/** Closes the socket at once; calls under way are rejected. */
export function drop(client: pg.ClientBase, reason?: Error): void {
  socketOf(client).destroy(reason);
}

const socketOf = (client: pg.ClientBase): Socket =>
  (client as unknown as { connection: { stream: Socket } }).connection.stream;

function configOf({ url, name, deadlineMs, connectMs, settings }: ConnectionOptions): pg.ClientConfig {
  const all = {
    client_connection_check_interval: '1s',
    tcp_keepalives_idle: `${KEEPALIVE_MS / 1_000}`,
    tcp_keepalives_interval: '5',
    tcp_keepalives_count: '3',
    ...settings,
  };
  return {
    connectionString: url,
    application_name: name,
    connectionTimeoutMillis: connectMs ?? Math.min(deadlineMs, CONNECT_MS),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    statement_timeout: Math.ceil(serverMs(deadlineMs)),
    lock_timeout: Math.ceil(serverMs(deadlineMs)),
    options: Object.entries(all)
      .map(([setting, value]) => `-c ${setting}=${value}`)
      .join(' '),
  };
}

/** What is known about a connection. `heardAt` and `sinceMs` are of `performance.now()`. */
type Watch = { calls: number; heardAt: number };

/** Open connections by the URL of their server. */
const connections = new Map<string, Map<pg.Client, Watch>>();

type Done = (error: Error | null | undefined, result?: pg.QueryResult) => void;
type Ask = (query: string | BoundedQuery, values: unknown[] | undefined, done: Done) => void;
type PgAsk = (query: string | BoundedQuery | pg.Query, values?: unknown[], done?: Done) => void;

/** Makes every call of the client end by its deadline. */
function bounded(client: pg.Client, { url, deadlineMs, turn }: ConnectionOptions): pg.Client {
  const watch: Watch = { calls: 0, heardAt: performance.now() };
  const others = connections.get(url) ?? new Map<pg.Client, Watch>();
  connections.set(url, others.set(client, watch));
  client.on('end', () => {
    others.delete(client);
    if (others.size === 0 && connections.get(url) === others) connections.delete(url);
  });
  // Whoever waits for an answer gets the error; without a listener Node would end the process.
  client.on('error', () => undefined);
  if (turn) client.once('connect', () => readInPortions(socketOf(client), turn));

  const ask = client.query.bind(client) as PgAsk;
  const call: Ask = (query, values, done) => {
    const own: Partial<BoundedQuery> = typeof query === 'string' ? {} : query;
    const limitMs = own.deadlineMs ?? deadlineMs;
    const { signal } = own;
    if (signal?.aborted) return process.nextTick(done, signal.reason as Error);
    const began = performance.now();
    let silent: NoAnswer | undefined;
    const fellSilent = (): void => {
      silent = new NoAnswer(limitMs);
      drop(client, silent);
      for (const [other, { calls, heardAt }] of others)
        if (calls === 0 && heardAt < began) drop(other, new NoAnswer(limitMs));
    };
    // One more turn of the event loop: after a pause of the whole process the answer may be in the socket, which is read right after the timers.
    let timer = setTimeout(() => setImmediate(() => answered || fellSilent()), limitMs);
    const abort = (): void => {
      cancel(client);
      clearTimeout(timer);
      timer = setTimeout(() => answered || fellSilent(), CANCEL_MS);
    };
    signal?.addEventListener('abort', abort, { once: true });
    let answered = false;
    watch.calls += 1;
    const settle: Done = (error, result) => {
      if (answered) return;
      answered = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      watch.calls -= 1;
      if (!silent) watch.heardAt = performance.now();
      done(silent ?? error, result);
    };
    try {
      if (own.onRow) ask(rowByRow(query as BoundedQuery, values, own.onRow, settle));
      else ask(query, values, settle);
    } catch (error) {
      settle(error as Error);
    }
  };
  client.query = ((query: string | BoundedQuery, values?: unknown[] | Done, callback?: Done) => {
    const done = typeof values === 'function' ? values : callback;
    const given = typeof values === 'function' ? undefined : values;
    if (done) return call(query, given, done);
    return new Promise((resolve, reject) =>
      call(query, given, (error, result) => (error ? reject(error) : resolve(result))),
    );
  }) as typeof client.query;

  const end = client.end.bind(client) as (done?: () => void) => Promise<void>;
  client.end = ((done?: () => void) => {
    const timer = setTimeout(() => drop(client), END_MS);
    client.once('end', () => clearTimeout(timer));
    return end(done);
  }) as typeof client.end;
  return client;
}

/** pg has parsed what came when this hears of it. */
function readInPortions(socket: Socket, turn: () => Promise<void>): void {
  let parsed = 0;
  socket.on('data', (chunk: Buffer) => {
    parsed += chunk.length;
    if (parsed < PORTION_BYTES || socket.isPaused()) return;
    parsed = 0;
    socket.pause();
    void turn().then(() => socket.resume());
  });
}

/** pg keeps no row of a query that has listeners and no callback. */
function rowByRow(
  query: BoundedQuery,
  values: unknown[] | undefined,
  onRow: (row: never) => void,
  done: Done,
): pg.Query {
  const asked = new pg.Query(query, values);
  asked.on('row', (row) => onRow(row as never));
  asked.on('end', (result) => done(null, result));
  asked.on('error', (error) => done(error));
  return asked;
}

/** Asks the server to cancel what runs on this connection: a message on a connection of its own (PostgreSQL, "Canceling Requests in Progress"). Nothing tells whether it did. */
function cancel(client: pg.Client): void {
  const { processID, secretKey } = client as unknown as { processID: number | null; secretKey: number | null };
  if (processID === null || secretKey === null) return;
  const { host, port } = client;
  const socket = connect(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
  socket.setTimeout(CANCEL_MS, () => socket.destroy());
  socket.on('error', () => undefined);
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(80_877_102, 4);
  request.writeInt32BE(processID, 8);
  request.writeInt32BE(secretKey, 12);
  socket.end(request);
}

/** A name as it is written in a statement. */
export const quotedName = pg.escapeIdentifier;
