/**
 * Appends per second, beside bare inserts on the same server in the same run. Run: `node libs/event-store/dist/testing/bench.js`.
 * A bare insert is one row (id, text) by one prepared statement in its own commit, one connection a writer: the database's own commit rate.
 */
import { randomUUID } from 'node:crypto';
import { loadavg } from 'node:os';
import pg from 'pg';
import { PostgresEventStore } from '../postgres/postgres-event-store.js';
import { happened, portRow } from './commands.js';
import { startPostgres } from './start-postgres.js';

/** One line of the result: operations a second, and latency of one operation in ms. */
export type BenchLine = Readonly<{ what: string; writers: number; perSecond: number; p50Ms: number; p99Ms: number }>;

async function measure(
  what: string,
  writers: number,
  forMs: number,
  once: (writer: number) => Promise<void>,
): Promise<BenchLine> {
  const until = performance.now() + forMs;
  const took: number[] = [];
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      while (performance.now() < until) {
        const at = performance.now();
        await once(writer);
        took.push(performance.now() - at);
      }
    }),
  );
  const seconds = (performance.now() - begun) / 1000;
  took.sort((a, b) => a - b);
  const quantile = (q: number): number => Math.round((took[Math.floor(took.length * q)] ?? 0) * 100) / 100;
  return { what, writers, perSecond: Math.round(took.length / seconds), p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

/** Measures in a PostgreSQL of its own; each line takes `forMs`. */
export async function bench(forMs = 3_000, inFlights: readonly number[] = [1, 2]): Promise<readonly BenchLine[]> {
  const postgres = await startPostgres();
  const lines: BenchLine[] = [];
  try {
    const owner = new pg.Pool({ connectionString: postgres.migrationUrl, max: 64 });
    owner.on('error', () => undefined);
    await owner.query('CREATE TABLE plumbline.bare (id uuid PRIMARY KEY, text text NOT NULL)');
    const text = 'x'.repeat(400);
    for (const writers of [1, 8, 64]) {
      const bare = async (): Promise<void> => {
        await owner.query({
          name: 'bare',
          text: 'INSERT INTO plumbline.bare VALUES ($1, $2)',
          values: [randomUUID(), text],
        });
      };
      await measure('warm', writers, 300, bare);
      lines.push(await measure('bare insert', writers, forMs, bare));
      for (const inFlight of inFlights) {
        const store = new PostgresEventStore(postgres.serviceUrl, { inFlight });
        const append = (hosts: readonly string[]) => async (): Promise<void> => {
          const id = randomUUID();
          const take = [`port/n/${id}`, `mac/n/${id}`, `address/n/${id}`];
          const result = await store.append(
            happened(`port-${id}`, 0, { take, none: [`gone/${id}/`], rows: [portRow(id)], hosts }),
          );
          if (!result.ok) throw new Error('lost');
        };
        await measure('warm', writers, 300, append(['h1']));
        lines.push(await measure(`append, 2 hosts, ${inFlight} in flight`, writers, forMs, append(['h1', 'h2'])));
        if (inFlight === 1) {
          const fleet = Array.from({ length: 200 }, (_, n) => `host-${n}`);
          lines.push(await measure('append, 200 hosts, 1 in flight', writers, forMs, append(fleet)));
        }
        await store.close();
      }
    }
    await owner.end();
  } finally {
    await postgres.stop();
  }
  return lines;
}

if (process.argv[1] === import.meta.filename) {
  console.table(await bench());
  console.log('load', loadavg());
}
