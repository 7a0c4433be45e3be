import { lstat, unlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import type { Health } from './health.js';
import { type Metrics, METRICS_TYPE } from './metrics.js';

/** Where and what a health server serves. */
export interface HealthServerOptions {
  /** A path: a UNIX socket. A number: a TCP port, 0 for any free one. */
  readonly listen: string | number;
  /** For a port: the address. Default 127.0.0.1. */
  readonly host?: string;
  readonly health: Health;
  /** Absent: none are served. */
  readonly metrics?: Metrics;
}

/** A health server that listens. */
export interface HealthServer {
  /** The socket path, or the port it got. */
  readonly address: string | number;
  /** Stops listening and removes the socket; may be called again. */
  close(): Promise<void>;
}

/**
 * Serves `GET /health`: 503 when a check fails, else 200, with the report as JSON in both cases; and `GET /metrics`. The socket of a
 * program that died is replaced. If somebody listens on it, the call rejects with EADDRINUSE.
 */
export async function serveHealth(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://health');
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(request.method === 'HEAD' ? undefined : `${JSON.stringify(body)}\n`);
    };
    const metrics = pathname === '/metrics' ? options.metrics : undefined;
    if (pathname !== '/health' && !metrics) return answer(404, { error: 'only /health and /metrics are served here' });
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, { error: 'only GET is served here' });
    if (metrics) {
      response.writeHead(200, { 'content-type': METRICS_TYPE });
      response.end(request.method === 'HEAD' ? undefined : metrics.text());
      return;
    }
    void options.health.report().then((report) => answer(report.status === 'failing' ? 503 : 200, report));
  });
  server.requestTimeout = 5000;
  if (typeof options.listen === 'string') await removeDeadSocket(options.listen);
  await listen(server, options);
  const bound = server.address();
  return {
    address: bound !== null && typeof bound === 'object' ? bound.port : options.listen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, options: HealthServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const listening = (): void => {
      server.off('error', reject);
      resolve();
    };
    if (typeof options.listen === 'string') server.listen(options.listen, listening);
    else server.listen(options.listen, options.host ?? '127.0.0.1', listening);
  });
}

async function removeDeadSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found?.isSocket()) return;
  const dead = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(false);
    });
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
  if (dead) await unlink(path).catch(() => undefined);
}
