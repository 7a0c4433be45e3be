import type http from 'node:http';

/** A plain sentence. */
export function say(reply: http.ServerResponse, status: number, text: string): void {
  const body = `${text}\n`;
  reply.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(body) });
  reply.end(body);
}
