/**
 * Writers in a process of their own, for tests of several API processes. Started as `node writer-process.js <json>`; writes until it reads `stop`
 * on stdin, then prints one line: the answers it got, as `WriterReport`.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import pg from 'pg';
import { PostgresEventStore } from '../postgres/postgres-event-store.js';
import { happened, portRow } from './commands.js';

export type WriterOptions = Readonly<{
  url: string;
  writers: number;
  /** Each command waits a random time up to this first. */
  delayMs: number;
  /** Share of rounds in which a writer appends in a transaction of its own, waits and rolls back. */
  rollbacks: number;
  deadlineMs?: number;
}>;

/** `stored`: first position by event id. `failed`: messages of appends that threw. Latencies of answered appends in ms. */
export type WriterReport = Readonly<{
  stored: readonly (readonly [id: string, position: number])[];
  lost: number;
  failed: readonly string[];
  rolledBack: number;
  latenciesMs: readonly number[];
}>;

const dawdle = (upToMs: number): Promise<void> => new Promise((done) => setTimeout(done, Math.random() * upToMs));

/** Runs the writers until `stopping()`; every fourth command takes a claim that another may hold. */
export async function write(options: WriterOptions, stopping: () => boolean): Promise<WriterReport> {
  const stored: [string, number][] = [];
  const failed: string[] = [];
  const latenciesMs: number[] = [];
  let lost = 0;
  let rolledBack = 0;
  const store = new PostgresEventStore(options.url, { deadlineMs: options.deadlineMs ?? 10_000 });
  const pool = new pg.Pool({ connectionString: options.url, max: 2 });
  pool.on('error', () => undefined);
  const rollBack = async (): Promise<void> => {
    const client = await pool.connect();
    try {
      const id = randomUUID();
      const event = { id, stream: `port-${id}`, sv: 1, type: 'Never', v: 1, envelope: '{}' };
      const batch = [
        { events: [event], expect: { [event.stream]: 0 }, take: [], release: [], none: [], rows: [], hosts: ['h'] },
      ];
      await client.query('BEGIN');
      await client.query(`SELECT plumbline.append_batch(${CATALOGUE_VERSION}, 10000, '[]', $1)`, [
        JSON.stringify(batch),
      ]);
      await dawdle(5);
      await client.query('ROLLBACK');
      rolledBack += 1;
    } finally {
      client.release();
    }
  };
  await Promise.all(
    Array.from({ length: options.writers }, async (_, writer) => {
      for (let round = 0; !stopping(); round += 1) {
        await dawdle(options.delayMs);
        if (Math.random() < options.rollbacks) await rollBack();
        const id = randomUUID();
        const claim = round % 4 === 3 ? `contended/${Math.floor(Math.random() * 50)}` : `own/${id}`;
        const command = happened(`port-${id}`, 0, { take: [claim], rows: [portRow(id)], hosts: [`h${writer % 3}`] });
        const [event] = command.events;
        const began = performance.now();
        try {
          const result = await store.append({ ...command, events: [{ ...event!, id }] });
          latenciesMs.push(performance.now() - began);
          if (result.ok) stored.push([id, result.before + 1]);
          else lost += 1;
        } catch (error) {
          failed.push(String(error));
        }
      }
    }),
  );
  await store.close();
  await pool.end();
  return { stored, lost, failed, rolledBack, latenciesMs };
}

if (process.argv[1] === import.meta.filename) {
  let stop = false;
  const working = write(JSON.parse(process.argv[2] ?? '') as WriterOptions, () => stop);
  process.stdout.write('writing\n');
  await once(process.stdin, 'data');
  stop = true;
  process.stdout.write(`${JSON.stringify(await working)}\n`, () => process.exit(0));
}
