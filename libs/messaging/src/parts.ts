/**
 * Cuts large messages by bytes and joins their parts, because a broker refuses payloads above its limit (NATS: 1 MiB unless configured otherwise; the server says
 * it when one connects).
 *
 * A part holds whole events and objects, so that an agent of an older release understands it. Where one of them alone is larger than a part, the message is cut as
 * text, wherever the cut falls: so every message arrives, whatever is in it.
 */
import { createHash } from 'node:crypto';
import { FeedMessage, FeedPart, FeedSlice } from '@plumbline/contracts';
import { parseFeed } from './parse.js';

/** Bytes of the value as JSON. */
export const bytesOf = (value: object): number => Buffer.byteLength(JSON.stringify(value));

/** Sizes by item: events and objects never change, and one often goes to a thousand hosts, so each is measured once. */
const sizes = new WeakMap<object, number>();

function sizeOfItem(item: object): number {
  let size = sizes.get(item);
  if (size === undefined) sizes.set(item, (size = bytesOf(item)));
  return size;
}

/** The items in order, as lists of at most `roomBytes` of JSON each. An item that is larger is a list of its own; no items are one empty list. */
export function pagesOf<T extends object>(items: readonly T[], roomBytes: number): T[][] {
  const pages: T[][] = [[]];
  let filled = 0;
  for (const item of items) {
    const size = sizeOfItem(item) + 1;
    if (filled > 0 && filled + size > roomBytes) {
      pages.push([]);
      filled = 0;
    }
    filled += size;
    pages.at(-1)?.push(item);
  }
  return pages;
}

type Item = Readonly<{ list: 'events' | 'left' | 'entered'; item: object }>;

/** The message as parts of at most `maxBytes` of JSON each; one part when it fits. */
export function split(message: FeedMessage, maxBytes: number): FeedPart[] {
  const part = { index: 9_999_999, of: 9_999_999, set: 'x'.repeat(setLength) };
  const room = maxBytes - bytesOf({ ...message, part, entered: [], left: [], events: [] });
  const items = (['events', 'left', 'entered'] as const).flatMap((list) =>
    message[list].map((item): Item => ({ list, item })),
  );
  let whole = 0;
  let largest = 0;
  for (const { item } of items) {
    const size = sizeOfItem(item) + 1;
    whole += size;
    largest = Math.max(largest, size);
  }
  if (whole <= room) return [message];
  const text = JSON.stringify(message);
  const set = createHash('sha256').update(text).digest('hex').slice(0, setLength);
  if (largest > room) return slices(message, text, set, maxBytes);
  const parts: Item[][] = [];
  let filled = Infinity;
  for (const each of items) {
    const size = sizeOfItem(each.item) + 1;
    if (filled + size > room) {
      parts.push([]);
      filled = 0;
    }
    filled += size;
    parts.at(-1)?.push(each);
  }
  const of = parts.length;
  return parts.map((held, index) => {
    const listed = (wanted: Item['list']) => held.flatMap(({ list, item }) => (list === wanted ? [item] : []));
    const lists = { entered: listed('entered'), left: listed('left'), events: listed('events') };
    return { ...message, ...(lists as Pick<FeedMessage, Item['list']>), part: { index: index + 1, of, set } };
  });
}

const setLength = 16;
/** However small the broker's limit is: each slice carries something. */
const leastSlice = 48;

function slices({ log, host, prev, position }: FeedMessage, text: string, set: string, maxBytes: number): FeedSlice[] {
  const frame = { log, host, prev, position, slice: { index: 9_999_999, of: 9_999_999, set }, text: '' };
  // Base64 makes four characters of three bytes.
  const each = Math.max(leastSlice, Math.floor((maxBytes - bytesOf(frame)) / 4) * 3);
  const bytes = Buffer.from(text);
  const of = Math.ceil(bytes.length / each);
  return Array.from({ length: of }, (_, at) => ({
    ...{ log, host, prev, position, slice: { index: at + 1, of, set } },
    text: bytes.subarray(at * each, (at + 1) * each).toString('base64'),
  }));
}

/** How many incomplete messages are kept. A lost part leaves one behind for ever; the agent then asks for the whole message again. */
const keptUnfinished = 8;

/** The slices of a message are no message. */
export class BadSlices extends Error {
  override readonly name = 'BadSlices';
  constructor(position: number) {
    super(`the parts of the message at position ${position} do not join to a feed message`);
  }
}

/** Joins parts, which may arrive in any order and more than once. */
export class Joiner {
  private readonly unfinished = new Map<string, Map<number, FeedPart>>();

  /** The joined message when this part was the last one missing, else null. Throws BadSlices. */
  add(part: FeedPart): FeedMessage | null {
    const { index, of, set = '' } = 'slice' in part ? part.slice : part.part;
    if (of === 1 && !('slice' in part)) return part;
    const name = `${part.log} ${part.prev} ${part.position} ${'slice' in part} ${of} ${set}`;
    const have = this.unfinished.get(name) ?? new Map<number, FeedPart>();
    this.unfinished.delete(name);
    have.set(index, part);
    if (have.size < of) {
      this.unfinished.set(name, have);
      for (const oldest of this.unfinished.keys()) {
        if (this.unfinished.size <= keptUnfinished) break;
        this.unfinished.delete(oldest);
      }
      return null;
    }
    const parts = [...have].sort(([a], [b]) => a - b).map(([, each]) => each);
    return 'slice' in part ? ofSlices(part, parts as FeedSlice[]) : ofParts(part, parts as FeedMessage[]);
  }
}

function ofParts(last: FeedMessage, parts: readonly FeedMessage[]): FeedMessage {
  const unreadable = parts.flatMap((each) => each.unreadable ?? []);
  return {
    ...last,
    part: { index: 1, of: 1 },
    entered: parts.flatMap((each) => each.entered),
    left: parts.flatMap((each) => each.left),
    events: parts.flatMap((each) => each.events),
    ...(unreadable.length > 0 && { unreadable }),
  };
}

function ofSlices(last: FeedSlice, parts: readonly FeedSlice[]): FeedMessage {
  const message = parsed(Buffer.concat(parts.map(({ text }) => Buffer.from(text, 'base64'))).toString());
  // What the slices say of the message, the message must say too: it is judged by it.
  const same = message && message.log === last.log && message.host === last.host && message.position === last.position;
  if (!same || message.prev !== last.prev) throw new BadSlices(last.position);
  return message;
}

function parsed(text: string): FeedMessage | null {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return null;
  }
  const message = parseFeed(body);
  return message && 'part' in message && message.part.of === 1 ? message : null;
}
