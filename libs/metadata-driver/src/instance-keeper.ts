/**
 * What owners gave the instances of this node to know, kept on its disk: a file for each instance, readable by root alone, apart from the snapshot. How a node asks
 * for it, and when it may remove what it has, is in libs/contracts/src/instances.ts. In memory there are only names and revisions.
 *
 * That an instance was given nothing is kept, too: a node that boots alone can then tell it from not knowing.
 */
import { createHash, randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  Id,
  INSTANCE_ASK_EVERY_MS,
  InstanceData,
  InstanceName,
  type InstanceAnswer,
  type InstanceAsk,
} from '@plumbline/contracts';
import { InstanceJoiner, parseInstances, questionsOf } from '@plumbline/messaging';
import type { Logger } from '@plumbline/telemetry';
import { z } from 'zod';

/** How long a question is waited for before what it did not tell is asked again. */
const ANSWER_MS = 3_000;
const TICK_MS = 500;

const Kept = z.object({ log: Id, name: InstanceName, data: InstanceData.nullable() });
type Kept = z.infer<typeof Kept>;

export type KeeperOptions = Readonly<{
  host: string;
  /** Its own: what is in it is ours. */
  folder: string;
  logger: Logger;
  now?: () => number;
}>;

/** How questions go out. */
export type Asks = Readonly<{
  send(ask: InstanceAsk): void;
  readonly maxBodyBytes: number;
  readonly connected: boolean;
}>;

const keyOf = ({ projectId, deviceId }: InstanceName): string => JSON.stringify([projectId, deviceId]);

/** Close when done. */
export class InstanceKeeper {
  private log: string | null = null;
  private position = 0;
  private wanted = new Map<string, InstanceName>();
  /** Key -> revision; null: it was given nothing. */
  private readonly kept = new Map<string, { log: string; revision: string | null }>();
  private readonly open = new Set<string>();
  private flight: { ask: string; keys: Set<string>; atMs: number } | null = null;
  private readonly joiner = new InstanceJoiner();
  private asks: Asks | null = null;
  private wasConnected = false;
  private allAskedMs = -Infinity;
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly options: KeeperOptions) {
    mkdirSync(options.folder, { recursive: true });
    chmodSync(options.folder, 0o700);
    for (const file of readdirSync(options.folder)) this.load(file);
  }

  private load(file: string): void {
    try {
      const { log, name, data } = Kept.parse(JSON.parse(readFileSync(path.join(this.options.folder, file), 'utf8')));
      if (file === fileOf(keyOf(name))) {
        this.kept.set(keyOf(name), { log, revision: data?.revision ?? null });
        return;
      }
    } catch (err) {
      this.options.logger.warn(
        { err, file, step: 'instances' },
        'kept data of an instance is damaged: it is asked for again',
      );
    }
    rmSync(path.join(this.options.folder, file), { force: true });
  }

  /** From now on questions can go out. */
  start(asks: Asks): void {
    this.asks = asks;
    this.timer ??= setInterval(() => this.tick(), TICK_MS);
  }

  close(): void {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
  }

  /** The instances of this node, by its view. `mayRemove`: what is kept of others goes. */
  serve(
    view: Readonly<{ log: string | null; position: number }>,
    names: readonly InstanceName[],
    mayRemove: boolean,
  ): void {
    if (view.log !== this.log) this.allAskedMs = -Infinity;
    this.log = view.log;
    this.position = view.position;
    const wanted = new Map(names.map((name) => [keyOf(name), name]));
    for (const key of wanted.keys()) if (!this.wanted.has(key)) this.open.add(key);
    this.wanted = wanted;
    for (const key of this.open) if (!wanted.has(key)) this.open.delete(key);
    if (mayRemove) for (const key of [...this.kept.keys()]) if (!wanted.has(key)) this.remove(key);
    this.ask();
  }

  /** What an instance was given; null: nothing; undefined: it is not known yet. */
  dataOf(name: InstanceName): InstanceData | null | undefined {
    const key = keyOf(name);
    const kept = this.kept.get(key);
    if (!kept || kept.log !== this.log) return undefined;
    if (kept.revision === null) return null;
    try {
      return Kept.parse(JSON.parse(readFileSync(this.pathOf(key), 'utf8'))).data;
    } catch (err) {
      this.options.logger.warn({ err, step: 'instances' }, 'kept data of an instance is gone: it is asked for again');
      this.kept.delete(key);
      this.open.add(key);
      return undefined;
    }
  }

  hear(body: unknown): void {
    const message = parseInstances(body);
    if (!message || message.log !== this.log || message.host !== this.options.host) return;
    if ('changed' in message) {
      for (const name of message.changed) if (this.wanted.has(keyOf(name))) this.open.add(keyOf(name));
      return this.ask();
    }
    const answer = 'slice' in message ? this.joiner.add(message) : message;
    if (answer) this.take(answer);
  }

  private take({ ask, set, same, gone, later, last }: InstanceAnswer): void {
    const { flight, log } = this;
    if (!flight || flight.ask !== ask || log === null) return;
    const answered = (name: InstanceName): boolean => flight.keys.delete(keyOf(name)) && this.wanted.has(keyOf(name));
    for (const { projectId, deviceId, ...rest } of set)
      if (answered({ projectId, deviceId }))
        this.keep({ log, name: { projectId, deviceId }, data: { projectId, deviceId, ...rest } });
    for (const name of same) flight.keys.delete(keyOf(name));
    for (const name of gone) if (answered(name)) this.keep({ log, name, data: null });
    for (const name of later) if (answered(name)) this.open.add(keyOf(name));
    if (!last && flight.keys.size > 0) return;
    this.flight = null;
    // What was lost is asked for at the next tick, so that nothing goes round in a circle.
    for (const key of flight.keys) this.open.add(key);
    if (flight.keys.size === 0) this.ask();
  }

  private tick(): void {
    const nowMs = this.now();
    const { flight, asks } = this;
    if (flight && nowMs - flight.atMs > ANSWER_MS) {
      for (const key of flight.keys) this.open.add(key);
      this.flight = null;
    }
    const isBack = asks?.connected === true && !this.wasConnected;
    this.wasConnected = asks?.connected === true;
    if (isBack || nowMs - this.allAskedMs > INSTANCE_ASK_EVERY_MS) {
      this.allAskedMs = nowMs;
      for (const key of this.wanted.keys()) this.open.add(key);
    }
    this.ask();
  }

  /** One question at a time: of those that are open as many as it takes. */
  private ask(): void {
    const { asks, log } = this;
    for (const key of this.open) if (!this.wanted.has(key)) this.open.delete(key);
    if (!asks?.connected || this.flight || log === null || this.open.size === 0) return;
    const instances = [...this.open].map((key) => {
      const kept = this.kept.get(key);
      return { ...(this.wanted.get(key) as InstanceName), revision: kept?.log === log ? kept.revision : null };
    });
    const [page = []] = questionsOf(instances, asks.maxBodyBytes);
    const keys = new Set(page.map(keyOf));
    for (const key of keys) this.open.delete(key);
    this.flight = { ask: randomUUID(), keys, atMs: this.now() };
    asks.send({ log, ask: this.flight.ask, position: this.position, instances: [...page] });
  }

  private keep(kept: Kept): void {
    const key = keyOf(kept.name);
    const revision = kept.data?.revision ?? null;
    const before = this.kept.get(key);
    if (before && before.log === kept.log && before.revision === revision) return;
    const file = this.pathOf(key);
    writeFileSync(`${file}.next`, JSON.stringify(kept), { mode: 0o600, flush: true });
    renameSync(`${file}.next`, file);
    this.kept.set(key, { log: kept.log, revision });
  }

  private remove(key: string): void {
    this.kept.delete(key);
    rmSync(this.pathOf(key), { force: true });
  }

  private pathOf(key: string): string {
    return path.join(this.options.folder, fileOf(key));
  }

  private now(): number {
    return this.options.now?.() ?? performance.now();
  }
}

const fileOf = (key: string): string => `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.json`;
