import { randomUUID } from 'node:crypto';
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import { chainHash, differs, genesisHash, StoredEvent, walkChain } from '../chain.js';
import { answered, recorded, wire, WireCommand } from '../command.js';
import { FeedPruned, LogDiffers, StoreUnavailable } from '../errors.js';
import {
  AppendCommand,
  AppendResult,
  EventStore,
  FeedRow,
  Head,
  Loaded,
  Lost,
  Moment,
  RecordedEvent,
  RowUpsert,
  StoredRow,
  StreamVersion,
  Verdict,
} from '../event-store.js';

/**
 * The event store in memory: same answers, same hashes, no object shared with the caller (everything is copied as JSON). One contract
 * spec runs on it and on PostgreSQL.
 */
export class InMemoryEventStore implements EventStore {
  private readonly events: StoredEvent[] = [];
  private readonly streams = new Map<string, number>();
  private readonly claims = new Set<string>();
  private readonly objects = new Map<string, StoredRow>();
  private readonly tallies = new Map<string, number>();
  private readonly feed: FeedRow[] = [];
  private readonly heads = new Map<string, number>();
  private pruned = 0;
  private readonly onces = new Set<string>();
  private readonly commands: { before: number; command: WireCommand }[] = [];
  private failures: Error[] = [];
  private closed = false;

  constructor(private readonly id: string = randomUUID()) {}

  /** The next append fails with `error` and stores nothing. */
  failNext(error: Error = new StoreUnavailable('The fake was told to fail.', 'not-stored')): void {
    this.failures.push(error);
  }

  async logId(): Promise<string> {
    return this.id;
  }

  async append(command: AppendCommand): Promise<AppendResult> {
    if (this.closed) throw new StoreUnavailable('The event store is closed.', 'not-stored');
    const wired = wire(command);
    // Answers come in a later turn, as a database's do; the state changes in one step.
    await new Promise((resolve) => setImmediate(resolve));
    const failure = this.failures.shift();
    if (failure) throw failure;
    return this.store(wired);
  }

  async read(after: Head | number, limit: number): Promise<readonly RecordedEvent[]> {
    const from = typeof after === 'number' ? after : (await this.confirm(after), after.position);
    return this.events.slice(from, from + limit).map(toRecorded);
  }

  async readStream(stream: string): Promise<readonly RecordedEvent[]> {
    return this.events.filter((event) => event.stream === stream).map(toRecorded);
  }

  async streamsUnder(prefix: string, most: number): Promise<readonly string[]> {
    const bytes = (name: string): Buffer => Buffer.from(name);
    return [...this.streams.keys()]
      .filter((name) => name.startsWith(prefix))
      .sort((a, b) => Buffer.compare(bytes(a), bytes(b)))
      .slice(0, most);
  }

  async mentions(
    text: string,
    { upTo, most }: Readonly<{ upTo: number; most: number }>,
  ): Promise<readonly RecordedEvent[]> {
    const found = this.events.filter(({ position, envelope }) => position <= upTo && envelope.includes(text));
    return found.reverse().slice(0, most).map(toRecorded);
  }

  async streamVersion(stream: string): Promise<StreamVersion> {
    return { position: this.events.length, version: this.streams.get(stream) ?? 0 };
  }

  async head(): Promise<Head> {
    return this.headNow();
  }

  async hashAt(position: number, at?: Head): Promise<string | null> {
    if (at) await this.confirm(at);
    return this.hashNow(position);
  }

  async confirm(at: Head): Promise<Head> {
    if (this.hashNow(at.position) !== at.hash) throw new LogDiffers(at.position);
    return this.headNow();
  }

  /** Forgets the events after a position and what followed from them, as a standby that was behind. Derived rows are made by the caller's next commands. */
  loseAfter(position: number): void {
    const kept = this.commands.filter(({ before }) => before < position).map(({ command }) => command);
    for (const state of [this.events, this.feed, this.commands]) state.length = 0;
    for (const state of [this.streams, this.claims, this.objects, this.tallies, this.heads, this.onces]) state.clear();
    this.pruned = 0;
    for (const command of kept) this.store({ ...command, basis: null });
  }

  async moment(): Promise<Moment> {
    return {
      logId: this.id,
      head: this.headNow(),
      generation: CATALOGUE_VERSION,
      feeds: [...this.heads].map(([host, position]) => ({ host, position })).sort((a, b) => order(a.host, b.host)),
      rowCount: this.objects.size,
    };
  }

  async load(): Promise<Loaded> {
    return structuredClone({
      ...(await this.moment()),
      streams: [...this.objects.values()].flatMap(({ kind, id }) => {
        const version = this.streams.get(`${kind}-${id}`);
        return version === undefined ? [] : [{ stream: `${kind}-${id}`, version }];
      }),
      rows: [...this.objects.values()].sort((a, b) => order(a.kind, b.kind) || order(a.id, b.id)),
    });
  }

  async feedHeads(at: number): ReturnType<EventStore['feedHeads']> {
    return [...this.heads].flatMap(([host, head]) => {
      const next = this.feed.find((row) => row.host === host && row.position > at);
      const position = head <= at ? head : (next?.prev ?? null);
      return position === null ? [] : [{ host, position }];
    });
  }

  async pruneFeed(upTo: number, gone: readonly string[]): Promise<void> {
    this.pruned = Math.max(this.pruned, upTo);
    this.feed.splice(0, this.feed.length, ...this.feed.filter((row) => row.position > this.pruned));
    for (const host of gone) if ((this.heads.get(host) ?? Infinity) <= upTo) this.heads.delete(host);
  }

  async feedRows(after: number, upTo: number): Promise<readonly FeedRow[]> {
    if (after < this.pruned) throw new FeedPruned();
    return this.feed
      .filter((row) => row.position > after && row.position <= upTo)
      .sort((a, b) => a.position - b.position || order(a.host, b.host));
  }

  async verify(from?: Head): Promise<Verdict> {
    const start = from ?? { position: 0, hash: genesisHash(this.id) };
    const found = await this.hashAt(start.position);
    if (found === null) return differs(start.position, 'the log does not reach this position');
    if (found !== start.hash) return differs(start.position, `the log holds hash ${found}, not ${start.hash}`);
    return walkChain(start, this.headNow(), async (after, upTo) => this.events.slice(after, upTo));
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  private hashNow(position: number): string | null {
    return position === 0 ? genesisHash(this.id) : (this.events[position - 1]?.hash ?? null);
  }

  private headNow(): Head {
    const last = this.events.at(-1);
    return last ? { position: last.position, hash: last.hash } : { position: 0, hash: genesisHash(this.id) };
  }

  private store(command: WireCommand): AppendResult {
    const before = this.events.length;
    const { basis, once } = command;
    if (basis && this.hashNow(basis.position) !== basis.hash) throw new LogDiffers(basis.position);
    if (command.events.length === 0) return answered(command, before, [], []);
    if (command.again) {
      const first = this.events.find((event) => event.id === command.events[0]?.id);
      if (first) return this.answeredThen(command, first.position - 1);
    }
    if (once && this.onces.has(once.key)) return { ok: false, lost: { kind: 'once', key: once.key } };
    const lost = this.lossOf(command);
    if (lost) return { ok: false, lost };
    this.commands.push({ before, command });
    if (once) this.onces.add(once.key);

    for (const key of command.release) this.claims.delete(key);
    for (const key of command.take) this.claims.add(key);
    for (const { id, stream, sv, type, v, envelope } of command.events) {
      const position = this.events.length + 1;
      const hash = chainHash(this.headNow().hash, position, envelope);
      this.events.push({ position, id, stream, streamVersion: sv, type, version: v, envelope, hash });
      this.streams.set(stream, sv);
    }
    for (const row of command.rows) {
      if (row.deleted) this.objects.delete(`${row.kind} ${row.id}`);
      else this.objects.set(`${row.kind} ${row.id}`, resolved(row, before));
    }
    for (const [key, delta] of Object.entries(command.tally)) this.tallies.set(key, this.tallyOf(key) + delta);
    const prevs = command.hosts.map((host) => {
      const prev = this.heads.get(host) ?? null;
      this.feed.push({ host, position: this.events.length, prev });
      this.heads.set(host, this.events.length);
      return prev;
    });
    const hashes = this.events.slice(before).map((event) => event.hash);
    return answered(command, before, hashes, prevs);
  }

  private answeredThen(command: WireCommand, before: number): AppendResult {
    const last = before + command.events.length;
    const hashes = this.events.slice(before, last).map((event) => event.hash);
    const rows = this.feed.filter((row) => row.position === last);
    return answered(
      command,
      before,
      hashes,
      command.hosts.map((host) => rows.find((row) => row.host === host)?.prev ?? null),
    );
  }

  private lossOf(command: WireCommand): Lost | undefined {
    for (const stream of Object.keys(command.expect).sort(order)) {
      if ((this.streams.get(stream) ?? 0) !== command.expect[stream]) return { kind: 'version', stream };
    }
    const freed = new Set(command.release);
    for (const prefix of command.none) {
      for (const key of this.claims) if (key.startsWith(prefix) && !freed.has(key)) return { kind: 'none', prefix };
    }
    for (const [prefix, parts] of Object.entries(command.within).sort(([a], [b]) => order(a, b))) {
      const elsewhere = [...this.claims]
        .filter((key) => key.startsWith(prefix) && !parts.includes(key.slice(prefix.length).split('/')[0] as string))
        .sort(order)[0];
      if (elsewhere !== undefined) return { kind: 'within', key: elsewhere };
    }
    const key = command.take.find((each) => this.claims.has(each) && !freed.has(each));
    if (key !== undefined) return { kind: 'claim', key };
    for (const limited of Object.keys(command.limits).sort(order)) {
      const after = this.tallyOf(limited) + (command.tally[limited] ?? 0);
      if (after > (command.limits[limited] as number)) return { kind: 'limit', key: limited };
    }
    return undefined;
  }

  private tallyOf(key: string): number {
    return this.tallies.get(key) ?? 0;
  }
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const toRecorded = (event: StoredEvent): RecordedEvent => recorded(event.position, event.envelope, event.hash);

function resolved(row: RowUpsert, before: number): StoredRow {
  const { kind, id, version, projectId, name } = row;
  const setAt = Object.fromEntries(Object.entries(row.setAt).map(([facet, at]) => [facet, at < 0 ? before - at : at]));
  const position = Math.max(0, ...Object.values(setAt));
  return { kind, id, version, position, projectId, name, doc: JSON.parse(JSON.stringify(row.doc)) as object, setAt };
}
