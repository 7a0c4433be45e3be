/**
 * Makes the stored form of a command: checks it, adds event ids and stream versions, and makes the exact bytes of each event's envelope.
 * Both stores use it, so the fake refuses what PostgreSQL would refuse.
 */
import { randomUUID } from 'node:crypto';
import { Touches } from './batch.js';
import { chainHash } from './chain.js';
import { InvalidCommand } from './errors.js';
import { AppendCommand, AppendOk, EventInput, Head, Meta, Once, RecordedEvent, Row } from './event-store.js';
import { readTables } from './read-tables.js';

/** An event ready to store: `sv` is its stream version, `envelope` the bytes that the chain covers. */
export type WireEvent = Readonly<{
  id: string;
  stream: string;
  sv: number;
  type: string;
  v: number;
  envelope: string;
}>;

/** A checked command. */
export type WireCommand = Readonly<{
  events: readonly WireEvent[];
  expect: Readonly<Record<string, number>>;
  take: readonly string[];
  release: readonly string[];
  none: readonly string[];
  within: Readonly<Record<string, readonly string[]>>;
  rows: readonly Row[];
  hosts: readonly string[];
  tally: Readonly<Record<string, number>>;
  limits: Readonly<Record<string, number>>;
  basis: Head | null;
  once: Once | undefined;
  /** The caller named the events, so this may be a repetition. */
  again: boolean;
  /** Everything except `again` as JSON, as it is sent. */
  text: string;
}>;

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const isoUtcMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** A longer key fits no index entry; the limit is in UTF-16 units, a third of what fits. */
const maxKeyLength = 800;

/** Checks the command and makes its stored form. Throws `InvalidCommand`; nothing was stored then. */
export function wire(command: AppendCommand): WireCommand {
  const { events, take, release, none, within = {}, rows, tally, limits, basis, once, serverEvents = [] } = command;
  const hosts = [...new Set(command.hosts)];
  const counted = Object.keys(tally);
  if (events.length === 0 && take.length + release.length + rows.length + hosts.length + counted.length > 0) {
    throw new InvalidCommand(
      'A command without events may hold no claims, rows, hosts or tallies: what is derived changes with an event alone.',
    );
  }
  if (!isoUtcMs.test(command.meta.time)) {
    throw new InvalidCommand(`meta.time "${command.meta.time}" is not RFC 3339 in UTC with milliseconds.`);
  }
  for (const [stream, version] of Object.entries(command.expect)) {
    if (!Number.isSafeInteger(version) || version < 0)
      throw new InvalidCommand(`expect[${stream}] is ${version}, not a version.`);
  }
  for (const [key, delta] of Object.entries(tally)) {
    if (!Number.isSafeInteger(delta)) throw new InvalidCommand(`tally[${key}] is ${delta}, not a whole number.`);
  }
  const limited = Object.keys(limits);
  for (const key of limited) {
    const most = limits[key] as number;
    if (!Number.isSafeInteger(most) || most < 0) throw new InvalidCommand(`limits[${key}] is ${most}, not a count.`);
  }
  for (const key of [
    ...take,
    ...release,
    ...none,
    ...Object.keys(within),
    ...hosts,
    ...counted,
    ...limited,
    ...events.map((event) => event.stream),
  ]) {
    if (key.length === 0 || key.length > maxKeyLength) {
      throw new InvalidCommand(`A key has ${key.length} characters; 1 to ${maxKeyLength} fit: "${key.slice(0, 60)}"`);
    }
  }
  const seen = new Set<string>();
  const twice = take.find((key) => seen.size === seen.add(key).size);
  if (twice !== undefined) throw new InvalidCommand(`The claim "${twice}" is taken twice by one command.`);
  checkRows(rows, events.length);
  const numbered = number(events, command);
  const text = JSON.stringify({
    events: numbered,
    expect: command.expect,
    take,
    release,
    none,
    ...(Object.keys(within).length > 0 && { within }),
    rows,
    hosts,
    ...(counted.length > 0 && { tally }),
    ...(limited.length > 0 && { limits }),
    ...(once && { once }),
    ...(serverEvents.length > 0 && { servers: serverEvents }),
  });
  for (const json of [text, ...numbered.map((event) => event.envelope)]) refuseUnstorableText(json);
  const again = events[0]?.id !== undefined;
  const { expect } = command;
  return {
    events: numbered,
    expect,
    take,
    release,
    none,
    within,
    rows,
    hosts,
    tally,
    limits,
    basis,
    once,
    again,
    text,
  };
}

/** Streams, rows and claims that the command changes or has as preconditions: two commands of one batch must not change the same. */
export function touchesOf(command: WireCommand): Touches {
  const changes = [
    ...command.events.map((event) => `stream ${event.stream}`),
    ...command.rows.map((row) => `row ${row.kind} ${row.id}`),
    ...command.take.map((key) => `claim ${key}`),
    ...command.release.map((key) => `claim ${key}`),
    ...(command.once ? [`once ${command.once.key}`] : []),
  ];
  return { changes: [...new Set(changes)], reads: Object.keys(command.expect).map((stream) => `stream ${stream}`) };
}

/** The answer for a command stored after `before`, with its chain hashes and the feed links of its hosts. */
export function answered(
  command: WireCommand,
  before: number,
  hashes: readonly string[],
  prevs: readonly (number | null)[],
): AppendOk {
  return {
    ok: true,
    before,
    recorded: command.events.map((event, index) => recorded(before + index + 1, event.envelope, hashes[index] ?? '')),
    feeds: command.hosts.map((host, index) => ({ host, prev: prevs[index] ?? null })),
  };
}

type Envelope = Readonly<{
  id: string;
  stream: string;
  streamVersion: number;
  type: string;
  version: number;
  data: unknown;
  meta: Meta;
}>;

/** An event as every reader sees it: parsed from the stored bytes, so nobody sees more than was stored. */
export function recorded(position: number, envelope: string, hash: string): RecordedEvent {
  const { id, stream, streamVersion, type, version, data, meta } = JSON.parse(envelope) as Envelope;
  return { position, id, stream, streamVersion, hash, event: { type, version, data }, meta };
}

/** Whether the event is the one that follows `at` in its log. Of the events that `recorded` made: their JSON is the stored bytes again. */
export function follows(at: Head, { position, id, stream, streamVersion, event, meta, hash }: RecordedEvent): boolean {
  const { type, version, data } = event;
  const envelope: Envelope = { id, stream, streamVersion, type, version, data, meta };
  return position === at.position + 1 && chainHash(at.hash, position, JSON.stringify(envelope)) === hash;
}

function number(events: readonly EventInput[], command: AppendCommand): readonly WireEvent[] {
  const next = new Map<string, number>();
  const { requestId, userId, projectId, time, request } = command.meta;
  const by: Meta = { requestId, userId, projectId, time };
  return events.map(({ id = randomUUID(), stream, type, version, data }, index) => {
    if (!uuid.test(id)) throw new InvalidCommand(`Event id "${id}" is not a UUID in lower case.`);
    if (!Number.isSafeInteger(version) || version < 1)
      throw new InvalidCommand(`${type} has version ${version}; versions begin at 1.`);
    const from = next.get(stream) ?? command.expect[stream];
    if (from === undefined) {
      throw new InvalidCommand(`The command writes stream "${stream}" without the version it expects.`);
    }
    const sv = from + 1;
    next.set(stream, sv);
    const meta = index === 0 && request ? { ...by, request } : by;
    const envelope: Envelope = { id, stream, streamVersion: sv, type, version, data, meta };
    return { id, stream, sv, type, v: version, envelope: JSON.stringify(envelope) };
  });
}

function checkRows(rows: readonly Row[], events: number): void {
  const seen = new Set<string>();
  for (const row of rows) {
    const name = `${row.kind} ${row.id}`;
    if (!Object.hasOwn(readTables, row.kind))
      throw new InvalidCommand(`No read table holds objects of kind "${row.kind}".`);
    if (seen.has(name)) throw new InvalidCommand(`The command writes the row of ${name} twice.`);
    seen.add(name);
    if (row.deleted) continue;
    for (const [facet, at] of Object.entries(row.setAt)) {
      if (!Number.isSafeInteger(at) || at < -events) {
        throw new InvalidCommand(`setAt.${facet} of ${name} is ${at}; the command has ${events} events.`);
      }
    }
  }
}

/**
 * PostgreSQL's text cannot contain NUL or half of a surrogate pair; one such command would make its whole batch fail. JSON.stringify
 * writes both as an escape; a doubled backslash is a real backslash.
 */
function refuseUnstorableText(json: string): void {
  if (json.includes('\\u') && /\\u(0000|d[89a-f])/.test(json.replaceAll('\\\\', ''))) {
    throw new InvalidCommand(
      'The command contains a NUL character or half of a surrogate pair, which cannot be stored.',
    );
  }
}
