import { randomUUID } from 'node:crypto';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { InvalidCommand, LogDiffers } from '../errors.js';
import { AppendOk, AppendResult, EventStore } from '../event-store.js';
import { chainHash, genesisHash } from '../chain.js';
import { command, happened, meta, portRow } from './commands.js';

const stored = (result: AppendResult): AppendOk => {
  if (!result.ok) throw new Error(`lost: ${JSON.stringify(result.lost)}`);
  return result;
};

/** What every event store must do. `make` gives an empty log; `end` releases what `make` needed. */
export function eventStoreContract(name: string, make: () => Promise<EventStore>, end?: () => Promise<void>): void {
  describe(`${name} as an event store`, () => {
    let store: EventStore;
    let last: EventStore | undefined;
    beforeEach(async () => {
      await last?.close();
      last = store = await make();
    });
    afterAll(async () => {
      await last?.close();
      await end?.();
    });

    it('begins empty, at the genesis hash of its own id', async () => {
      const logId = await store.logId();
      expect(logId).toMatch(/^[0-9a-f-]{36}$/);
      expect(await store.head()).toEqual({ position: 0, hash: genesisHash(logId) });
      expect(await store.hashAt(0)).toBe(genesisHash(logId));
      expect(await store.hashAt(1)).toBeNull();
      expect(await store.read(0, 10)).toEqual([]);
      expect(await store.verify()).toEqual({ ok: true, head: await store.head() });
    });

    it('numbers, chains and answers a compound command', async () => {
      const result = stored(
        await store.append(
          command({
            events: [
              {
                stream: 'network-a',
                type: 'NetworkCreated',
                version: 1,
                data: { name: 'ä "quoted" \\ \'it\' \u0001' },
              },
              { stream: 'port-b', type: 'PortCreated', version: 2, data: { gone: undefined, list: [1, 2.5, null] } },
              { stream: 'network-a', type: 'NetworkRenamed', version: 1, data: null },
            ],
            expect: { 'network-a': 0, 'port-b': 0, 'router-c': 0 },
          }),
        ),
      );
      expect(result.before).toBe(0);
      expect(result.feeds).toEqual([]);
      expect(result.recorded.map((each) => [each.position, each.stream, each.streamVersion, each.event.type])).toEqual([
        [1, 'network-a', 1, 'NetworkCreated'],
        [2, 'port-b', 1, 'PortCreated'],
        [3, 'network-a', 2, 'NetworkRenamed'],
      ]);
      expect(result.recorded[1]?.event.data).toEqual({ list: [1, 2.5, null] });
      expect(result.recorded[0]?.meta).toEqual(meta);
      expect(await store.read(0, 10)).toEqual(result.recorded);
      expect(await store.read(1, 1)).toEqual([result.recorded[1]]);
      expect(await store.readStream('network-a')).toEqual([result.recorded[0], result.recorded[2]]);
      expect(await store.head()).toEqual({ position: 3, hash: result.recorded[2]?.hash });
      expect(await store.hashAt(2)).toBe(result.recorded[1]?.hash);
      expect(await store.verify()).toEqual({ ok: true, head: await store.head() });
    });

    it('stores what was sent with the first event of a command, and with no other', async () => {
      const request = { method: 'POST', path: '/v2.0/networks', body: '{"network": {}}' };
      const one = happened('network-a', 0, { meta: { ...meta, request } });
      const two = { ...one, events: [...one.events, ...one.events] };
      const { recorded } = stored(await store.append(two));
      expect(recorded.map(({ meta: by }) => by)).toEqual([{ ...meta, request }, meta]);
      expect(await store.read(0, 10)).toEqual(recorded);
      expect(await store.verify()).toEqual({ ok: true, head: await store.head() });
    });

    it('finds streams by the beginning of their name, and events by a text in them, latest first', async () => {
      for (const stream of ['port-b', 'port-a%', 'port-a', 'network-a'])
        stored(await store.append(happened(stream, 0)));
      stored(await store.append(happened('port-a', 1)));
      expect(await store.streamsUnder('port-a', 10)).toEqual(['port-a', 'port-a%']);
      expect(await store.streamsUnder('port-', 2)).toEqual(['port-a', 'port-a%']);
      expect(await store.streamsUnder('port-%', 2)).toEqual([]);
      const found = async (upTo: number, most: number) =>
        (await store.mentions('"port-a"', { upTo, most, withinMs: 5_000 }))?.map(({ position }) => position);
      expect(await found(9, 9)).toEqual([5, 3]);
      expect(await found(4, 9)).toEqual([3]);
      expect(await found(9, 1)).toEqual([5]);
      expect(await store.mentions('port_a', { upTo: 9, most: 9, withinMs: 5_000 })).toEqual([]);
    });

    it('chains the exact bytes of each event with its position and the hash before', async () => {
      const [one] = stored(await store.append(happened('network-a', 0))).recorded;
      const { id, stream, streamVersion, event, meta: by } = one!;
      const bytes = JSON.stringify({ id, stream, streamVersion, ...event, meta: by });
      expect(one!.hash).toBe(chainHash(genesisHash(await store.logId()), 1, bytes));
    });

    it('refuses a version that is not the one expected, written or only read', async () => {
      stored(await store.append(happened('network-a', 0)));
      const again = await store.append(happened('network-a', 0));
      expect(again).toEqual({ ok: false, lost: { kind: 'version', stream: 'network-a' } });
      const reader = await store.append(happened('port-b', 0, { expect: { 'network-a': 2 } }));
      expect(reader).toEqual({ ok: false, lost: { kind: 'version', stream: 'network-a' } });
      stored(await store.append(happened('port-b', 0, { expect: { 'network-a': 1 } })));
      expect((await store.head()).position).toBe(2);
    });

    it('refuses a writer that has read what this log does not have, and takes one that is behind', async () => {
      const [one, two] = stored(
        await store.append(
          command({
            events: [
              { stream: 'network-a', type: 'Happened', version: 1, data: 1 },
              { stream: 'network-a', type: 'Happened', version: 1, data: 2 },
            ],
            expect: { 'network-a': 0 },
          }),
        ),
      ).recorded;
      const genesis = { position: 0, hash: genesisHash(await store.logId()) };
      const elsewhere = '00'.repeat(32);
      for (const [n, basis] of [genesis, one!, two!].entries())
        stored(await store.append(happened(`port-${n}`, 0, { basis: { position: basis.position, hash: basis.hash } })));
      const head = await store.head();
      for (const basis of [
        { ...genesis, hash: elsewhere },
        { position: 1, hash: two!.hash },
        { position: head.position, hash: elsewhere },
        { position: head.position + 1, hash: head.hash },
      ]) {
        await expect(store.append(happened('port-z', 0, { basis }))).rejects.toBeInstanceOf(LogDiffers);
        await expect(store.read(basis, 10)).rejects.toBeInstanceOf(LogDiffers);
        await expect(store.hashAt(1, basis)).rejects.toBeInstanceOf(LogDiffers);
        await expect(store.confirm(basis)).rejects.toBeInstanceOf(LogDiffers);
      }
      expect(await store.head()).toEqual(head);
      expect(await store.confirm(one!)).toEqual(head);
      expect(await store.hashAt(2, head)).toBe(two!.hash);
      expect((await store.read(one!, 1))[0]).toEqual(two);
      expect(await store.read(genesis, 10)).toHaveLength(5);
      expect(await store.read(head, 10)).toEqual([]);
      // One that differs makes none of those fail that were sent with it.
      const both = await Promise.allSettled([
        store.append(happened('port-x', 0, { basis: head })),
        store.append(happened('port-y', 0, { basis: { ...head, hash: elsewhere } })),
      ]);
      expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    });

    it('carries out a named request once, also of two that are sent together', async () => {
      const once = { key: 'k', fingerprint: 'f', result: ['id'] };
      const both = await Promise.all(['port-a', 'port-b'].map((stream) => store.append(happened(stream, 0, { once }))));
      expect(both).toMatchObject([{ ok: true }, { ok: false, lost: { kind: 'once', key: 'k' } }]);
      // Before its other preconditions: what the request took is taken.
      expect(await store.append(happened('port-a', 0, { once }))).toMatchObject({ lost: { kind: 'once' } });
      expect((await store.head()).position).toBe(1);
      const conflict = { once: { ...once, key: 'other' } };
      expect(await store.append(happened('port-a', 0, conflict))).toMatchObject({ lost: { kind: 'version' } });
      stored(await store.append(happened('port-b', 0, conflict)));
    });

    it('gives a claim to one, and again when it was released', async () => {
      stored(await store.append(happened('port-a', 0, { take: ['address/n/10.0.0.3'] })));
      const second = await store.append(happened('port-b', 0, { take: ['free', 'address/n/10.0.0.3'], hosts: ['h'] }));
      expect(second).toEqual({ ok: false, lost: { kind: 'claim', key: 'address/n/10.0.0.3' } });
      expect((await store.load()).feeds).toEqual([]);
      stored(await store.append(happened('port-c', 0, { take: ['free'] })));
      stored(await store.append(happened('port-a', 1, { release: ['address/n/10.0.0.3', 'never held'] })));
      stored(await store.append(happened('port-b', 0, { take: ['address/n/10.0.0.3'] })));
    });

    it('keeps a claim that is released and taken by one command', async () => {
      stored(await store.append(happened('port-a', 0, { take: ['k'] })));
      stored(await store.append(happened('port-a', 1, { release: ['k'], take: ['k'] })));
      expect(await store.append(happened('port-b', 0, { take: ['k'] }))).toMatchObject({ ok: false });
    });

    it('refuses while a claim lies under a prefix, taking no character of it for a pattern', async () => {
      stored(await store.append(happened('port-a', 0, { take: ['port/n_1/a', 'port/n%/b', 'port0'] })));
      for (const prefix of ['port/n_1/', 'port/n%', 'port/', 'p', 'port/n_1/a', 'port0']) {
        const result = await store.append(happened('network-n', 0, { none: ['zzz', prefix] }));
        expect(result).toEqual({ ok: false, lost: { kind: 'none', prefix } });
      }
      stored(await store.append(happened('network-n', 0, { none: ['port/n_2', 'port/nx1/', 'port/%', 'port1', 'q'] })));
      stored(await store.append(happened('network-n', 1, { none: ['port/n_1/'], release: ['port/n_1/a'] })));
    });

    it('refuses while a claim under a prefix leads elsewhere than to the given parts', async () => {
      const claims = [
        'member/a/h1/p',
        'member/a/h1-b/p',
        'member/a/h10/p',
        'member/a//p',
        'member/b/h9/p',
        'member/a1/h9/p',
      ];
      stored(await store.append(happened('port-a', 0, { take: claims })));
      const parts = ['', 'h1', 'h1-b', 'h10'];
      for (const [gone, key] of [
        ['', 'member/a//p'],
        ['h1', 'member/a/h1/p'],
        ['h1-b', 'member/a/h1-b/p'],
        ['h10', 'member/a/h10/p'],
      ] as const) {
        const within = { 'member/c/': [], 'member/a/': parts.filter((part) => part !== gone) };
        expect(await store.append(happened('group-g', 0, { within }))).toEqual({
          ok: false,
          lost: { kind: 'within', key },
        });
      }
      const within = { 'member/a/': [...parts, 'h2'], 'member/b/': ['h9'], 'none/': [] };
      stored(await store.append(happened('group-g', 0, { within, take: ['member/a/h3/own'] })));
      expect(await store.append(happened('group-g', 1, { within }))).toEqual({
        ok: false,
        lost: { kind: 'within', key: 'member/a/h3/own' },
      });
      stored(
        await store.append(happened('port-b', 0, { take: Array.from({ length: 50 }, (_, n) => `member/a/h2/${n}`) })),
      );
      stored(await store.append(happened('group-g', 1, { within: { 'member/a/': [...parts, 'h2', 'h3'] } })));
    });

    it('sees its own claims in none after an earlier command only, not those it takes', async () => {
      stored(await store.append(happened('port-a', 0, { none: ['port/'], take: ['port/a'] })));
      expect(await store.append(happened('port-b', 0, { none: ['port/'], take: ['port/b'] }))).toMatchObject({
        ok: false,
      });
    });

    it('stores no more than a limit allows, counting what was stored and what goes', async () => {
      const made = (n: number, most: number) =>
        happened(`port-${n}`, 0, { tally: { 'port/p': 1 }, limits: { 'port/p': most } });
      stored(await store.append(made(1, 2)));
      stored(await store.append(happened('port-2', 0, { tally: { 'port/p': 1, 'port/q': 5 } })));
      const over = { ok: false, lost: { kind: 'limit', key: 'port/p' } };
      expect(await store.append(made(3, 2))).toEqual(over);
      expect(await store.append({ ...made(3, 0), limits: { 'port/q': 5, 'port/p': 2, 'port/never': 0 } })).toEqual(
        over,
      );
      expect((await store.head()).position).toBe(2);
      stored(await store.append(happened('port-1', 1, { tally: { 'port/p': -1 } })));
      stored(await store.append(made(3, 2)));
      expect(await store.append(happened('port-4', 0, { limits: { 'port/p': 1 } }))).toEqual(over);
      stored(await store.append(happened('port-4', 0, { limits: { 'port/p': 2, 'port/q': 5 } })));
    });

    it('lets no more through together than a limit allows, whoever else is counted beside', async () => {
      const results = await Promise.all(
        Array.from({ length: 32 }, (_, n) =>
          store.append(
            n % 8 === 7
              ? happened(`port-${n}`, 0, { tally: { 'port/p': 1 } })
              : happened(`port-${n}`, 0, {
                  tally: { 'port/p': 1, 'port/q': 1 },
                  limits: { 'port/p': 20, 'port/q': 100 },
                }),
          ),
        ),
      );
      const lost = results.filter((each) => !each.ok);
      expect(results.length - lost.length).toBeLessThanOrEqual(24);
      expect(results.length - lost.length).toBeGreaterThanOrEqual(20);
      expect(lost).toEqual(lost.map(() => ({ ok: false, lost: { kind: 'limit', key: 'port/p' } })));
      expect(
        await store.append(happened('more', 0, { tally: { 'port/p': 0 }, limits: { 'port/p': 19 } })),
      ).toMatchObject({ ok: false });
    });

    it('writes rows with relative positions made absolute, and removes them', async () => {
      stored(await store.append(happened('network-n', 0)));
      stored(
        await store.append(
          command({
            events: ['PortCreated', 'PortBound'].map((type) => ({ stream: 'port-p', type, version: 1, data: {} })),
            expect: { 'port-p': 0 },
            rows: [portRow('p', 2, { setAt: { existence: -1, binding: -2, network: 1 } })],
          }),
        ),
      );
      expect((await store.load()).rows).toEqual([
        { ...portRow('p', 2), setAt: { existence: 2, binding: 3, network: 1 }, position: 3 },
      ]);
      stored(
        await store.append(
          happened('port-p', 2, { rows: [portRow('p', 3, { name: 'new', setAt: { existence: 2, binding: -1 } })] }),
        ),
      );
      const { rows } = await store.load();
      expect(rows).toEqual([{ ...portRow('p', 3, { name: 'new' }), setAt: { existence: 2, binding: 4 }, position: 4 }]);
      stored(await store.append(happened('port-p', 3, { rows: [{ kind: 'port', id: 'p', deleted: true }] })));
      const after = await store.load();
      expect(after.rows).toEqual([]);
      expect(after.head.position).toBe(5);
      expect(await store.streamVersion('network-n')).toEqual({ position: 5, version: 1 });
      expect(await store.streamVersion('port-p')).toEqual({ position: 5, version: 4 });
      expect(await store.streamVersion('port-never')).toEqual({ position: 5, version: 0 });
    });

    it('loads the streams of what is there, and knows those of what is gone', async () => {
      for (const id of ['a', 'b', 'c']) stored(await store.append(happened(`port-${id}`, 0, { rows: [portRow(id)] })));
      stored(await store.append(happened('port-c', 1, { rows: [portRow('c', 2)] })));
      stored(await store.append(happened('port-b', 1, { rows: [{ kind: 'port', id: 'b', deleted: true }] })));
      const { streams } = await store.load();
      expect([...streams].sort((a, b) => (a.stream < b.stream ? -1 : 1))).toEqual([
        { stream: 'port-a', version: 1 },
        { stream: 'port-c', version: 2 },
      ]);
      expect(await store.streamVersion('port-b')).toEqual({ position: 5, version: 2 });
      expect(await store.append(happened('port-b', 0))).toMatchObject({ ok: false, lost: { kind: 'version' } });
      stored(await store.append(happened('port-b', 2)));
    });

    it('links each host its own feed at the last position of a command', async () => {
      const first = stored(await store.append(happened('port-a', 0, { hosts: ['b', 'a', 'b'] })));
      expect(first.feeds).toEqual([
        { host: 'b', prev: null },
        { host: 'a', prev: null },
      ]);
      const twoEvents = [1, 2].map(() => ({ stream: 'port-b', type: 'Happened', version: 1, data: {} }));
      const second = stored(
        await store.append(command({ events: twoEvents, expect: { 'port-b': 0 }, hosts: ['a', 'c'] })),
      );
      expect(second.feeds).toEqual([
        { host: 'a', prev: 1 },
        { host: 'c', prev: null },
      ]);
      const third = stored(await store.append(happened('port-c', 0, { hosts: ['a'] })));
      expect(third.feeds).toEqual([{ host: 'a', prev: 3 }]);
      expect(await store.feedRows(0, 3)).toEqual([
        { position: 1, host: 'a', prev: null },
        { position: 1, host: 'b', prev: null },
        { position: 3, host: 'a', prev: 1 },
        { position: 3, host: 'c', prev: null },
      ]);
      expect(await store.feedRows(3, 9)).toEqual([{ position: 4, host: 'a', prev: 3 }]);
      expect((await store.load()).feeds).toEqual([
        { host: 'a', position: 4 },
        { host: 'b', position: 1 },
        { host: 'c', position: 3 },
      ]);
    });

    it('prunes feed rows that were read; who asks for them is told, and gets the heads as they were', async () => {
      for (const [n, hosts] of [['a'], ['a', 'b'], ['b'], ['a', 'c']].entries())
        stored(await store.append(happened(`pruned-${n}`, 0, { hosts })));
      await store.pruneFeed(2, []);
      await expect(store.feedRows(1, 4)).rejects.toMatchObject({ name: 'FeedPruned' });
      expect(await store.feedRows(2, 4)).toEqual([
        { position: 3, host: 'b', prev: 2 },
        { position: 4, host: 'a', prev: 2 },
        { position: 4, host: 'c', prev: null },
      ]);
      await store.pruneFeed(1, []);
      await expect(store.feedRows(1, 4)).rejects.toMatchObject({ name: 'FeedPruned' });
      expect(await store.feedHeads(3)).toEqual([
        { host: 'a', position: 2 },
        { host: 'b', position: 3 },
      ]);
      await store.pruneFeed(3, ['a', 'b', 'c', 'never']);
      expect((await store.load()).feeds).toEqual([
        { host: 'a', position: 4 },
        { host: 'c', position: 4 },
      ]);
      const back = stored(await store.append(happened('pruned-9', 0, { hosts: ['b', 'a'] })));
      expect(back.feeds).toEqual([
        { host: 'b', prev: null },
        { host: 'a', prev: 4 },
      ]);
    });

    it('answers concurrent commands each for itself', async () => {
      const results = await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          store.append(happened(`port-${n}`, 0, { take: [n % 4 === 3 ? 'contended' : `own-${n}`], hosts: ['h'] })),
        ),
      );
      const won = results.filter((each) => each.ok);
      expect(won).toHaveLength(31);
      const lost = results.filter((each) => !each.ok);
      expect(new Set(lost.map((each) => JSON.stringify(each.lost)))).toEqual(
        new Set(['{"kind":"claim","key":"contended"}']),
      );
      const links = (await store.feedRows(0, 99)).map((row) => [row.prev, row.position]);
      expect(links).toEqual(Array.from({ length: 31 }, (_, n) => [n === 0 ? null : n, n + 1]));
      const versions = await Promise.all(results.map(async (_, n) => (await store.streamVersion(`port-${n}`)).version));
      expect(versions.filter((version) => version === 1)).toHaveLength(31);
      expect(await store.verify()).toEqual({ ok: true, head: await store.head() });
    });

    it('lets commands on one stream follow each other in the order they came', async () => {
      const results = await Promise.all([0, 1, 2, 2, 3].map((version) => store.append(happened('port-a', version))));
      expect(results.map((each) => each.ok)).toEqual([true, true, true, false, true]);
      expect((await store.readStream('port-a')).map((each) => each.position)).toEqual([1, 2, 3, 4]);
    });

    it('answers a repeat with the same event ids as it answered the first, and stores it once', async () => {
      const id = randomUUID();
      const once = command({
        events: [{ id, stream: 'port-a', type: 'Happened', version: 1, data: {} }],
        expect: { 'port-a': 0 },
        take: ['k'],
        hosts: ['h', 'i'],
      });
      const first = stored(await store.append(once));
      stored(await store.append(happened('port-b', 0, { hosts: ['h'] })));
      expect(await store.append(once)).toEqual(first);
      expect((await store.head()).position).toBe(2);
    });

    it('takes a command without events for a success that changes nothing', async () => {
      stored(await store.append(happened('port-a', 0)));
      const result = stored(await store.append(command({ expect: { 'port-a': 7 } })));
      expect(result).toEqual({ ok: true, recorded: [], before: 1, feeds: [] });
    });

    it.each([
      ['rows without events', command({ rows: [portRow('p')] })],
      ['a stream written and not expected', { ...happened('port-a', 0), expect: {} }],
      ['a kind without a table', happened('x-a', 0, { rows: [{ ...portRow('a'), kind: 'x' }] })],
      [
        'a relative position beyond its events',
        happened('port-a', 0, { rows: [portRow('a', 1, { setAt: { a: -2 } })] }),
      ],
      ['one row twice', happened('port-a', 0, { rows: [portRow('a'), portRow('a')] })],
      ['one claim twice', happened('port-a', 0, { take: ['k', 'k'] })],
      ['a NUL', happened('port-a', 0, { rows: [portRow('a', 1, { name: 'a\0b' })] })],
      ['half a surrogate pair', happened('port-a', 0, { take: ['\ud800'] })],
      ['a tally that is no whole number', happened('port-a', 0, { tally: { k: 0.5 } })],
      ['a limit below nothing', happened('port-a', 0, { limits: { k: -1 } })],
      ['a claim too long to index', happened('port-a', 0, { take: ['k'.repeat(801)] })],
      ['a time of another form', happened('port-a', 0, { meta: { ...meta, time: '2024-01-02' } })],
    ])('refuses %s and stores nothing', async (_, bad) => {
      await expect(store.append(bad)).rejects.toThrow(InvalidCommand);
      expect((await store.head()).position).toBe(0);
    });

    it('stores a backslash followed by u0000 as the text it is', async () => {
      const text = 'a\\u0000b \\\\ud800';
      const result = stored(await store.append(happened('port-a', 0, { rows: [portRow('a', 1, { name: text })] })));
      expect((await store.load()).rows[0]?.name).toBe(text);
      expect(result.before).toBe(0);
    });

    it('verifies from a position and hash kept elsewhere', async () => {
      const results = [];
      for (const n of [1, 2, 3]) results.push(stored(await store.append(happened(`port-${n}`, 0))));
      const kept = results[1]!.recorded[0]!;
      expect(await store.verify({ position: 2, hash: kept.hash })).toMatchObject({ ok: true });
      expect(await store.verify({ position: 2, hash: '00'.repeat(32) })).toMatchObject({ ok: false, position: 2 });
      expect(await store.verify({ position: 9, hash: kept.hash })).toMatchObject({ ok: false, position: 9 });
    });
  });
}
