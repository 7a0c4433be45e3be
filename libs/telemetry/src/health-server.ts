import { lstat, unlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import type { Health } from './health.js';

/** Where and what a health server serves. */
export interface HealthServerOptions {
  /** A path: a UNIX socket. A number: a TCP port, 0 for any free one. */
  readonly listen: string | number;
  /** For a port: the address. Default 127.0.0.1. */
  readonly host?: string;
  readonly health: Health;
}

/** A health server that listens. */
export interface HealthServer {
  /** The socket path, or the port it got. */
  readonly address: string | number;
  /** Stops listening and removes the socket; may be called again. */
  close(): Promise<void>;
}

/**
 * Serves `GET /health`: 200 when all checks are well, else 503, with the report as JSON in both cases. The socket of a
 * program that died is replaced. If somebody listens on it, the call rejects with EADDRINUSE.
 */
export async function serveHealth(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://health');
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(request.method === 'HEAD' ? undefined : `${JSON.stringify(body)}\n`);
    };
    if (pathname !== '/health') return answer(404, { error: 'only /health is served here' });
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, { error: 'only GET is served here' });
    void options.health.report().then((report) => answer(report.status === 'ok' ? 200 : 503, report));
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
