/** What the engine remembers from one converge to the next. What it costs to lose it: types.ts, "What is remembered". */
import { Run } from './run.js';
import { Task, Wanted } from './types.js';

const NONE: ReadonlySet<string> = new Set();

type Settled = Readonly<{ wanted: Wanted; failing: ReadonlySet<string> }>;
/** `pause`: how many looks it is left alone for; `left`: how many of these are to come, -1 while it is tried again. */
type Stuck = Readonly<{ plan: string; reasons: ReadonlyMap<string, string>; pause: number; left: number }>;
const FIRST_PAUSE = 3;
const LONGEST_PAUSE = 48;

export class Memory {
  private readonly settled = new Map<string, Settled>();
  private readonly stuck = new Map<string, Stuck>();
  private readonly refused = new Map<string, ReadonlySet<string>>();

  /** Whether this owner was well when its unit was last settled, and the unit is wanted as it was then. */
  wasWell(unit: string, owner: string, wanted: Wanted | null): boolean {
    const was = this.settled.get(unit);
    return was !== undefined && wanted !== null && !was.failing.has(owner) && isSame(was.wanted, wanted);
  }

  /**
   * Owners of a unit that two applies of this same plan did not put right, and why: for one look at the unit. Undefined when they are to be tried, for the first
   * time or again.
   */
  stuckUnder<Step>(unit: string, plan: readonly Task<Step>[]): ReadonlyMap<string, string> | undefined {
    const stuck = this.stuck.get(unit);
    if (!stuck || stuck.plan !== planText(plan)) return undefined;
    this.stuck.set(unit, { ...stuck, left: stuck.left - 1 });
    return stuck.left > 0 ? stuck.reasons : undefined;
  }

  setStuck<Step>(unit: string, plan: readonly Task<Step>[], reasons: ReadonlyMap<string, string>): void {
    const before = this.stuck.get(unit);
    const text = reasons.size > 0 ? planText(plan) : '';
    if (reasons.size === 0) this.stuck.delete(unit);
    else if (before?.plan !== text)
      this.stuck.set(unit, { plan: text, reasons, pause: FIRST_PAUSE, left: FIRST_PAUSE });
    else if (before.left < 0) {
      const pause = Math.min(2 * before.pause, LONGEST_PAUSE);
      this.stuck.set(unit, { plan: text, reasons, pause, left: pause });
    }
  }

  get hasStuck(): boolean {
    return this.stuck.size > 0;
  }

  /** Owners of these units that were refused the last time. */
  suspects(units: Iterable<string>): ReadonlySet<string> {
    let all: Set<string> | null = null;
    for (const unit of units) for (const owner of this.refused.get(unit) ?? []) (all ??= new Set()).add(owner);
    return all ?? NONE;
  }

  /**
   * Ends a converge. `wanted`: of each unit that was looked at, null where nothing is wanted of it. Without `mayRemove` no unit counts as settled: something
   * that is to be removed may be left.
   */
  conclude(run: Run, wanted: ReadonlyMap<string, Wanted | null>, mayRemove: boolean): void {
    const failing = new Map<string, Set<string>>();
    const refused = new Map<string, Set<string>>();
    for (const [owner, { unit, kind }] of run.failures) {
      add(failing, unit, owner);
      if (kind === 'refused') add(refused, unit, owner);
    }
    for (const [owner, { unit }] of run.heldBack) add(failing, unit, owner);
    for (const [unit, text] of wanted) {
      const suspects = refused.get(unit);
      if (suspects) this.refused.set(unit, suspects);
      else this.refused.delete(unit);
      if (!mayRemove) continue;
      if (text === null) this.settled.delete(unit);
      else this.settled.set(unit, { wanted: text, failing: failing.get(unit) ?? NONE });
    }
  }
}

const textOf = (wanted: Wanted): string => (typeof wanted === 'string' ? wanted : wanted.text);
const isSame = (a: Wanted, b: Wanted): boolean => a === b || textOf(a) === textOf(b);

/** A plan as text: equal plans give equal text. */
const planText = <Step>(tasks: readonly Task<Step>[]): string =>
  digest(JSON.stringify(tasks.map(({ stage, owner, step }) => [stage, owner, step])));

// Taken once: where globals are slow (vm contexts, so in every test), a look-up for each character would cost more than the rest.
const { imul } = Math;

/** A text in 106 bits (two of Bob Jenkins' and Bryc's mixing kind): for telling whether it changed, not for secrets. Kept instead of the text, which is large. */
export function digest(text: string): string {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  let [c, d] = [a ^ SEED, b ^ SEED];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    a = imul(a ^ code, 0x9e3779b1);
    b = imul(b ^ code, 0x5f356495);
    c = imul(c ^ code, 0x9e3779b1);
    d = imul(d ^ code, 0x5f356495);
  }
  return `${mixed(a, b)}${mixed(c, d)}`;
}
const SEED = 0x9e3779b9;

function mixed(a: number, b: number): string {
  a = imul(a ^ (a >>> 16), 0x85ebca6b) ^ imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = imul(b ^ (b >>> 16), 0x85ebca6b) ^ imul(a ^ (a >>> 13), 0xc2b2ae35);
  return ((b >>> 0) * 0x200000 + (a >>> 11)).toString(36).padStart(11, '0');
}

function add(groups: Map<string, Set<string>>, key: string, item: string): void {
  const group = groups.get(key);
  if (group) group.add(item);
  else groups.set(key, new Set([item]));
}
