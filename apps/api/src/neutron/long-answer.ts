/**
 * JSON that may be long: made in portions, and only as fast as the client takes it.
 *
 * Goals: no answer occupies the event loop for long, and a slow client does not make the process hold the text of a long one.
 * Design: a list's rows are all read before its first byte is sent, so it is one state of the database, and status and headers are decided. What is short is sent
 * whole, with its length. Of what is longer each portion is made when the client has taken the one before it (chunked). When one cannot be made, the connection is
 * reset: half an answer never looks like a whole one.
 */
import type { ServerResponse } from 'node:http';
import { ClientGone } from '../errors/client-gone.js';
import { portionTurn } from '../loop.js';

/** Made at a time: a millisecond or two of presenting objects and writing JSON. */
const PORTION_LENGTH = 64 * 1024;
const PORTION_ITEMS = 100;
/** Sent whole up to here. */
export const SHORT_LENGTH = 1024 * 1024;

type Text = string | Buffer;

/** Which objects are in a list, and their texts in portions, which are asked for once. `heldBytes`: about what is held until they are sent. */
export type Page = Readonly<{ ids: readonly string[]; portions: Iterable<Text>; heldBytes: number }>;

/** `{"<collection>": [...], "<collection>_links": [...]}`; no links when there are none. */
export class ListAnswer {
  constructor(
    private readonly collection: string,
    private readonly page: Page,
    private readonly links: readonly unknown[],
  ) {}

  get heldBytes(): number {
    return this.page.heldBytes;
  }

  /** The text. Each portion is made in a turn of the event loop of its own, when it is asked for; the first at once. */
  async *inTurns(): AsyncGenerator<Text, void, void> {
    let before = `{${JSON.stringify(this.collection)}:[`;
    for (const text of this.page.portions) {
      yield before;
      yield text;
      await portionTurn();
      before = ',';
    }
    if (before !== ',') yield before;
    const links = `,${JSON.stringify(`${this.collection}_links`)}:${JSON.stringify(this.links)}`;
    yield this.links.length > 0 ? `]${links}}` : ']}';
  }
}

/** Collects texts of a list's objects into portions of it. */
export class Portion {
  private texts: string[] = [];
  private length = 0;

  add(text: string): void {
    this.texts.push(text);
    this.length += text.length + 1;
  }

  get isFull(): boolean {
    return this.length >= PORTION_LENGTH || this.texts.length >= PORTION_ITEMS;
  }

  /** What was collected since the last time; null: nothing. */
  take(reversed = false): string | null {
    if (this.texts.length === 0) return null;
    const text = (reversed ? this.texts.reverse() : this.texts).join(',');
    [this.texts, this.length] = [[], 0];
    return text;
  }
}

/** Texts of items in portions, each made when it is asked for. */
export function* portionsOf<T>(items: readonly T[], textOf: (item: T) => string): Generator<string, void, void> {
  const portion = new Portion();
  for (const item of items) {
    portion.add(textOf(item));
    if (portion.isFull) yield portion.take() as string;
  }
  const rest = portion.take();
  if (rest !== null) yield rest;
}

/** The whole text, when it is short; else what there is of it, and the rest. */
export async function beginning(
  answer: ListAnswer,
): Promise<Readonly<{ text: Text[]; rest: AsyncGenerator<Text> | null }>> {
  const rest = answer.inTurns();
  const text: Text[] = [];
  for (let length = 0; length <= SHORT_LENGTH;) {
    const { done, value } = await rest.next();
    if (done) return { text, rest: null };
    text.push(value);
    length += value.length;
  }
  return { text, rest };
}

/** Sends a body, portion by portion, as fast as the client takes it. Rejects with ClientGone when the client leaves, and as `portions` does. */
export async function sendInPortions(
  response: ServerResponse,
  begun: readonly Text[],
  portions: AsyncIterable<Text>,
): Promise<void> {
  for (const text of begun) response.write(text);
  for await (const text of portions) {
    if (response.closed) throw new ClientGone();
    if (!response.write(text)) await drained(response);
  }
  response.end();
}

/** Also when the client is gone. */
const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
    if (response.closed) done();
  });

export const oneText = (texts: readonly Text[]): Text =>
  texts.some((text) => typeof text !== 'string')
    ? Buffer.concat(texts.map((text) => Buffer.from(text as string)))
    : texts.join('');
