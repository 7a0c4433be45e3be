/** The node answers by itself, from its view and what owners gave: for clouds without Nova. */
import type http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Port } from '@plumbline/contracts';
import { documentOf, type Guest } from '@plumbline/metadata-core';
import { say } from './say.js';
import type { Backend, Question } from './service.js';

/** How long a question waits for what an owner gave, where nothing of it was heard yet. */
const WAIT_MS = 10_000;

/** `guestOf`: undefined while it is not known what its owner gave. */
export class BuiltinBackend implements Backend<Port> {
  constructor(private readonly guestOf: (port: Port) => Guest | undefined) {}

  async answer({ method, path, port }: Question<Port>, reply: http.ServerResponse): Promise<void> {
    if (method !== 'GET' && method !== 'HEAD') {
      reply.setHeader('Allow', 'GET, HEAD');
      return say(reply, 405, 'Metadata can only be read.');
    }
    const guest = await this.known(port);
    if (!guest) return say(reply, 503, 'What the owner of this instance gave it is not known here yet: ask again.');
    const document = documentOf(path, guest);
    if (!document) return say(reply, 404, 'There is nothing here.');
    const body = 'text' in document ? Buffer.from(document.text) : Buffer.from(document.base64, 'base64');
    reply.writeHead(200, { 'content-type': document.type, 'content-length': body.length });
    reply.end(method === 'HEAD' ? undefined : body);
  }

  private async known(port: Port): Promise<Guest | undefined> {
    for (const end = performance.now() + WAIT_MS; ; await delay(50)) {
      const guest = this.guestOf(port);
      if (guest || performance.now() > end) return guest;
    }
  }

  close(): void {
    return undefined;
  }
}
