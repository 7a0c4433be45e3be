/**
 * Tokens of the built-in identity: claims as JSON and an HMAC-SHA256 over them, `plumb1.<claims>.<mac>`, both base64url.
 *
 * Goals: any API process with the key can check one by itself; nothing in it is secret; the sender cannot choose how it is checked.
 * Made with node:crypto. Road not taken: JWT by a library (`jose`). A JWT names its algorithm, and attackers have used that (`none`, or another kind of key); a
 * format with one algorithm does not have this class of faults, and no client here would read a JWT.
 *
 * A token says who logged in, how, and for which project. The role is looked up whenever the token is used, so a role that is taken away is gone at once.
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
  /** The strongest role that this token gives, for an application credential with a weaker role than its user's. */
  atMost: RoleName.nullable(),
  methods: z.array(z.string()).min(1),
  /** Its own audit id; and that of the first token, when this one was got with another token. */
  auditIds: z.array(z.string()).min(1).max(2),
  issuedAt: Milliseconds,
  /** When the user proved who they are: a password that is set later ends the token. Equals issuedAt, except for tokens got with another token. */
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

/** The claims of a token that this key signed and that has not expired; undefined for any other text. */
export function verifyToken(token: string, key: Buffer, now: number): Claims | undefined {
  const end = token.lastIndexOf('.');
  const signed = token.slice(0, Math.max(end, 0));
  if (!signed.startsWith(`${PREFIX}.`)) return undefined;
  // Compared as text, so that a token has only one spelling: caches use the text as their key.
  const given = Buffer.from(token.slice(end + 1));
  const wanted = Buffer.from(mac(signed, key));
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
  // Signed with our key but not understood: another release made it.
  const claims = Claims.safeParse(
    JSON.parse(Buffer.from(signed.slice(PREFIX.length + 1), 'base64url').toString('utf8')),
  );
  return claims.data && claims.data.expiresAt > now ? claims.data : undefined;
}

const mac = (text: string, key: Buffer): string => createHmac('sha256', key).update(text).digest('base64url');
