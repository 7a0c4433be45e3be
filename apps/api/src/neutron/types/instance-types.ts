/** What owners give an instance to know, as the API takes it. Messages never repeat it: it is secret. */
import {
  InstanceHostname,
  MOST_PUBLIC_KEY,
  MOST_PUBLIC_KEYS,
  MOST_PUBLIC_KEYS_TEXT,
  MOST_USER_DATA_BYTES,
  PublicKey,
  PublicKeyName,
} from '@plumbline/contracts';
import { z } from 'zod';
import { invalidAttribute } from '../../errors/edge-error.js';
import { type AttributeType, isStorable, shown } from './attribute-types.js';

/** A name of RFC 1123, in lower case. */
export const instanceHostname: AttributeType<string> = {
  schema: InstanceHostname,
  parse: (value, attribute) => {
    const name = typeof value === 'string' ? value.toLowerCase() : value;
    const parsed = InstanceHostname.safeParse(name);
    if (parsed.success) return parsed.data;
    throw invalidAttribute(
      attribute,
      `'${shown(value)}' is not a host name: labels of letters, digits and '-' with dots between, at most 253 characters`,
    );
  },
};

/** Name -> one line of an authorized_keys file. */
export const publicKeys: AttributeType<Readonly<Record<string, string>>> = {
  schema: z.record(PublicKeyName, PublicKey),
  parse: (value, attribute) => {
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      throw invalidAttribute(attribute, 'it is an object of names and public keys');
    const entries = Object.entries(value);
    if (entries.length > MOST_PUBLIC_KEYS) throw invalidAttribute(attribute, `more than ${MOST_PUBLIC_KEYS} keys`);
    const keys = entries.map(([name, key]) => [nameOf(name, attribute), keyOf(key, name, attribute)] as const);
    if (keys.reduce((sum, [, key]) => sum + key.length, 0) > MOST_PUBLIC_KEYS_TEXT)
      throw invalidAttribute(attribute, `the keys are longer than ${MOST_PUBLIC_KEYS_TEXT} characters together`);
    return Object.fromEntries(keys);
  },
};

function nameOf(name: string, attribute: string): string {
  const parsed = PublicKeyName.safeParse(name);
  if (parsed.success) return name;
  throw invalidAttribute(attribute, `'${shown(name)}' is not a name of a key: ${parsed.error.issues[0]?.message}`);
}

function keyOf(value: unknown, name: string, attribute: string): string {
  const key = typeof value === 'string' ? value.trim() : value;
  if (PublicKey.safeParse(key).success && isStorable(key as string)) return key as string;
  throw invalidAttribute(
    attribute,
    `the key '${shown(name)}' is not one line of at most ${MOST_PUBLIC_KEY} characters, as in an authorized_keys file`,
  );
}

const MOST_BASE64 = Math.ceil(MOST_USER_DATA_BYTES / 3) * 4;

/** Base64 of any bytes. */
export const userData: AttributeType<string> = {
  schema: z.base64().max(MOST_BASE64),
  parse: (value, attribute) => {
    if (typeof value !== 'string' || !z.base64().safeParse(value).success)
      throw invalidAttribute(attribute, 'it is not base64');
    const bytes = Buffer.byteLength(value, 'base64');
    if (bytes > MOST_USER_DATA_BYTES)
      throw invalidAttribute(attribute, `${bytes} bytes of user data are more than ${MOST_USER_DATA_BYTES}`);
    return value;
  },
};
