/**
 * The hash chain: `hash(n) = sha256(hash(n-1), n as 8 bytes big-endian, stored bytes of n)`, and `hash(0)` from the log's id, so that two logs
 * differ from the start. It finds accidents. Someone who can rewrite the log can rewrite the chain: compare with a hash kept elsewhere.
 */
import { createHash } from 'node:crypto';
import { Head, Verdict } from './event-store.js';

/** Hash (hex) at position 0. */
export function genesisHash(logId: string): string {
  return createHash('sha256').update(`plumbline log ${logId}`).digest('hex');
}

/** Hash (hex) of the event stored as `envelope` at `position` after `prevHash` (hex). */
export function chainHash(prevHash: string, position: number, envelope: string): string {
  const at = Buffer.alloc(8);
  at.writeBigInt64BE(BigInt(position));
  return createHash('sha256').update(Buffer.from(prevHash, 'hex')).update(at).update(envelope, 'utf8').digest('hex');
}

/** An event as stored, with the columns that repeat its envelope. */
export type StoredEvent = Readonly<{
  position: number;
  id: string;
  stream: string;
  streamVersion: number;
  type: string;
  version: number;
  envelope: string;
  hash: string;
}>;

/** Checks `pages` (events after `from`, in order) up to `head` and reports the first position that differs. */
export async function walkChain(
  from: Head,
  head: Head,
  pages: (after: number, upTo: number) => Promise<readonly StoredEvent[]>,
): Promise<Verdict> {
  let last = from;
  while (last.position < head.position) {
    const page = await pages(last.position, head.position);
    if (page.length === 0) return differs(last.position + 1, 'the event is missing');
    for (const event of page) {
      const due = last.position + 1;
      if (event.position !== due) return differs(due, `the event is missing; the next is at ${event.position}`);
      const hash = chainHash(last.hash, due, event.envelope);
      if (hash !== event.hash) return differs(due, `its stored bytes give hash ${hash}, the log holds ${event.hash}`);
      const column = columnThatDiffers(event);
      if (column) return differs(due, `its column ${column} differs from its stored bytes`);
      last = { position: due, hash };
    }
  }
  if (last.position !== head.position) return differs(head.position, `the head is before position ${last.position}`);
  if (last.hash !== head.hash)
    return differs(head.position, `the head holds hash ${head.hash}, its event ${last.hash}`);
  return { ok: true, head };
}

/** A verdict that the chain breaks at `position`. */
export const differs = (position: number, reason: string): Verdict => ({ ok: false, position, reason });

function columnThatDiffers(event: StoredEvent): string | undefined {
  const envelope = JSON.parse(event.envelope) as Record<string, unknown>;
  return (['id', 'stream', 'streamVersion', 'type', 'version'] as const).find((name) => envelope[name] !== event[name]);
}
