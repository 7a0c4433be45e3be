/** From bytes that arrived to messages: what is not well-formed is no message. */
import { Beacon, FeedMessage, FeedRefusal, KINDS } from '@plumbline/contracts';

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const ofKnownKind = (item: unknown): boolean => isRecord(item) && (KINDS as readonly unknown[]).includes(item['kind']);

/**
 * A feed message or a refusal: both come on a host's feed. Objects of a kind that this release does not know are left out: it has no hand for them, and a
 * later release refolds (catalogue). Null for anything else.
 */
export function parseFeed(body: unknown): FeedMessage | FeedRefusal | null {
  if (!isRecord(body)) return null;
  if ('refused' in body) return FeedRefusal.safeParse(body).data ?? null;
  const known = (list: unknown): unknown => (Array.isArray(list) ? list.filter(ofKnownKind) : list);
  return FeedMessage.safeParse({ ...body, entered: known(body['entered']), left: known(body['left']) }).data ?? null;
}

export const parseBeacon = (body: unknown): Beacon | null => Beacon.safeParse(body).data ?? null;
