/**
 * Questions for and answers about instances, cut to what the broker takes in one message. An answer is data of whole instances; one instance whose data alone is
 * too large for a message is sent as slices of its answer's text.
 */
import { createHash } from 'node:crypto';
import {
  InstanceAnswer,
  type InstanceAsk,
  type InstanceMessage,
  InstancesChanged,
  InstanceSlice,
  MOST_INSTANCES_ASKED,
} from '@plumbline/contracts';
import { bytesOf, pagesOf } from './parts.js';

type Asked = InstanceAsk['instances'][number];

/** The instances in order, as lists that each fit in one question of at most `maxBytes` of JSON. None: no list. */
export function questionsOf(instances: readonly Asked[], maxBytes: number): (readonly Asked[])[] {
  const pages = pagesOf(instances, maxBytes - FRAME_BYTES).filter((page) => page.length > 0);
  return pages.flatMap((page) =>
    Array.from({ length: Math.ceil(page.length / MOST_INSTANCES_ASKED) }, (_, at) =>
      page.slice(at * MOST_INSTANCES_ASKED, (at + 1) * MOST_INSTANCES_ASKED),
    ),
  );
}

/** Bytes that a question, an answer and a slice need around what they carry: ids, the host's name, names of members. */
const FRAME_BYTES = 700;

type Lists = Pick<InstanceAnswer, 'set' | 'same' | 'gone' | 'later'>;
type Listed = { [L in keyof Lists]: Readonly<{ list: L; item: Lists[L][number] }> }[keyof Lists];
const LISTS = ['set', 'same', 'gone', 'later'] as const;

/** The messages that carry an answer: each of at most `maxBytes` of JSON, `last` on the last of them alone, and only where the answer bears it. */
export function answersOf(answer: InstanceAnswer, maxBytes: number): (InstanceAnswer | InstanceSlice)[] {
  const listed = LISTS.flatMap((list) => answer[list].map((item) => ({ list, item }) as Listed));
  const pages = pagesOf(listed, maxBytes - FRAME_BYTES);
  return pages.flatMap((page, at): (InstanceAnswer | InstanceSlice)[] => {
    const of = <L extends keyof Lists>(list: L) =>
      page.flatMap((each) => (each.list === list ? [each.item] : [])) as Lists[L];
    const message: InstanceAnswer = {
      ...{ log: answer.log, host: answer.host, ask: answer.ask },
      ...{ set: of('set'), same: of('same'), gone: of('gone'), later: of('later') },
      last: answer.last && at === pages.length - 1,
    };
    return bytesOf(message) <= maxBytes ? [message] : slicesOf(message, maxBytes);
  });
}

/** However small the broker's limit is: each slice carries something. */
const LEAST_SLICE = 48;

function slicesOf(answer: InstanceAnswer, maxBytes: number): InstanceSlice[] {
  const bytes = Buffer.from(JSON.stringify(answer));
  const set = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  // Base64 makes four characters of three bytes.
  const each = Math.max(LEAST_SLICE, Math.floor((maxBytes - FRAME_BYTES) / 4) * 3);
  const of = Math.ceil(bytes.length / each);
  return Array.from({ length: of }, (_, at) => ({
    ...{ log: answer.log, host: answer.host, slice: { index: at + 1, of, set } },
    text: bytes.subarray(at * each, (at + 1) * each).toString('base64'),
  }));
}

/** Null for anything but a message of a host's subject of instances. */
export function parseInstances(body: unknown): InstanceMessage | null {
  if (typeof body !== 'object' || body === null) return null;
  if ('slice' in body) return InstanceSlice.safeParse(body).data ?? null;
  if ('changed' in body) return InstancesChanged.safeParse(body).data ?? null;
  return InstanceAnswer.safeParse(body).data ?? null;
}

/** Incomplete answers that are kept. A lost slice leaves one behind; its instance is asked for again. */
const KEPT_UNFINISHED = 4;

/** Joins slices, which may arrive in any order and more than once. */
export class InstanceJoiner {
  private readonly unfinished = new Map<string, Map<number, string>>();

  /** The answer when this slice was the last one missing; null before, and for slices that join to no answer of this log and host. */
  add({ log, host, slice: { index, of, set }, text }: InstanceSlice): InstanceAnswer | null {
    const name = `${log} ${host} ${of} ${set}`;
    const have = this.unfinished.get(name) ?? new Map<number, string>();
    this.unfinished.delete(name);
    if (index <= of) have.set(index, text);
    if (have.size < of) {
      this.unfinished.set(name, have);
      for (const oldest of this.unfinished.keys()) {
        if (this.unfinished.size <= KEPT_UNFINISHED) break;
        this.unfinished.delete(oldest);
      }
      return null;
    }
    const pieces = [...have].sort(([a], [b]) => a - b).map(([, piece]) => Buffer.from(piece, 'base64'));
    const answer = parsed(Buffer.concat(pieces).toString());
    return answer?.log === log && answer.host === host ? answer : null;
  }
}

function parsed(text: string): InstanceAnswer | null {
  try {
    return InstanceAnswer.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
