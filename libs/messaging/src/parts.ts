/** Splits large messages and joins their parts, because a broker refuses payloads above its limit (NATS: 1 MiB unless configured otherwise). */
import { FeedMessage } from '@plumbline/contracts';

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

/**
 * The message as parts of at most `maxBytes` of JSON each; one part when it fits. Deterministic: two processes split the same message the same way. A single
 * object larger than the limit becomes a part of its own, which the broker will refuse.
 */
export function split(message: FeedMessage, maxBytes: number): FeedMessage[] {
  const frame = { ...message, part: { index: 9999, of: 9999 }, entered: [], left: [], events: [] };
  const room = maxBytes - bytesOf(frame);
  let whole = 0;
  for (const list of [message.events, message.left, message.entered])
    for (const item of list) whole += sizeOfItem(item) + 1;
  if (whole <= room) return [message];
  const parts: { entered: FeedMessage['entered']; left: FeedMessage['left']; events: FeedMessage['events'] }[] = [];
  let filled = Infinity;
  const add = <K extends 'entered' | 'left' | 'events'>(field: K, item: FeedMessage[K][number]): void => {
    const size = sizeOfItem(item) + 1;
    if (filled + size > room) {
      parts.push({ entered: [], left: [], events: [] });
      filled = 0;
    }
    filled += size;
    (parts.at(-1)?.[field] as FeedMessage[K][number][]).push(item);
  };
  for (const item of message.events) add('events', item);
  for (const item of message.left) add('left', item);
  for (const item of message.entered) add('entered', item);
  return parts.map((part, index) => ({ ...message, ...part, part: { index: index + 1, of: parts.length } }));
}

/** How many incomplete messages are kept. A lost part leaves one behind for ever; the agent then asks for the whole message again. */
const keptUnfinished = 8;

/** Joins parts, which may arrive in any order and more than once. */
export class Joiner {
  private readonly unfinished = new Map<string, Map<number, FeedMessage>>();

  /** The joined message when this part was the last one missing, else null. */
  add(part: FeedMessage): FeedMessage | null {
    const { of } = part.part;
    if (of === 1) return part;
    const name = `${part.log} ${part.prev} ${part.position} ${of}`;
    const have = this.unfinished.get(name) ?? new Map<number, FeedMessage>();
    this.unfinished.delete(name);
    have.set(part.part.index, part);
    if (have.size < of) {
      this.unfinished.set(name, have);
      for (const oldest of this.unfinished.keys()) {
        if (this.unfinished.size <= keptUnfinished) break;
        this.unfinished.delete(oldest);
      }
      return null;
    }
    const parts = [...have].sort(([a], [b]) => a - b).map(([, each]) => each);
    const unreadable = parts.flatMap((each) => each.unreadable ?? []);
    return {
      ...part,
      part: { index: 1, of: 1 },
      entered: parts.flatMap((each) => each.entered),
      left: parts.flatMap((each) => each.left),
      events: parts.flatMap((each) => each.events),
      ...(unreadable.length > 0 && { unreadable }),
    };
  }
}
