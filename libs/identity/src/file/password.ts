/**
 * Passwords, stored as scrypt hashes (RFC 7914; OpenSSL's, by node:crypto) in the PHC string form `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`.
 *
 * Goals: one check costs an attacker 32 MB and some 60 ms; the time of a comparison reveals nothing; a hash names its parameters, so that the cost can be raised
 * later. Only a few checks run at once: each takes a thread and 32 MB, and many logins at once must not use up either. Who waits for one is served by turns
 * (fair-turns.ts), so that many from one address do not keep others out.
 * Road not taken: argon2 from a native package, which would have to be compiled and give us nothing that scrypt lacks.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { FairTurns } from './fair-turns.js';

const LOG_COST = 15;
const BLOCK_SIZE = 8;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const ROOM = { atOnce: 2, waiting: 1024, waitingOfOne: 64 } as const;
/** A hash whose check would need more memory than this is refused: an entry in the file could otherwise stop the service. */
const MOST_MEMORY_BYTES = 256 * 1024 * 1024;

const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{4,86})\$([A-Za-z0-9+/]{22,86})$/;

type Cost = Readonly<{ logCost: number; blockSize: number; parallel: number }>;

/** A hash with a random salt: two hashes of one password differ. `turn`: whose turn it is, as in `verifyPassword`. */
export async function hashPassword(password: string, turn = ''): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const cost = { logCost: LOG_COST, blockSize: BLOCK_SIZE, parallel: 1 };
  const hash = await derive(password, salt, HASH_BYTES, cost, turn);
  return `$scrypt$ln=${LOG_COST},r=${BLOCK_SIZE},p=1$${base64(salt)}$${base64(hash)}`;
}

/** Whether this text is a hash that `verifyPassword` can check. */
export function isPasswordHash(text: string): boolean {
  const match = PHC.exec(text);
  return match !== null && memoryOf(costOf(match)) <= MOST_MEMORY_BYTES;
}

/**
 * Whether the password is the one that was hashed. `hash` undefined (no such user): false, after the same time. `turn`: checks of different turns wait for each
 * other by rounds. Rejects with TooManyWaiting when too many wait.
 */
export async function verifyPassword(password: string, hash: string | undefined, turn = ''): Promise<boolean> {
  const match = hash !== undefined && isPasswordHash(hash) ? PHC.exec(hash) : null;
  if (match === null) {
    const cost = { logCost: LOG_COST, blockSize: BLOCK_SIZE, parallel: 1 };
    await derive(password, Buffer.alloc(SALT_BYTES), HASH_BYTES, cost, turn);
    return false;
  }
  const wanted = Buffer.from(match[5] as string, 'base64');
  const found = await derive(password, Buffer.from(match[4] as string, 'base64'), wanted.length, costOf(match), turn);
  return timingSafeEqual(found, wanted);
}

/** How many passwords wait to be checked or hashed. */
export const passwordsWaiting = (): number => TURNS.waiting;

const costOf = (match: RegExpExecArray): Cost => ({
  logCost: Number(match[1]),
  blockSize: Number(match[2]),
  parallel: Number(match[3]),
});
const memoryOf = ({ logCost, blockSize, parallel }: Cost): number => 128 * blockSize * (2 ** logCost + parallel);
const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

const TURNS = new FairTurns(ROOM);

const derive = (password: string, salt: Buffer, length: number, cost: Cost, turn: string): Promise<Buffer> =>
  TURNS.take(
    turn,
    () =>
      new Promise<Buffer>((resolve, reject) => {
        const options = {
          N: 2 ** cost.logCost,
          r: cost.blockSize,
          p: cost.parallel,
          maxmem: memoryOf(cost) + 1024 * 1024,
        };
        // Two spellings of one letter are one password (RFC 8265).
        scrypt(password.normalize('NFC'), salt, length, options, (error, key) =>
          error ? reject(error) : resolve(key),
        );
      }),
  );
