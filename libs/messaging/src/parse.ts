/**
 * Parses what arrives from NATS, once; the code behind it gets typed data and parses nothing again. What is not well-formed is ignored.
 *
 * Messages may come from another release. One part of a message that this release does not know must not make it ignore the whole message:
 * - An object or a name of an unknown kind is left out: an agent does nothing with it, and a later release asks for it (see the catalogue version).
 * - An object of a known kind that cannot be read is listed in `unreadable`: it may be on the node already, so it is frozen and not removed.
 * - An event of an unknown type or version freezes its object when it is folded (`fold` in libs/topology).
 */
import {
  AnyObject,
  Beacon,
  FeedMessage,
  FeedPart,
  FeedRefusal,
  FeedSlice,
  KINDS,
  type Kind,
} from '@plumbline/contracts';
import { z } from 'zod';

/** A message without its objects, which are parsed one by one. */
const Frame = FeedMessage.omit({ entered: true, left: true }).extend({
  entered: z.array(z.unknown()),
  left: z.array(z.unknown()),
});
type Name = FeedMessage['left'][number];

const known: ReadonlySet<unknown> = new Set(KINDS);
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Null for an item of an unknown kind; undefined for one without kind or id. */
function nameOf(item: unknown): Name | null | undefined {
  if (!isRecord(item) || typeof item['kind'] !== 'string' || typeof item['id'] !== 'string') return undefined;
  return known.has(item['kind']) ? { kind: item['kind'] as Kind, id: item['id'] } : null;
}

/** A feed message, a slice of one or a refusal: all arrive on a host's feed. Null for anything else. */
export function parseFeed(body: unknown): FeedPart | FeedRefusal | null {
  if (isRecord(body) && 'slice' in body) return FeedSlice.safeParse(body).data ?? null;
  if (isRecord(body) && 'refused' in body) return FeedRefusal.safeParse(body).data ?? null;
  const frame = Frame.safeParse(body).data;
  if (!frame) return null;
  const entered: AnyObject[] = [];
  const unreadable: Name[] = [...(frame.unreadable ?? [])];
  for (const item of frame.entered) {
    const object = AnyObject.safeParse(item);
    if (object.success) {
      entered.push(object.data);
      continue;
    }
    const name = nameOf(item);
    if (name === undefined) return null;
    if (name) unreadable.push(name);
  }
  const left: Name[] = [];
  for (const item of frame.left) {
    const name = nameOf(item);
    if (name === undefined) return null;
    if (name) left.push(isRecord(item) && item['elsewhere'] === true ? { ...name, elsewhere: true } : name);
  }
  return { ...frame, entered, left, ...(unreadable.length > 0 && { unreadable }) };
}

/** Null for anything but a beacon. */
export const parseBeacon = (body: unknown): Beacon | null => Beacon.safeParse(body).data ?? null;
