/**
 * A journey: what a person types into a client, and what the client then shows. Data, so that one list runs with every client process and every way to log in.
 *
 * What a step shows can be named (`as`), and later steps use it: `{fip.floating_ip_address}` in an argument or an expectation is that field of what `fip`
 * showed. Steps assert on what the client reads back, not on its exit code alone.
 */
import { expect } from '@jest/globals';
import type { Client, Said, Seat } from './client.js';

type Fields = Readonly<Record<string, unknown>>;
export type Step = Readonly<{
  /** As typed after the program's name, words separated by spaces; a value with spaces is an array. */
  run: string | readonly string[];
  /** Who types, where it is not the journey's own program. */
  at?: Seat;
  /** Keeps what was shown under this name. */
  as?: string;
  /** One object: has at least these fields. */
  shows?: Fields;
  /** A list: this column has exactly these values, in any order. */
  column?: readonly [name: string, values: readonly unknown[]];
  /** A list: each of these is part of one of its rows. */
  has?: readonly Fields[];
  /** The command is refused, and this is what the person reads. */
  fails?: RegExp;
  /** Only this way to log in has it: roles need a login. */
  only?: 'builtin' | 'none';
}>;
export type Journey = readonly Step[];

export type Known = Record<string, unknown>;

/** The clients that a step can be typed into; the first is the journey's own. */
export type Clients = ReadonlyMap<Seat, Client>;

/** Runs the step, asserts, and keeps what it shows in `known`. */
export async function walk(clients: Clients, step: Step, known: Known): Promise<void> {
  const seat = step.at ?? [...clients.keys()][0];
  const client = seat && clients.get(seat);
  if (!client) throw new Error(`the journey has no ${step.at}`);
  const argv = (typeof step.run === 'string' ? step.run.split(' ') : step.run).map((word) => filled(word, known));
  const reads =
    step.shows !== undefined || step.column !== undefined || step.has !== undefined || step.as !== undefined;
  const said = await client.run(reads ? [...argv, '-f', 'json'] : argv);
  if (step.fails !== undefined) {
    expect({ argv, ...said }).toMatchObject({ stderr: expect.stringMatching(step.fails) });
    expect({ argv, ...said }).not.toMatchObject({ code: 0 });
    return;
  }
  if (said.code !== 0) throw new Error(`${argv.join(' ')}\nended with ${said.code}: ${said.stderr}${said.stdout}`);
  if (!reads) return;
  const shown = shownBy(argv, said);
  if (step.as !== undefined) known[step.as] = shown;
  if (step.shows !== undefined) expect(shown).toMatchObject(filledIn(step.shows, known) as Fields);
  if (step.column !== undefined) {
    const [name, values] = step.column;
    const found = (shown as Fields[]).map((row) => row[name]);
    expect({ argv, found: sorted(found) }).toEqual({ argv, found: sorted(filledIn(values, known) as unknown[]) });
  }
  for (const row of step.has ?? [])
    expect(shown).toEqual(expect.arrayContaining([expect.objectContaining(filledIn(row, known) as Fields)]));
}

/** The step's title in the test's output. */
export const titleOf = ({ run, at, fails }: Step): string =>
  `${at === undefined ? '' : `${at} `}${typeof run === 'string' ? run : run.join(' ')}${fails === undefined ? '' : ' (refused)'}`;

function shownBy(argv: readonly string[], { stdout, stderr }: Said): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`${argv.join(' ')}\nshowed no JSON: ${stdout}${stderr}`);
  }
}

const sorted = (values: readonly unknown[]): unknown[] =>
  [...values].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

function at(path: string, known: Known): unknown {
  let value: unknown = known;
  for (const key of path.split('.')) value = (value as Fields | undefined)?.[key];
  if (value === undefined || value === null) throw new Error(`no step has shown ${path} yet`);
  return value;
}

const filled = (text: string, known: Known): string =>
  text.replace(/\{([\w.]+)\}/g, (_, path: string) => String(at(path, known)));

/** A placeholder alone stays the value it stands for. Asymmetric matchers and other objects with a class stay what they are. */
function filledIn(value: unknown, known: Known): unknown {
  if (typeof value === 'string')
    return /^\{[\w.]+\}$/.test(value) ? at(value.slice(1, -1), known) : filled(value, known);
  if (Array.isArray(value)) return value.map((item) => filledIn(item, known));
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filledIn(item, known)]));
  return value;
}
