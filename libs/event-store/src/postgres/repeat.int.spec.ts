import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import pg from 'pg';
import { wire } from '../command.js';
import { happened, portRow } from '../testing/commands.js';
import { startPostgres, TestPostgres } from '../testing/start-postgres.js';
import { Appender } from './appender.js';
import { Link, openLink } from './link.js';
import { PostgresEventStore } from './postgres-event-store.js';

/** The moments that chance hits once in thousands of crashes, each made on purpose. */
describe('a batch whose answer was lost', () => {
  let postgres: TestPostgres;
  let store: PostgresEventStore;
  beforeAll(async () => {
    postgres = await startPostgres();
    store = new PostgresEventStore(postgres.serviceUrl);
  });
  afterAll(async () => {
    await store?.close();
    await postgres?.stop();
  });

  const cut = new Error('Connection terminated unexpectedly');
  const command = (name: string) =>
    wire(happened(`port-${name}`, 0, { take: [`k/${name}`], rows: [portRow(name)], hosts: ['h', name] }));

  /** A real link, whose send goes through `send`. */
  const linkThat = async (
    send: (link: Link, ...sent: Parameters<Link['send']>) => ReturnType<Link['send']>,
  ): Promise<Link> => {
    const link = await openLink(postgres.serviceUrl, 5_000);
    return {
      send: (commands, terms) => send(link, commands, terms),
      destroy: () => link.destroy(),
      end: () => link.end(),
      get broken() {
        return link.broken;
      },
    };
  };

  it('is answered as it was stored, when the connection is cut after the commit', async () => {
    const { position: from } = await store.head();
    let sends = 0;
    const appender = new Appender(() =>
      linkThat(async (link, ...sent) => {
        const answers = await link.send(...sent);
        sends += 1;
        if (sends % 2 === 0) return answers;
        link.destroy();
        throw cut;
      }),
    );
    await appender.append(command('before')); // so that the host "h" has a feed to continue
    const results = await Promise.all(['a', 'b', 'c'].map((name) => appender.append(command(name))));
    await appender.close();
    expect(sends).toBe(4);
    const log = await store.read(from, 100);
    expect(log.map((event) => event.stream)).toEqual(['port-before', 'port-a', 'port-b', 'port-c']);
    expect(results).toEqual(
      ['a', 'b', 'c'].map((name, n) => ({
        ok: true,
        before: from + 1 + n,
        recorded: [log[n + 1]],
        feeds: [
          { host: 'h', prev: from + 1 + n },
          { host: name, prev: null },
        ],
      })),
    );
  });

  it('is stored once, when the cut connection runs it while the repeat waits', async () => {
    const { position: from } = await store.head();
    const admin = new pg.Client({ connectionString: postgres.adminUrl });
    // In a connection of its own: a transaction sees pg_stat_activity as it was at the first look.
    const holder = new pg.Client({ connectionString: postgres.adminUrl });
    await Promise.all([admin.connect(), holder.connect()]);
    const waiting = async (many: number): Promise<void> => {
      for (;;) {
        const { rows } = await admin.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'plumbline append' AND wait_event_type = 'Lock'`,
        );
        if (rows[0]?.n === many) return;
      }
    };
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM plumbline.log_head FOR UPDATE');
    let first = true;
    const appender = new Appender(() =>
      linkThat(async (link, ...sent) => {
        const answers = link.send(...sent);
        if (!first) return answers;
        first = false;
        answers.catch(() => undefined);
        await waiting(1);
        link.destroy();
        throw cut;
      }),
    );
    const answer = appender.append(command('late'));
    await waiting(2);
    await holder.query('ROLLBACK');
    expect(await answer).toMatchObject({ ok: true, before: from });
    await appender.close();
    await Promise.all([admin.end(), holder.end()]);
    expect((await store.read(from, 100)).map((event) => event.stream)).toEqual(['port-late']);
    expect(await store.verify()).toMatchObject({ ok: true });
  });

  it('delays nobody, when its client stops reading right after sending', async () => {
    const { position: from } = await store.head();
    const hosts = Array.from({ length: 4_000 }, (_, n) => `host-${n}`);
    const url = new URL(postgres.serviceUrl.replace('@/', '@localhost/'));
    const silent = new pg.Client({
      user: url.username,
      password: url.password,
      database: 'plumbline',
      host: url.searchParams.get('host') ?? '',
    });
    silent.on('error', () => undefined);
    await silent.connect();
    const { stream } = (silent as unknown as { connection: { stream: { pause(): void; destroy(): void } } }).connection;
    const large = wire(happened('port-large', 0, { hosts }));
    silent
      .query(`SELECT plumbline.append_batch(${CATALOGUE_VERSION}, 10000, '[]', '[${large.text}]'::jsonb)`)
      .catch(() => undefined);
    stream.pause();
    const began = performance.now();
    while ((await store.head()).position === from)
      if (performance.now() - began > 10_000) throw new Error('never committed');
    expect(await store.append(happened('port-after', 0))).toMatchObject({ ok: true, before: from + 1 });
    stream.destroy();
  });
});
