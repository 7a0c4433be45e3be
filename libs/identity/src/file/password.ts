/**
 * Passwords, stored as scrypt hashes (RFC 7914; OpenSSL's, by node:crypto) in the PHC string form `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`.
 *
 * Goals: one check costs an attacker 32 MB and some 60 ms; the time of a comparison reveals nothing; a hash names its parameters, so that the cost can be raised
 * later. Only a few checks run at once: each takes a thread and 32 MB, and many logins at once must not use up either.
 * Road not taken: argon2 from a native package, which would have to be compiled and give us nothing that scrypt lacks.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

const LOG_COST = 15;
const BLOCK_SIZE = 8;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const MOST_AT_ONCE = 2;
const MOST_WAITING = 64;
/** A hash whose check would need more memory than this is refused: an entry in the file could otherwise stop the service. */
const MOST_MEMORY_BYTES = 256 * 1024 * 1024;

const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{4,86})\$([A-Za-z0-9+/]{22,86})$/;

/** Too many passwords wait to be checked; this one was not checked. */
export class TooManyChecks extends Error {
  override readonly name = 'TooManyChecks';
}

type Cost = Readonly<{ logCost: number; blockSize: number; parallel: number }>;

/** A hash with a random salt: two hashes of one password differ. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const cost = { logCost: LOG_COST, blockSize: BLOCK_SIZE, parallel: 1 };
  const hash = await derive(password, salt, HASH_BYTES, cost);
  return `$scrypt$ln=${LOG_COST},r=${BLOCK_SIZE},p=1$${base64(salt)}$${base64(hash)}`;
}

/** Whether this text is a hash that `verifyPassword` can check. */
export function isPasswordHash(text: string): boolean {
  const match = PHC.exec(text);
  return match !== null && memoryOf(costOf(match)) <= MOST_MEMORY_BYTES;
}

/**
 * Whether the password is the one that was hashed. `hash` undefined (no such user): false, after the same time. Rejects with TooManyChecks when too many wait.
 */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  const match = hash !== undefined && isPasswordHash(hash) ? PHC.exec(hash) : null;
  if (match === null) {
    await derive(password, Buffer.alloc(SALT_BYTES), HASH_BYTES, {
      logCost: LOG_COST,
      blockSize: BLOCK_SIZE,
      parallel: 1,
    });
    return false;
  }
  const wanted = Buffer.from(match[5] as string, 'base64');
  const found = await derive(password, Buffer.from(match[4] as string, 'base64'), wanted.length, costOf(match));
  return timingSafeEqual(found, wanted);
}

const costOf = (match: RegExpExecArray): Cost => ({
  logCost: Number(match[1]),
  blockSize: Number(match[2]),
  parallel: Number(match[3]),
});
const memoryOf = ({ logCost, blockSize, parallel }: Cost): number => 128 * blockSize * (2 ** logCost + parallel);
const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

let running = 0;
const waiting: (() => void)[] = [];

async function derive(password: string, salt: Buffer, length: number, cost: Cost): Promise<Buffer> {
  if (running >= MOST_AT_ONCE) {
    if (waiting.length >= MOST_WAITING) throw new TooManyChecks('too many logins at once');
    await new Promise<void>((go) => waiting.push(go));
  } else running += 1;
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      const options = {
        N: 2 ** cost.logCost,
        r: cost.blockSize,
        p: cost.parallel,
        maxmem: memoryOf(cost) + 1024 * 1024,
      };
      // Two spellings of one letter are one password (RFC 8265).
      scrypt(password.normalize('NFC'), salt, length, options, (error, key) => (error ? reject(error) : resolve(key)));
    });
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}
