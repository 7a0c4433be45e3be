/** Proves that the lab works by sending packets: ping and a TCP transfer on each path that a user relies on. */
import { run } from '@plumbline/exec';
import { z } from 'zod';
import type { Place } from './place.js';

/** A place, or an instance in it, that can send. */
export interface Sender {
  readonly name: string;
  readonly place: Place;
  /** argv between entering the place and the command. */
  readonly prefix: readonly string[];
  /** argv that fetches a URL there and prints `{"bytes", "ms"}`. */
  readonly fetch: readonly string[];
}

export interface Way {
  readonly from: Sender;
  readonly to: string;
  readonly address: string;
}

export interface Proof {
  readonly pingMs: number;
  readonly tcpMs: number;
  readonly bytes: number;
}

const transferBytes = 1024 * 1024;
const firstAnswerMs = 10_000;
const answerSeconds = 5;
const Transfer = z.object({ bytes: z.number(), ms: z.number() });

/**
 * Three pings, none lost, and one megabyte over TCP. Throws, naming the path, when a packet or a byte is missing.
 *
 * Before that, pings are sent until one is answered: a switch may drop the first packets on a path while it learns where the neighbour is.
 */
export async function prove(way: Way): Promise<Proof> {
  const inside = [...way.from.place.enter, ...way.from.prefix];
  const where = `${way.from.name} -> ${way.to} (${way.address})`;
  const failed = (what: string) => (error: unknown) => {
    throw new Error(`${where}: ${what}: ${error instanceof Error ? error.message : String(error)}`);
  };
  const ping = (...options: string[]) =>
    run([...inside, 'ping', ...options, way.address], { timeoutMs: 20_000 }).catch(failed('no ping'));
  for (const until = Date.now() + firstAnswerMs; ;) {
    const answered = await ping('-c', '1', '-W', '1')
      .then(() => true)
      .catch((error: unknown) => error);
    if (answered === true) break;
    if (Date.now() > until) throw answered;
  }
  const pinged = await ping('-c', '3', '-i', '0.05', '-W', String(answerSeconds));
  const lost = Number(/([\d.]+)% packet loss/.exec(pinged.stdout)?.[1] ?? 100);
  const pingMs = Number(/= [\d.]+\/([\d.]+)\//.exec(pinged.stdout)?.[1] ?? Number.NaN);
  if (lost > 0) throw new Error(`${where}: ${lost}% of the pings lost`);

  const url = `http://${way.address}/bytes/${transferBytes}`;
  const fetched = await run([...inside, ...way.from.fetch, url], { timeoutMs: 20_000 }).catch(failed('no TCP'));
  const transfer = Transfer.parse(JSON.parse(fetched.stdout));
  if (transfer.bytes !== transferBytes) throw new Error(`${where}: TCP ended after ${transfer.bytes} bytes`);
  return { pingMs, tcpMs: transfer.ms, bytes: transfer.bytes };
}
