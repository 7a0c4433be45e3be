/** Checkpoints in PostgreSQL, compressed. A connection of its own for the time of each call: calls are rare, and none may take one from those who serve. */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, deflate, inflate } from 'node:zlib';
import type pg from 'pg';
import type { CheckpointHead, CheckpointStore, Writing } from '../checkpoints/checkpoints.js';
import { openClient } from './connections.js';

const pack = promisify(deflate);
const unpack = promisify(inflate);
/** Of one statement: a chunk, or the removal of a few checkpoints. */
const DEADLINE_MS = 20_000;
const CHUNKS_AT_A_TIME = 8;

type HeadColumns = Omit<CheckpointHead, 'position'> & { position: string };

export class PostgresCheckpoints implements CheckpointStore {
  /** `url`: the service login. */
  constructor(private readonly url: string) {}

  async list(upTo: number): Promise<readonly CheckpointHead[]> {
    return this.using(async (client) => {
      const { rows } = await client.query<HeadColumns>(
        `SELECT position, encode(hash, 'hex') AS hash, generation, format, chunks, encode(digest, 'hex') AS digest
         FROM plumbline.checkpoints WHERE position <= $1 ORDER BY position DESC`,
        [upTo],
      );
      return rows.map((row) => ({ ...row, position: Number(row.position) }));
    });
  }

  async *read(position: number): AsyncIterable<string> {
    const client = await this.connect();
    try {
      for (let after = -1; ;) {
        const { rows } = await client.query<{ number: number; content: Buffer }>(
          `SELECT number, content FROM plumbline.checkpoint_chunks WHERE position = $1 AND number > $2
           ORDER BY number LIMIT ${CHUNKS_AT_A_TIME}`,
          [position, after],
        );
        for (const { content } of rows) yield (await unpack(content)).toString('utf8');
        if (rows.length < CHUNKS_AT_A_TIME) return;
        after = rows.at(-1)?.number ?? after;
      }
    } finally {
      await client.end();
    }
  }

  async write(
    at: Pick<CheckpointHead, 'position' | 'hash' | 'generation' | 'format'>,
    chunks: Iterable<string>,
  ): Promise<Writing> {
    return this.using(async (client) => {
      const lock = `SELECT pg_try_advisory_lock(hashtext('plumbline checkpoint')) AS free`;
      if (!(await client.query<{ free: boolean }>(lock)).rows[0]?.free) return 'busy';
      await client.query('BEGIN');
      const { rowCount } = await client.query(
        `SELECT 1 FROM plumbline.events WHERE position = $1 AND hash = decode($2, 'hex')`,
        [at.position, at.hash],
      );
      if (rowCount === 0) return 'gone';
      await client.query('DELETE FROM plumbline.checkpoints WHERE position = $1', [at.position]);
      const sum = createHash('sha256');
      let number = 0;
      for (const text of chunks) {
        sum.update(text);
        const content = await pack(text, { level: constants.Z_BEST_SPEED });
        await client.query('INSERT INTO plumbline.checkpoint_chunks (position, number, content) VALUES ($1, $2, $3)', [
          at.position,
          number,
          content,
        ]);
        number += 1;
      }
      await client.query(
        `INSERT INTO plumbline.checkpoints (position, hash, generation, format, chunks, digest)
         VALUES ($1, decode($2, 'hex'), $3, $4, $5, decode($6, 'hex'))`,
        [at.position, at.hash, at.generation, at.format, number, sum.digest('hex')],
      );
      await client.query('COMMIT');
      return 'made';
    });
  }

  async remove(positions: readonly number[]): Promise<void> {
    await this.using((client) =>
      client.query('DELETE FROM plumbline.checkpoints WHERE position = ANY ($1)', [positions]),
    );
  }

  private connect(): Promise<pg.Client> {
    return openClient({ url: this.url, name: 'plumbline checkpoints', deadlineMs: DEADLINE_MS });
  }

  /** Ending the connection ends a transaction and gives back a lock, if they are still there. */
  private async using<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = await this.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }
}
