// An OVSDB client that reconnects by itself and restores its monitors.
//
// Goals: one socket for everything that a program asks of Open vSwitch; no polling; every failure says whether something
// may have been done. Design: requests without a connection fail at once; those in flight when it breaks fail with
// OvsdbOutcomeUnknown. Nothing is ever sent twice: the caller looks at the state that comes with the new connection.
// Road not taken: queueing requests during an outage. What was right before it may be wrong after it.
import { OvsdbError, OvsdbTransactionFailed, OvsdbUnreachable } from './errors.js';
import { MonitorCopy, type MonitorEvent, type TableTypes } from './monitor.js';
import type { Operation, OperationResult } from './operations.js';
import { openRpc, parseRemote, type Rpc } from './rpc.js';

/** Times in milliseconds. */
export interface OvsdbClientOptions {
  /** How long `connect` tries before it gives up. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** How long a request may take. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** The longest pause between attempts to connect; the first is 20. Default 1,000. */
  readonly maxBackoffMs?: number;
  /** Interval of keepalive requests; without an answer within the same time the connection is dropped. Default 5,000; 0: never. */
  readonly probeMs?: number;
}

/** Whether there is a connection; `error` says why there is none. */
export type ConnectionListener = (connected: boolean, error?: Error) => void;

/** A running watch. */
export interface Monitor {
  /** Ends it: the listener is not called again. */
  cancel(): void;
}

interface Watch {
  readonly id: number;
  readonly database: string;
  readonly copy: MonitorCopy;
  readonly listener: (event: MonitorEvent) => void;
}

/** A client of one OVSDB server. Close it when done. */
export class OvsdbClient {
  private readonly connectionListeners = new Set<ConnectionListener>();
  private readonly watches = new Map<number, Watch>();
  private rpc: Rpc | undefined;
  private nextWatch = 1;
  private closed = false;
  private retry: NodeJS.Timeout | undefined;

  private constructor(
    readonly remote: string,
    private readonly options: OvsdbClientOptions,
  ) {}

  /** Connects to `unix:PATH` or `tcp:HOST:PORT`, trying again until `connectTimeoutMs`; rejects with OvsdbUnreachable. */
  static async connect(remote: string, options: OvsdbClientOptions = {}): Promise<OvsdbClient> {
    parseRemote(remote);
    const client = new OvsdbClient(remote, options);
    client.connectSoon(0);
    try {
      await client.waitConnected(options.connectTimeoutMs ?? 10_000);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** True while requests can be sent. */
  get connected(): boolean {
    return this.rpc !== undefined;
  }

  /** Calls the listener whenever the connection breaks or is back, until the returned function is called. */
  onConnection(listener: ConnectionListener): () => void {
    this.connectionListeners.add(listener);
    return () => this.connectionListeners.delete(listener);
  }

  /** Resolves when there is a connection; rejects with the last reason when there is none in time. */
  waitConnected(timeoutMs: number): Promise<void> {
    if (this.rpc) return Promise.resolve();
    return new Promise((resolve, reject) => {
      let last = new OvsdbUnreachable(
        this.remote,
        this.closed ? 'the client was closed' : `not within ${timeoutMs} ms`,
      );
      const stop = this.onConnection((connected, error) => {
        if (error instanceof OvsdbUnreachable) last = error;
        if (connected || this.closed) end();
      });
      const end = (): void => {
        clearTimeout(timer);
        stop();
        if (this.rpc) resolve();
        else reject(last);
      };
      const timer = setTimeout(end, this.closed ? 0 : timeoutMs);
    });
  }

  /** Sends any request of RFC 7047 and returns its result. */
  request(method: string, params: readonly unknown[], options: { readonly timeoutMs?: number } = {}): Promise<unknown> {
    const rpc = this.rpc;
    if (!rpc)
      return Promise.reject(new OvsdbUnreachable(this.remote, this.closed ? 'the client was closed' : 'not now'));
    const timeoutMs = options.timeoutMs ?? this.options.requestTimeoutMs ?? 10_000;
    return new Promise((resolve, reject) => rpc.request(method, params, timeoutMs, resolve, reject));
  }

  /**
   * Does all operations or none, and returns one result each. Rejects with OvsdbTransactionFailed when the server refuses,
   * OvsdbUnreachable when nothing was sent, OvsdbOutcomeUnknown when no answer came. This client's monitors have received
   * its changes before it resolves.
   */
  async transact(
    database: string,
    operations: readonly Operation[],
    options: { readonly timeoutMs?: number } = {},
  ): Promise<readonly OperationResult[]> {
    const results = (await this.request('transact', [database, ...operations], options)) as readonly (
      (OperationResult & { readonly error?: string; readonly details?: string }) | null
    )[];
    const index = results.findIndex((result) => result !== null && typeof result.error === 'string');
    const failed = results[index];
    if (failed) {
      const where = index < operations.length ? index : undefined;
      const operation = where === undefined ? undefined : operations[where];
      throw new OvsdbTransactionFailed(where, operation, failed.error ?? '', failed.details ?? '');
    }
    return results.slice(0, operations.length).map((result) => result ?? {});
  }

  /**
   * Watches tables. The listener gets the existing rows as changes and then `synced`; after that each change, in the order
   * of commits. When the connection breaks it gets `lost`; with the new connection, what changed meanwhile and `synced`.
   * Resolves after the first `synced`.
   */
  monitor(database: string, types: TableTypes, listener: (event: MonitorEvent) => void): Promise<Monitor> {
    const watch = { id: this.nextWatch++, database, copy: new MonitorCopy(types), listener };
    return new Promise((resolve, reject) => {
      const rpc = this.rpc;
      if (!rpc) return reject(new OvsdbUnreachable(this.remote, this.closed ? 'the client was closed' : 'not now'));
      this.watches.set(watch.id, watch);
      const monitor = {
        cancel: (): void => {
          if (!this.watches.delete(watch.id)) return;
          void this.request('monitor_cancel', [watch.id]).catch(() => undefined);
        },
      };
      this.establish(
        rpc,
        watch,
        () => resolve(monitor),
        (error) => {
          this.watches.delete(watch.id);
          reject(error);
        },
      );
    });
  }

  /** Ends the connection for good. May be called again. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.retry);
    this.watches.clear();
    const rpc = this.rpc;
    if (rpc) rpc.end(new Error('the client was closed'));
    else this.tell(false, new Error('the client was closed'));
  }

  private establish(rpc: Rpc, watch: Watch, done: () => void, failed: (error: Error) => void): void {
    const timeoutMs = this.options.requestTimeoutMs ?? 10_000;
    rpc.request(
      'monitor_cond',
      [watch.database, watch.id, watch.copy.requests()],
      timeoutMs,
      (state) => {
        if (!this.watches.has(watch.id)) return;
        const changes = watch.copy.replace(state);
        if (changes.length > 0) watch.listener({ type: 'changes', changes });
        watch.listener({ type: 'synced' });
        done();
      },
      failed,
    );
  }

  private notified(method: string, params: readonly unknown[]): void {
    if (method === 'update2') {
      const watch = this.watches.get(params[0] as number);
      if (!watch) return;
      const changes = watch.copy.update(params[1]);
      if (changes.length > 0) watch.listener({ type: 'changes', changes });
    } else if (method === 'monitor_canceled') {
      this.rpc?.end(new OvsdbError('the server removed the database')); // all watches are restored
    }
  }

  private connectSoon(delayMs: number): void {
    if (this.closed) return;
    this.retry = setTimeout(() => void this.connectOnce(delayMs), delayMs);
  }

  private async connectOnce(lastDelayMs: number): Promise<void> {
    const { maxBackoffMs = 1000, probeMs = 5000 } = this.options;
    const notified = (method: string, params: readonly unknown[]): void => this.notified(method, params);
    try {
      const rpc = await openRpc(this.remote, Math.max(maxBackoffMs, 1000), probeMs, notified, (error) =>
        this.lost(error),
      );
      if (this.closed) return rpc.end(new Error('the client was closed'));
      this.rpc = rpc;
      for (const watch of this.watches.values()) {
        this.establish(
          rpc,
          watch,
          () => undefined,
          (error) => rpc.end(error),
        );
      }
      this.tell(true);
    } catch (error) {
      if (this.closed) return;
      this.tell(false, error as Error);
      this.connectSoon(Math.min(maxBackoffMs, Math.max(20, lastDelayMs * 2)));
    }
  }

  private lost(error: Error): void {
    if (!this.rpc) return;
    this.rpc = undefined;
    for (const watch of this.watches.values()) watch.listener({ type: 'lost', error });
    this.tell(false, error);
    this.connectSoon(20);
  }

  private tell(connected: boolean, error?: Error): void {
    for (const listener of [...this.connectionListeners]) listener(connected, error);
  }
}
