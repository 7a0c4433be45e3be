/**
 * The node's metadata service: an HTTP server on a socket that only the proxy's user can open. The proxy says which router or network, and which address, a question
 * came from; from these two the service finds who asks. Whoever is nobody's port gets 404, and nobody gets another one's.
 */
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@plumbline/telemetry';
import { ASKER_HEADERS, SOURCE_HEADER, type Asker } from '@plumbline/metadata-core';
import { Limits, type Rate } from './limits.js';
import { say } from './say.js';

/** Of a port what a backend needs. */
export type AskingPort = Readonly<{ id: string; deviceId: string; projectId: string }>;
/** What a guest asks, and who it is. `source`: its address. */
export type Question<P extends AskingPort = AskingPort> = Readonly<{
  method: string;
  /** With the query. */
  path: string;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
  port: P;
  source: string;
}>;

export interface Backend<P extends AskingPort = AskingPort> {
  /** Answers, whatever happens. */
  answer(question: Question<P>, reply: http.ServerResponse): Promise<void>;
  close(): void;
}

export type ServiceOptions<P extends AskingPort> = Readonly<{
  socket: string;
  /** Who may open the socket: a user of this node, or null for root alone. */
  user: string | null;
  /** The port that asks; null: nobody's. `undefined`: nothing is known of this node yet. */
  whoAsks(asker: Asker, source: string): P | null | undefined;
  backend: Backend<P>;
  logger: Logger;
  rate?: Rate;
}>;

/** What a guest may send with a question. */
const MOST_BYTES = 64 * 1024;
/** A guest that configures itself asks for some fifty paths. */
const RATE: Rate = { perSecond: 20, burst: 200 };
/** How long a question waits until something is known of the node. */
const WAIT_MS = 10_000;
/** How long a guest may take to send a question. */
const REQUEST_MS = 10_000;

/** Listen before use; close when done. */
export class MetadataService<P extends AskingPort = AskingPort> {
  private readonly server: http.Server;
  private readonly limits: Limits;

  constructor(private readonly options: ServiceOptions<P>) {
    this.limits = new Limits(options.rate ?? RATE);
    this.server = http.createServer({ requestTimeout: REQUEST_MS }, (request, reply) => {
      void this.answer(request, reply).catch((err) => {
        this.options.logger.error({ err, step: 'metadata' }, 'a question for metadata could not be answered');
        if (reply.headersSent) reply.destroy();
        else say(reply, 500, 'The question could not be answered: the log of this node says why.');
      });
    });
  }

  /** A socket that is there is an older agent's: it is taken over. Rejects when it cannot listen. */
  async listen(): Promise<void> {
    const { socket, user } = this.options;
    const owner = user === null ? null : userOf(user);
    mkdirSync(path.dirname(socket), { recursive: true });
    // The proxy's user must get through, and see nothing.
    chmodSync(path.dirname(socket), 0o711);
    rmSync(socket, { force: true });
    const mask = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        this.server.once('error', reject);
        this.server.listen({ path: socket, backlog: 1_024 }, () => resolve());
      });
    } finally {
      process.umask(mask);
    }
    if (owner) chownSync(socket, owner.uid, owner.gid);
  }

  private async answer(request: http.IncomingMessage, reply: http.ServerResponse): Promise<void> {
    const asker = askerOf(request.headers);
    const source = one(request.headers[SOURCE_HEADER.toLowerCase()]);
    if (!asker || source === null) return say(reply, 400, 'This is for the proxy of this node.');
    if (!this.limits.take(`${asker.kind}/${asker.id} ${source}`)) {
      reply.setHeader('Retry-After', '1');
      return say(reply, 429, 'Too many questions: ask again in a second.');
    }
    const port = await this.whoAsks(asker, source);
    if (port === undefined) return say(reply, 503, 'Nothing is known of this node yet: ask again.');
    if (port === null) return say(reply, 404, 'No instance has this address.');
    const body = await bodyOf(request);
    if (body === null) return say(reply, 413, `A question may have at most ${MOST_BYTES} bytes.`);
    const { method = 'GET', url = '/', headers } = request;
    await this.options.backend.answer({ method, path: url, headers, body, port, source }, reply);
  }

  /** An agent that has just started is waited for. */
  private async whoAsks(asker: Asker, source: string): Promise<P | null | undefined> {
    for (const end = performance.now() + WAIT_MS; ; await delay(50)) {
      const port = this.options.whoAsks(asker, source);
      if (port !== undefined || performance.now() > end) return port;
    }
  }

  async close(): Promise<void> {
    this.options.backend.close();
    this.server.closeAllConnections();
    if (this.server.listening) await new Promise((resolve) => this.server.close(resolve));
  }
}

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const one = (value: string | string[] | undefined): string | null => (typeof value === 'string' ? value : null);

/** Null: neither, or both. */
function askerOf(headers: http.IncomingHttpHeaders): Asker | null {
  const said = (['router', 'network'] as const).flatMap((kind): Asker[] => {
    const id = one(headers[ASKER_HEADERS[kind].toLowerCase()]);
    return id === null ? [] : [{ kind, id }];
  });
  const [asker] = said;
  return asker && said.length === 1 && ID.test(asker.id) ? asker : null;
}

/** Null: too large. */
async function bodyOf(request: http.IncomingMessage): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MOST_BYTES) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function userOf(name: string): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined)
    throw new Error(`this node has no user "${name}": install haproxy on it, whose package makes it`);
  return { uid: Number(uid), gid: Number(gid) };
}
