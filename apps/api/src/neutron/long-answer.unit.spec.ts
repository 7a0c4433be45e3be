/** Long answers on a real HTTP connection: what a client gets, a slow one, one that leaves, and one whose answer cannot be made to its end. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createLogger } from '@plumbline/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ClientGone } from '../errors/client-gone.js';
import { ErrorsFilter } from '../errors/errors.filter.js';
import { beginning, ListAnswer, oneText, type Page, portionsOf, sendInPortions, SHORT_LENGTH } from './long-answer.js';

const WORDS = 1_000;
const item = (n: number) => ({ n, text: 'x'.repeat(WORDS) });
/** More than both ends of a connection hold together. */
const MANY = 20_000;

const page = (count: number, made: (n: number) => void = () => undefined): Page => {
  const items = Array.from({ length: count }, (_, n) => n);
  const textOf = (n: number): string => {
    made(n);
    return JSON.stringify(item(n));
  };
  return { ids: items.map(String), portions: portionsOf(items, textOf), heldBytes: 0 };
};

let server: Server;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

/** Answers each request by `send`; resolves with its address. */
async function serve(send: (response: ServerResponse) => Promise<void>): Promise<number> {
  server = createServer((_request, response) => void send(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function ask(port: number): Promise<IncomingMessage> {
  // What breaks the response is heard there.
  const asked = request({ port, host: '127.0.0.1', agent: false }).on('error', () => undefined);
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return response;
}

const send = async (response: ServerResponse, answer: Page): Promise<void> => {
  const { text, rest } = await beginning(new ListAnswer('things', answer, []));
  if (rest) await sendInPortions(response, text, rest);
};

describe('a list', () => {
  it.each([0, 1, 70, 5_000])('of %i has the JSON it has in one piece', async (count) => {
    const links = count === 70 ? [{ rel: 'next', href: 'there' }] : [];
    const { text, rest } = await beginning(new ListAnswer('things', page(count), links));
    const all = [...text];
    for await (const more of rest ?? []) all.push(more);
    const things = Array.from({ length: count }, (_, n) => item(n));
    expect(oneText(all)).toBe(JSON.stringify({ things, ...(links.length > 0 && { things_links: links }) }));
    expect(rest === null).toBe(count * WORDS < SHORT_LENGTH);
  });

  it('whose texts are bytes already is the same', async () => {
    const portions = [Buffer.from('1,"ä"'), Buffer.from('3')];
    const { text } = await beginning(new ListAnswer('things', { ids: [], portions, heldBytes: 0 }, []));
    expect(oneText(text).toString()).toBe('{"things":[1,"ä",3]}');
  });

  it('is made as fast as its client takes it, and not faster', async () => {
    let made = 0;
    const port = await serve((response) =>
      send(
        response,
        page(MANY, (n) => (made = n)),
      ),
    );
    const response = await ask(port);
    response.pause();
    for (let before = -1; before !== made;) {
      before = made;
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(made).toBeLessThan(MANY / 2);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    expect(JSON.parse(Buffer.concat(chunks).toString()).things).toHaveLength(MANY);
  });

  it('is no longer made when its client has left', async () => {
    let made = 0;
    let ended: (error: unknown) => void = () => undefined;
    const end = new Promise((resolve) => (ended = resolve));
    const port = await serve((response) =>
      send(
        response,
        page(MANY, (n) => (made = n)),
      ).catch(ended),
    );
    (await ask(port)).destroy();
    expect(await end).toBeInstanceOf(ClientGone);
    expect(made).toBeLessThan(MANY - 1);
  });

  it('that cannot be made to its end never looks like a whole one, to no client', async () => {
    const filter = new ErrorsFilter(createLogger({ name: 'spec', level: 'silent' }));
    const broken = (): Page =>
      page(MANY, (n) => {
        if (n === MANY - 1) throw new Error('no text');
      });
    const port = await serve((response) =>
      send(response, broken()).catch((error: unknown) =>
        filter.answer(error, { raw: response.req } as FastifyRequest, { raw: response } as FastifyReply),
      ),
    );
    const read = async (): Promise<void> => {
      for await (const chunk of await ask(port)) void chunk;
    };
    await expect(read()).rejects.toMatchObject({ code: 'ECONNRESET' });
    const old = connect(port, '127.0.0.1').resume();
    old.write('GET / HTTP/1.0\r\n\r\n');
    await expect(once(old, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});
