// One connection to an OVSDB server: JSON-RPC 1.0 (RFC 7047 section 4) over a stream socket. Lives as long as its socket.
import { connect as connectSocket, type Socket } from 'node:net';
import { OvsdbOutcomeUnknown, OvsdbRequestRefused, OvsdbUnreachable } from './errors.js';
import { JsonStream } from './json-stream.js';

/** Called with each notification of the server, in the order of the wire. */
export type NotificationListener = (method: string, params: readonly unknown[]) => void;

interface Waiting {
  readonly method: string;
  readonly answered: (result: unknown) => void;
  readonly failed: (error: Error) => void;
  readonly timer: NodeJS.Timeout | undefined;
}

interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: readonly unknown[];
  readonly result?: unknown;
  readonly error?: unknown;
}

/** A live connection. Made by openRpc. */
export class Rpc {
  private readonly stream = new JsonStream();
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 1;
  private ended: Error | undefined;
  private probe: NodeJS.Timeout | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly remote: string,
    private readonly notified: NotificationListener,
    private readonly closed: (error: Error) => void,
    probeMs: number,
  ) {
    socket.on('data', (chunk) => this.received(chunk));
    socket.on('error', (error) => this.end(error));
    socket.on('close', () => this.end(new Error('the server closed the connection')));
    if (probeMs > 0) {
      this.probe = setInterval(() => {
        const dead = (error: Error): void => this.end(error);
        this.request('echo', [], probeMs, () => undefined, dead);
      }, probeMs);
      this.probe.unref();
    }
  }

  /**
   * Sends a request. `answered` runs before any later message of the server is processed, which a promise could not
   * guarantee: a monitor's first state must be in place before its first change.
   */
  request(
    method: string,
    params: readonly unknown[],
    timeoutMs: number,
    answered: (result: unknown) => void,
    failed: (error: Error) => void,
  ): void {
    if (this.ended) return failed(new OvsdbUnreachable(this.remote, this.ended.message));
    const id = this.nextId++;
    const late = (): void => {
      this.waiting.delete(id);
      failed(new OvsdbOutcomeUnknown(this.remote, method, `no answer within ${timeoutMs} ms`));
    };
    const timer = timeoutMs > 0 ? setTimeout(late, timeoutMs) : undefined;
    this.waiting.set(id, { method, answered, failed, timer });
    this.socket.write(JSON.stringify({ id, method, params }));
  }

  /** Breaks the connection; requests without an answer fail. May be called again. */
  end(why: Error): void {
    if (this.ended) return;
    this.ended = why;
    clearInterval(this.probe);
    this.socket.destroy();
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const { method, failed, timer } of waiting) {
      clearTimeout(timer);
      failed(new OvsdbOutcomeUnknown(this.remote, method, `the connection broke (${why.message})`));
    }
    this.closed(why);
  }

  private received(chunk: Buffer): void {
    try {
      for (const message of this.stream.push(chunk)) this.take(message as Message);
    } catch (error) {
      this.end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private take(message: Message): void {
    if (message.method === 'echo' && message.id !== null && message.id !== undefined) {
      this.socket.write(JSON.stringify({ id: message.id, result: message.params ?? [], error: null }));
    } else if (message.method !== undefined) {
      this.notified(message.method, message.params ?? []);
    } else if (typeof message.id === 'number') {
      const waiting = this.waiting.get(message.id);
      if (!waiting) return;
      this.waiting.delete(message.id);
      clearTimeout(waiting.timer);
      if (message.error !== null && message.error !== undefined) {
        waiting.failed(new OvsdbRequestRefused(waiting.method, message.error));
      } else waiting.answered(message.result);
    }
  }
}

/** Opens a connection to `unix:PATH`, `tcp:HOST:PORT` or `tcp:[IPV6]:PORT`; rejects with OvsdbUnreachable. */
export function openRpc(
  remote: string,
  timeoutMs: number,
  probeMs: number,
  notified: NotificationListener,
  closed: (error: Error) => void,
): Promise<Rpc> {
  const address = parseRemote(remote);
  return new Promise((resolve, reject) => {
    const socket = connectSocket(address);
    const failed = (why: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new OvsdbUnreachable(remote, why));
    };
    const timer = setTimeout(() => failed(`not connected within ${timeoutMs} ms`), timeoutMs);
    const onError = (error: NodeJS.ErrnoException): void => failed(error.code ?? error.message);
    socket.once('error', onError);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', onError);
      resolve(new Rpc(socket, remote, notified, closed, probeMs));
    });
  });
}

/** The address in OVSDB's notation, ovsdb(7). Refuses what is neither unix nor tcp. */
export function parseRemote(remote: string): { path: string } | { host: string; port: number } {
  if (remote.startsWith('unix:') && remote.length > 5) return { path: remote.slice(5) };
  const tcp = /^tcp:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(remote);
  const host = tcp?.[1] ?? tcp?.[2];
  if (tcp && host !== undefined) return { host, port: Number(tcp[3]) };
  throw new TypeError(
    `${JSON.stringify(remote)} is not an OVSDB address: use unix:PATH, tcp:HOST:PORT or tcp:[IPV6]:PORT`,
  );
}
