/**
 * Tokens of the built-in identity: claims as JSON and an HMAC-SHA256 over them, `plumb1.<claims>.<mac>`, both base64url.
 *
 * Goals: any API process with the key can check one without asking anybody; nothing in it is secret; nothing about how to check it is the sender's choice.
 * Made with node:crypto. Road not taken: JWT by a library (`jose`). It names its algorithm in the token, and all one gains is a form that no client here reads;
 * the names of algorithms that are no algorithm, or another kind of key, are a class of faults that a format without a choice does not have.
 *
 * A token says who logged in how, and for which project. What that user may do there is looked up when it is used: a role taken away counts at once.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { RoleName } from '../../file/roles.js';

const PREFIX = 'plumb1';
const Milliseconds = z.number().int().positive();

const Claims = z.strictObject({
  user: z.string(),
  /** null: unscoped. */
  project: z.string().nullable(),
  /** No more than this, whatever the user has: an application credential gives less. */
  atMost: RoleName.nullable(),
  methods: z.array(z.string()).min(1),
  /** Its own, and that of the first token of its chain when it was got by another one. */
  auditIds: z.array(z.string()).min(1).max(2),
  issuedAt: Milliseconds,
  /** When the user proved who they are; a password set later ends it. Equals issuedAt but for tokens got by another token. */
  provenAt: Milliseconds,
  expiresAt: Milliseconds,
  /** The application credential that gave it. */
  credential: z.strictObject({ id: z.string(), unrestricted: z.boolean() }).nullable(),
});
export type Claims = Readonly<z.infer<typeof Claims>>;

export const newAuditId = (): string => randomBytes(16).toString('base64url');

export function signToken(claims: Claims, key: Buffer): string {
  const signed = `${PREFIX}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  return `${signed}.${mac(signed, key)}`;
}

/** The claims of a token that this key signed and whose time is not over; undefined for any other text. */
export function verifyToken(token: string, key: Buffer, now: number): Claims | undefined {
  const end = token.lastIndexOf('.');
  const signed = token.slice(0, Math.max(end, 0));
  if (!signed.startsWith(`${PREFIX}.`)) return undefined;
  // Compared as text: one token has one spelling, for caches and revocations go by it.
  const given = Buffer.from(token.slice(end + 1));
  const wanted = Buffer.from(mac(signed, key));
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
  // Signed with our key and yet not understood: by another release.
  const claims = Claims.safeParse(
    JSON.parse(Buffer.from(signed.slice(PREFIX.length + 1), 'base64url').toString('utf8')),
  );
  return claims.data && claims.data.expiresAt > now ? claims.data : undefined;
}

const mac = (text: string, key: Buffer): string => createHmac('sha256', key).update(text).digest('base64url');
