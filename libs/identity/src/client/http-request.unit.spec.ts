/** Why there was no answer is said in words that help. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { httpRequest, reasonOf } from './http-request.js';

let server: Server;
let url: URL;
beforeAll(async () => {
  server = createServer((request, answer) => {
    // Begins an answer and does not end it.
    if (request.url === '/half') answer.write('so f');
    if (request.url === '/cut') answer.write('so f', () => request.socket.destroy());
    if (request.url === '/whole') answer.writeHead(201, { 'X-One': '1' }).end('done');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterAll(
  () =>
    new Promise((done) => {
      server.close(done);
      server.closeAllConnections();
    }),
);

it('is the whole answer, whatever its status', async () => {
  const { status, headers, text } = await httpRequest(new URL('/whole', url), { withinMs: 5_000 });
  expect([status, headers['x-one'], text]).toEqual([201, '1', 'done']);
});

it.each([
  ['/none', 'no whole answer within 0.2 s'],
  ['/half', 'no whole answer within 0.2 s'],
  ['/cut', 'aborted'],
])('%s: %s', async (path, reason) => {
  await expect(httpRequest(new URL(path, url), { withinMs: 200 })).rejects.toThrow(reason);
});

it('nobody listens there', async () => {
  // Port 9 of the loopback: discard, which nobody serves.
  await expect(httpRequest(new URL('http://127.0.0.1:9'), { withinMs: 5_000 })).rejects.toThrow('ECONNREFUSED');
});

it('of a name with several addresses each reason once', () => {
  const refused = (address: string): Error => new Error(`connect ECONNREFUSED ${address}:9696`);
  const errors = [refused('::1'), refused('127.0.0.1'), refused('127.0.0.1')];
  expect(reasonOf(new AggregateError(errors), 1_000)).toBe(
    'connect ECONNREFUSED ::1:9696; connect ECONNREFUSED 127.0.0.1:9696',
  );
});
