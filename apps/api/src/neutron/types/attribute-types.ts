/**
 * Types of attributes: how a value looks on the wire (`schema`, for the OpenAPI document), how it is parsed (`parse`, with the reference's error texts,
 * always naming the attribute) and how the text of a filter becomes a value to compare with (`filter`).
 *
 * Text that PostgreSQL cannot store (NUL, lone surrogates) is refused here, and so is anything that could be deeper than our own recursion.
 */
import { canonicalAddress, faultOfHost, Id, IpAddress, Mac, PhysicalNetwork } from '@plumbline/contracts';
import { invalidInput } from '@plumbline/domain';
import { z } from 'zod';
import { invalidAttribute } from '../../errors/edge-error.js';

export type AttributeType<T = unknown> = Readonly<{
  schema: z.ZodType;
  /** Throws with the reference's text. Undefined: the value is accepted and changes nothing. */
  parse(value: unknown, attribute: string): T;
  /** Absent: the attribute is not compared by its text. */
  filter?(text: string, attribute: string): unknown;
}>;

/** Of a type that is always compared by its text. */
type Filtered = Required<Pick<AttributeType, 'filter'>>;

const UNSTORABLE = /\0|\p{Surrogate}/u;
const SHOWN_AT_MOST = 100;

/** A client's value in a message: short, whatever it is. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : shallow(value);
  return (text.length > SHOWN_AT_MOST ? `${text.slice(0, SHOWN_AT_MOST)}...` : text).replace(/\0/g, '\\0');
}

function shallow(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value !== null && typeof value === 'object') return `{${Object.keys(value).slice(0, 5).join(', ')}}`;
  return String(value);
}

export const isStorable = (text: string): boolean => !UNSTORABLE.test(text);
export const isUuid = (text: string): boolean => Id.safeParse(text).success;

function string(value: unknown, attribute: string, most: number): string {
  if (typeof value !== 'string') throw invalidAttribute(attribute, `'${shown(value)}' is not a valid string`);
  if (value.length > most) throw invalidAttribute(attribute, `'${shown(value)}' exceeds maximum length of ${most}`);
  if (!isStorable(value)) throw invalidAttribute(attribute, `'${shown(value)}' holds characters that cannot be stored`);
  return value;
}

const filterText = (text: string, attribute: string): string => string(text, attribute, 4096);

export const text = (most = 255): AttributeType<string> & Filtered => ({
  schema: z.string().max(most),
  parse: (value, attribute) => string(value, attribute, most),
  filter: filterText,
});

/** Text that says something. */
export const notBlank = (most = 255): AttributeType<string> & Filtered => ({
  schema: z.string().min(1).max(most),
  parse: (value, attribute) => {
    const given = string(value, attribute, most);
    if (given.trim() === '') throw invalidAttribute(attribute, `'${given}' Blank strings are not permitted`);
    return given;
  },
  filter: filterText,
});

const LONGEST_PROJECT = 255;
/** Id of a project, from the identity service. It becomes part of keys, URL-encoded; its length is limited in that form. */
export const projectId: AttributeType<string> = {
  ...text(LONGEST_PROJECT),
  parse: (value, attribute) => {
    const given = string(value, attribute, LONGEST_PROJECT);
    if (encodeURIComponent(given).length > LONGEST_PROJECT)
      throw invalidAttribute(
        attribute,
        `'${shown(given)}' exceeds maximum length of ${LONGEST_PROJECT} when it is URL-encoded`,
      );
    return given;
  },
};

/** The words of the reference (oslo.utils), in upper or lower case. */
const TRUE: readonly unknown[] = [true, 1, '1', 't', 'true', 'on', 'y', 'yes'];
const FALSE: readonly unknown[] = [false, 0, '0', 'f', 'false', 'off', 'n', 'no'];
function toBoolean(value: unknown, attribute: string): boolean {
  const word = typeof value === 'string' ? value.trim().toLowerCase() : value;
  if (TRUE.includes(word)) return true;
  if (FALSE.includes(word)) return false;
  throw invalidInput(`'${shown(value)}' cannot be converted to boolean`, attribute);
}
export const bool: AttributeType<boolean> = { schema: z.boolean(), parse: toBoolean, filter: toBoolean };

function toUuid(value: unknown, attribute: string): string {
  if (typeof value !== 'string' || !isUuid(value))
    throw invalidAttribute(attribute, `'${shown(value)}' is not a valid UUID`);
  return value.toLowerCase();
}
export const uuid: AttributeType<string> & Filtered = {
  schema: z.guid(),
  parse: toUuid,
  filter: (value, attribute) => filterText(value, attribute).toLowerCase(),
};

/** A list, or null for none of its items. */
export const orEmpty = <T>(type: AttributeType<readonly T[]>): AttributeType<readonly T[]> => ({
  ...type,
  schema: type.schema.nullable(),
  parse: (value, attribute) => (value === null ? [] : type.parse(value, attribute)),
});

/** What the reference takes for "nothing" where it asks no more than whether there is something: null, "", 0, false, [] and {}. */
export const isNothing = (value: unknown): boolean =>
  !value || (typeof value === 'object' && Object.keys(value).length === 0);

/** As `orEmpty`, of a list in whose place the reference also takes an empty text or object. */
export const orAnyEmpty = <T>(type: AttributeType<readonly T[]>): AttributeType<readonly T[]> => ({
  ...type,
  schema: type.schema.nullable(),
  parse: (value, attribute) => (isNothing(value) && value !== 0 && value !== false ? [] : type.parse(value, attribute)),
});

/** Null, or a value of that type. An empty filter means null. */
export const orNull = <T>(type: AttributeType<T>): AttributeType<T | null> => {
  const { filter } = type;
  return {
    schema: type.schema.nullable(),
    parse: (value, attribute) => (value === null ? null : type.parse(value, attribute)),
    ...(filter && { filter: (value: string, attribute: string) => (value === '' ? null : filter(value, attribute)) }),
  };
};

function toInteger(value: unknown, attribute: string, least: number, most: number): number {
  const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number))
    throw invalidAttribute(attribute, `'${shown(value)}' is not an integer`);
  if (number < least) throw invalidAttribute(attribute, `'${number}' is too small - must be at least '${least}'`);
  if (number > most) throw invalidAttribute(attribute, `'${number}' is too large - must be no larger than '${most}'`);
  return number;
}
export const integer = (least: number, most: number): AttributeType<number> & Filtered => ({
  schema: z.int().min(least).max(most),
  parse: (value, attribute) => toInteger(value, attribute, least, most),
  filter: (value, attribute) => toInteger(value, attribute, -(2 ** 48), 2 ** 48),
});

/** Filter on a number that no client sets: a text that is no number is equal to none of them. */
export const numberOrNone = (text: string): number | string => (/^-?\d{1,15}$/.test(text) ? Number(text) : text);

/** 4 or 6. */
export const ipVersion: AttributeType<4 | 6> = {
  schema: z.union([z.literal(4), z.literal(6)]),
  parse: (value, attribute) => {
    if (value === 4 || value === '4') return 4;
    if (value === 6 || value === '6') return 6;
    throw invalidAttribute(attribute, `'${shown(value)}' is not in [4, 6]`);
  },
  filter: (value, attribute) => toInteger(value, attribute, -(2 ** 48), 2 ** 48),
};

export function toIp(value: unknown, attribute: string): string {
  if (typeof value !== 'string' || !IpAddress.safeParse(value).success)
    throw invalidAttribute(attribute, `'${shown(value)}' is not a valid IP address`);
  return canonicalAddress(value);
}
export const ip: AttributeType<string> = { schema: z.union([z.ipv4(), z.ipv6()]), parse: toIp, filter: filterText };

/** A prefix, checked, with its address in canonical form. Host bits are kept. */
export function toCidr(value: unknown, attribute: string): string {
  const [address = '', length = ''] = typeof value === 'string' ? value.split('/') : [];
  const most = z.ipv4().safeParse(address).success ? 32 : 128;
  const good =
    typeof value === 'string' &&
    IpAddress.safeParse(address).success &&
    /^\d{1,3}$/.test(length) &&
    Number(length) <= most &&
    value === `${address}/${length}`;
  if (!good) throw invalidInput(`${shown(value)} is not in a CIDR format`, attribute);
  return `${canonicalAddress(address)}/${Number(length)}`;
}
export const cidr: AttributeType<string> & Filtered = {
  schema: z.union([z.cidrv4(), z.cidrv6()]),
  parse: (value, attribute) => {
    const parsed = toCidr(value, attribute);
    if (parsed.endsWith('/0')) throw invalidInput('0 is not allowed as CIDR prefix length', attribute);
    return parsed;
  },
  filter: filterText,
};

export const mac: AttributeType<string> = {
  schema: z.string().regex(/^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$/),
  parse: (value, attribute) => {
    const lower = typeof value === 'string' ? value.toLowerCase().replaceAll('-', ':') : '';
    const isGroup = (Number.parseInt(lower.slice(0, 2), 16) & 1) === 1;
    if (!Mac.safeParse(lower).success || lower === '00:00:00:00:00:00' || isGroup)
      throw invalidAttribute(attribute, `'${shown(value)}' is not a valid MAC address`);
    return lower;
  },
  filter: (value, attribute) => filterText(value, attribute).toLowerCase(),
};

/** '' when unbound; null counts as ''. */
export const hostId: AttributeType<string> = {
  schema: z.string().nullable(),
  parse: (value, attribute) => {
    if (value === null || value === '') return '';
    const fault = typeof value === 'string' ? faultOfHost(value) : 'text';
    if (fault !== null) throw invalidAttribute(attribute, `'${shown(value)}' cannot be a host's name: ${fault}`);
    return value as string;
  },
  filter: filterText,
};

export const physicalNetwork: AttributeType<string | null> = {
  schema: z.string().nullable(),
  parse: (value, attribute) => {
    if (value === null || value === '') return null;
    if (typeof value !== 'string' || !PhysicalNetwork.safeParse(value).success)
      throw invalidAttribute(
        attribute,
        `'${shown(value)}' is not a name of letters, digits, '_', '-' and '.', at most 64`,
      );
    return value;
  },
  filter: (value, attribute) => (value === '' ? null : filterText(value, attribute)),
};

/** One of a few words. */
export const oneOf = <const W extends string>(words: readonly W[]): AttributeType<W> => ({
  schema: z.enum(words),
  parse: (value, attribute) => {
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    throw invalidAttribute(attribute, `'${shown(value)}' is not in [${words.map((word) => `'${word}'`).join(', ')}]`);
  },
  filter: filterText,
});

const MOST_PROFILE = 4095;
const DEEPEST = 8;
/** A JSON object kept as it is: shallow and short enough to be stored and shown. */
export const dictionary: AttributeType<Readonly<Record<string, unknown>>> = {
  schema: z.record(z.string(), z.unknown()).nullable(),
  parse: (value, attribute) => {
    if (value === null) return {};
    if (typeof value !== 'object' || Array.isArray(value))
      throw invalidAttribute(attribute, `'${shown(value)}' is not a dictionary`);
    if (depthOf(value, DEEPEST + 1) > DEEPEST) throw invalidAttribute(attribute, `nested deeper than ${DEEPEST}`);
    const stored = JSON.stringify(value);
    if (stored.length > MOST_PROFILE) throw invalidAttribute(attribute, `exceeds maximum length of ${MOST_PROFILE}`);
    if (/\\u0000|\\ud[89a-f]/i.test(stored) || !isStorable(stored))
      throw invalidAttribute(attribute, 'it holds characters that cannot be stored');
    return value as Readonly<Record<string, unknown>>;
  },
};

function depthOf(value: unknown, limit: number): number {
  if (value === null || typeof value !== 'object' || limit === 0) return 0;
  return (
    1 +
    Math.max(
      0,
      ...Object.values(value)
        .slice(0, MOST_PROFILE)
        .map((inner) => depthOf(inner, limit - 1)),
    )
  );
}

/** An attribute of the reference whose behaviour this server does not have: a value that means "none" is accepted, every other one is refused. */
export const only = (none: readonly unknown[], schema: z.ZodType): AttributeType<undefined> => ({
  schema,
  parse: (value, attribute) => {
    const empty = Array.isArray(value) && value.length === 0 ? '[]' : value;
    if (none.includes(empty)) return undefined;
    throw invalidInput(`${attribute} '${shown(value)}' is not supported by this server`, attribute);
  },
});
export const onlyEmpty = only(['[]', null], z.array(z.never()).nullable());
export const onlyNull = only([null], z.null());
/** As `onlyNull`, where it matters that the client named the attribute. */
export const saidNull: AttributeType<null> = {
  schema: z.null(),
  parse: (value, attribute) => {
    onlyNull.parse(value, attribute);
    return null;
  },
};
export const onlyEmptyText = only(['', null], z.literal('').nullable());
/** False, in every form in which a boolean may be given, or null. */
export const onlyFalse: AttributeType<undefined> & Filtered = {
  schema: z.literal(false),
  parse: (value, attribute) => {
    if (value === null || !toBoolean(value, attribute)) return undefined;
    throw invalidInput(`${attribute} '${shown(value)}' is not supported by this server`, attribute);
  },
  filter: toBoolean,
};

/** Items of a list, each parsed; `most` items. */
export function list<T>(
  value: unknown,
  attribute: string,
  most: number,
  item: (value: unknown, attribute: string) => T,
): T[] {
  if (!Array.isArray(value)) throw invalidAttribute(attribute, `'${shown(value)}' is not a list`);
  if (value.length > most) throw invalidAttribute(attribute, `more than ${most} items`);
  return value.map((each) => item(each, attribute));
}

/** The members of an object; one that is not in `names` is refused. */
export function members(
  value: unknown,
  attribute: string,
  what: string,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  const wrong = () => invalidAttribute(attribute, `Invalid data format for ${what}: '${shown(value)}'`);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw wrong();
  for (const name of Object.keys(value)) if (!names.includes(name)) throw wrong();
  return value as Record<string, unknown>;
}

export function refuseDuplicates(items: readonly string[], attribute: string, what: string): void {
  const seen = new Set<string>();
  for (const item of items) {
    if (seen.has(item)) throw invalidAttribute(attribute, `Duplicate ${what} '${shown(item)}'`);
    seen.add(item);
  }
}
