/** What a text refers to, as far as the text itself says: ids, positions of our marks, addresses. Names are those of docs/reference/marks.md. */
import { canonicalAddress, IpAddress, type Kind, KINDS } from '@plumbline/contracts';
import { readCookie } from '@plumbline/ovs-core';
import { MOST_TEXT } from './text.js';

export type Reference = Readonly<{
  text: string;
  /** The whole text is one object: `port/<id>`, or an id of any kind. */
  object: Readonly<{ kind: Kind | null; id: string }> | null;
  /** The whole text is an event: `event 12`, `@12`. */
  event: number | null;
  /** Positions of marks in it: of a rule's comment, a flow's cookie. */
  positions: readonly number[];
  /** Ids in it: of a namespace's or program's name. */
  ids: readonly string[];
  /** First characters of ids, of devices and chains. */
  shortIds: readonly Readonly<{ kind: Kind; begins: string }>[];
  /** Canonical, without their prefix lengths. */
  addresses: readonly string[];
  macs: readonly string[];
}>;

const ID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const OBJECT = new RegExp(`^(?:([a-z]+)/)?(${ID}|[A-Za-z0-9._:+-]+)$`);
const IDS = new RegExp(`(?<![0-9a-f])${ID}(?![0-9a-f-])`, 'g');
/** Devices of a port: the characters behind these are the first of its id. */
const DEVICE = /(?<![a-z0-9])(?:qr-|qg-|ns-|tap|qvo|qvb|qbr)([0-9a-f]{8}-[0-9a-f]{2})(?![0-9a-f])/g;
const FORWARDING = /-(?:fip-)?pf-([0-9a-f]{8})(?![0-9a-f])/g;
/** Of each sort that a text may hold. */
const MOST_EACH = 10;
const unique = <T>(items: Iterable<T>): T[] => [...new Set(items)].slice(0, MOST_EACH);

/** Throws nothing: a text that says nothing refers to nothing. */
export function parseReference(given: string): Reference {
  const text = given.trim().slice(0, MOST_TEXT);
  const lower = text.toLowerCase();
  return {
    text,
    object: objectIn(text),
    event: numberIn(/^(?:event|position|plumb:|@)\s*(\d{1,15})$/.exec(lower)?.[1]),
    positions: unique([...marks(lower), ...cookies(lower)]),
    ids: unique([...lower.matchAll(IDS)].map(([id]) => id)),
    shortIds: [
      ...unique([...lower.matchAll(DEVICE)].map(([, begins = '']) => begins)).map((begins) => ({
        kind: 'port' as const,
        begins,
      })),
      ...unique([...lower.matchAll(FORWARDING)].map(([, begins = '']) => begins)).map((begins) => ({
        kind: 'portforwarding' as const,
        begins,
      })),
    ],
    addresses: unique(addressesIn(lower)),
    macs: unique([...lower.matchAll(/(?<![0-9a-f:])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![0-9a-f:])/g)].map(([mac]) => mac)),
  };
}

function objectIn(text: string): Reference['object'] {
  const [, kind, id = ''] = OBJECT.exec(text) ?? [];
  if (kind !== undefined) return (KINDS as readonly string[]).includes(kind) ? { kind: kind as Kind, id } : null;
  return new RegExp(`^${ID}$`, 'i').test(text) ? { kind: null, id: text.toLowerCase() } : null;
}

const numberIn = (text: string | undefined): number | null => (text === undefined ? null : Number(text));
const marks = (text: string): number[] =>
  [...text.matchAll(/\bplumb(?:-tag)?[:=]"?(\d{1,15})\b/g)].map(([, at]) => Number(at));

/** Of a flow that the switch learned by itself there is no event. */
const cookies = (text: string): number[] =>
  [...text.matchAll(/(?:^|cookie=)(0x[0-9a-f]{1,16})(?![0-9a-f])/g)].flatMap(([, cookie = '0x0']) => {
    const owner = readCookie(cookie);
    return owner.ours && !owner.learned ? [owner.position] : [];
  });

const addressesIn = (text: string): string[] =>
  text.split(/[^0-9a-f.:]+/).flatMap((word) => {
    const address = /^\d+\.\d+\.\d+\.\d+:\d+$/.test(word) ? word.slice(0, word.indexOf(':')) : word.replace(/:$/, '');
    return /[.:]/.test(address) && IpAddress.safeParse(address).success ? [canonicalAddress(address)] : [];
  });
