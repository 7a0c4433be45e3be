/** The engine's laws (types.ts) on a node that is nothing but a set of named pieces. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Agent, Memory, Run, settle, Stage, StepsRefused, Task } from './index.js';

/** `needs`: pieces that must be there first. `stage` 0 to 2. */
type Piece = Readonly<{ name: string; unit: string; stage: number; needs: readonly string[] }>;
type Step = Readonly<{ op: 'put' | 'take'; name: string; value: string }>;
const STAGES: readonly Stage[] = [
  { name: 's0', batch: 'all' },
  { name: 's1', batch: 'unit' },
  { name: 's2', batch: 'unit', alone: true },
  { name: 'gone', batch: 'all' },
  { name: 'tell', batch: 'all', optional: true },
];

class World implements Agent<ReadonlyMap<string, string>, Step> {
  readonly stages = STAGES;
  readonly node = new Map<string, string>();
  readonly refused = new Set<string>();
  /** Pieces that the node accepts and forgets. */
  readonly forgotten = new Set<string>();
  /** Pieces that leave no trace; they are needed as long as what needs them is not there. */
  readonly unseen = new Set<string>();
  tells = false;
  broken: Error | null = null;
  version = 'a';
  batches = 0;
  order: string[] = [];
  memory = new Memory();

  constructor(public pieces: readonly Piece[]) {}

  async converge(mayRemove = true): Promise<Run> {
    const run = new Run();
    const units = new Set([...this.pieces.map(({ unit }) => unit), 'rest']);
    await settle(this, this.memory, run, new Map(this.node), units, { mayRemove });
    this.memory.conclude(run, new Map([...units].map((unit) => [unit, this.wanted(unit)])), mayRemove);
    return run;
  }

  plan(found: ReadonlyMap<string, string>, units: ReadonlySet<string>) {
    const tasks: Task<Step>[] = [];
    for (const { name, unit, stage, needs } of this.pieces)
      if (units.has(unit) && !this.isThere(found, name)) {
        tasks.push({
          step: { op: 'put', name, value: this.version },
          stage: `s${stage}`,
          unit,
          owner: name,
          needs,
          unseen: this.unseen.has(name),
        });
        tasks.push({ step: { op: 'put', name: `!${name}`, value: '' }, stage: 'tell', unit, owner: name });
      }
    if (units.has('rest'))
      for (const name of found.keys())
        if (!this.pieces.some((piece) => piece.name === name))
          tasks.push({
            step: { op: 'take', name, value: '' },
            stage: 'gone',
            unit: 'rest',
            owner: `no ${name}`,
            removes: true,
          });
    return { tasks, refused: [] };
  }

  private isThere(found: ReadonlyMap<string, string>, name: string): boolean {
    if (!this.unseen.has(name)) return found.get(name) === this.version;
    return this.pieces.every((piece) => !piece.needs.includes(name) || this.isThere(found, piece.name));
  }

  async apply(steps: readonly Step[]): Promise<void> {
    if (steps[0]?.name.startsWith('!')) throw new Error('nobody hears');
    this.batches += 1;
    await Promise.resolve();
    if (this.broken) throw this.broken;
    const bad = steps.flatMap(({ name }, at) => (this.refused.has(name) ? [{ at, reason: `no ${name}` }] : []));
    const [first] = bad;
    for (const [at, { op, name, value }] of steps.entries()) {
      if (first && at >= first.at) break;
      this.order.push(name);
      if (op === 'take') this.node.delete(name);
      else if (!this.forgotten.has(name) && !this.unseen.has(name)) this.node.set(name, value);
    }
    if (first && this.tells) throw new StepsRefused([first]);
    if (first) throw new Error(first.reason);
  }

  async observe(): Promise<ReadonlyMap<string, string>> {
    return new Map(this.node);
  }
  wanted(unit: string): string {
    return `${this.version} ${this.pieces.filter((piece) => piece.unit === unit).length}`;
  }
  refusal(_owner: string, step: Step | null, error: Error): string {
    return `${step?.name ?? 'several'}: ${error.message}`;
  }
  stuck(owner: string, steps: readonly Step[]): string {
    return `${owner} does not stay (${steps.length})`;
  }
  isFatal(error: unknown): boolean {
    return error === this.broken;
  }
}

/** Pieces of which each may need earlier ones of no later stage. */
const somePieces = fc
  .array(fc.record({ unit: fc.nat(4), stage: fc.nat(2), needs: fc.array(fc.nat(40), { maxLength: 2 }) }), {
    minLength: 1,
    maxLength: 40,
  })
  .map((raw) => {
    const pieces: Piece[] = [];
    for (const [at, { unit, stage, needs }] of raw.entries()) {
      const before = pieces.filter(
        (piece) =>
          piece.stage <= stage &&
          (piece.stage === 0 || piece.unit === `u${unit}`) &&
          !(stage === 2 && piece.stage === 2),
      );
      const chosen = needs.flatMap((nth) => before[nth % Math.max(1, before.length)]?.name ?? []);
      pieces.push({ name: `p${at}`, unit: `u${unit}`, stage, needs: [...new Set(chosen)] });
    }
    return pieces;
  });
const someWorld = fc.record({ pieces: somePieces, bad: fc.array(fc.nat(40), { maxLength: 6 }), tells: fc.boolean() });

function make({ pieces, bad, tells }: { pieces: Piece[]; bad: number[]; tells: boolean }): World {
  const world = new World(pieces);
  world.tells = tells;
  for (const nth of bad) world.refused.add(`p${nth % pieces.length}`);
  return world;
}

/** Names that cannot be, because they or something they need is refused. */
function cannotBe({ pieces, refused }: World): { blamed: Set<string>; held: Set<string> } {
  const blamed = new Set<string>();
  const held = new Set<string>();
  const order = [0, 1, 2].flatMap((stage) => pieces.filter((piece) => piece.stage === stage));
  for (const { name, needs } of order)
    if (needs.some((need) => blamed.has(need) || held.has(need))) held.add(name);
    else if (refused.has(name)) blamed.add(name);
  return { blamed, held };
}

describe('the engine, with any pattern of refused steps', () => {
  it('fails exactly the owners at fault, holds back exactly what needs them, and applies all else', async () => {
    await fc.assert(
      fc.asyncProperty(someWorld, async (raw) => {
        const world = make(raw);
        const run = await world.converge();
        const { blamed, held } = cannotBe(world);
        expect(new Set(run.failures.keys())).toEqual(blamed);
        expect(new Set(run.heldBack.keys())).toEqual(held);
        for (const { cause } of run.heldBack.values()) expect(blamed.has(cause)).toBe(true);
        const there = world.pieces.map(({ name }) => name).filter((name) => !blamed.has(name) && !held.has(name));
        expect([...world.node.keys()].sort()).toEqual(there.sort());
        for (const [owner, { reason }] of run.failures) expect(reason).toBe(`${owner}: no ${owner}`);
        // Needs came first.
        for (const { name, needs } of world.pieces)
          for (const need of needs)
            if (world.node.has(name)) expect(world.order.indexOf(need)).toBeLessThan(world.order.lastIndexOf(name));
      }),
      { numRuns: 300 },
    );
  });

  it('takes one batch when all is well, and O(k log n) with k at fault: k more when the driver tells which', async () => {
    const sizes = fc.record({
      n: fc.integer({ min: 1, max: 300 }),
      bad: fc.uniqueArray(fc.nat(299), { maxLength: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(sizes, fc.boolean(), async ({ n, bad }, tells) => {
        const pieces = Array.from({ length: n }, (_, at) => ({ name: `p${at}`, unit: 'u', stage: 0, needs: [] }));
        const world = make({ pieces, bad, tells });
        const k = world.refused.size;
        await world.converge();
        expect(world.batches).toBeLessThanOrEqual(tells ? k + 1 : 2 * k * (1 + Math.ceil(Math.log2(n))) + 1);
        // What was refused is alone the next time: one batch for each, and none for the rest, which is there.
        world.batches = 0;
        await world.converge();
        expect(world.batches).toBe(k);
        // News beside it is not split again.
        world.pieces = [...pieces, { name: 'new1', unit: 'u', stage: 0, needs: [] }];
        world.version = 'b';
        world.batches = 0;
        await world.converge();
        expect(world.batches).toBe(k + 1);
      }),
      { numRuns: 40 },
    );
  });

  it('heals by itself when the refusal ends', async () => {
    await fc.assert(
      fc.asyncProperty(someWorld, async (raw) => {
        const world = make(raw);
        await world.converge();
        world.refused.clear();
        const run = await world.converge();
        expect([run.failures.size, run.heldBack.size, world.node.size]).toEqual([0, 0, world.pieces.length]);
      }),
    );
  });
});

describe('the engine', () => {
  it('is idle where all is as wanted', async () => {
    await fc.assert(
      fc.asyncProperty(somePieces, async (pieces) => {
        const world = new World(pieces);
        expect((await world.converge()).applied).toBe(pieces.length);
        world.batches = 0;
        const again = await world.converge();
        expect([again.applied, again.drift, world.batches]).toEqual([0, 0, 0]);
      }),
    );
  });

  it('counts each repair once as drift, and neither news nor what was never well', async () => {
    await fc.assert(
      fc.asyncProperty(someWorld, fc.array(fc.nat(40)), async (raw, broken) => {
        const world = make(raw);
        expect((await world.converge()).drift).toBe(0);
        const lost = new Set(
          broken.map((nth) => `p${nth % world.pieces.length}`).filter((name) => world.node.delete(name)),
        );
        expect((await world.converge()).drift).toBe(lost.size);
        expect((await world.converge()).drift).toBe(0);
        world.version = 'b';
        expect((await world.converge()).drift).toBe(0);
      }),
    );
  });

  it('applies twice what does not stay, says so once more without applying it, and tries again when something changed', async () => {
    const world = new World([
      { name: 'p0', unit: 'u', stage: 0, needs: [] },
      { name: 'p1', unit: 'u', stage: 1, needs: [] },
      { name: 'p2', unit: 'v', stage: 1, needs: [] },
    ]);
    world.forgotten.add('p1');
    const first = await world.converge();
    expect([...first.failures]).toEqual([['p1', { unit: 'u', kind: 'stuck', reason: 'p1 does not stay (1)' }]]);
    expect(world.order.filter((name) => name === 'p1')).toHaveLength(2);
    world.batches = 0;
    const second = await world.converge();
    expect([[...second.failures], second.applied, world.batches]).toEqual([[...first.failures], 0, 0]);
    world.node.delete('p2');
    await world.converge();
    expect([world.batches, world.node.has('p2')]).toEqual([1, true]);
    world.forgotten.clear();
    world.node.delete('p0');
    expect([(await world.converge()).failures.size, world.node.size]).toEqual([0, 3]);
  });

  it('tries again by itself what did not stay: after three looks, and then after twice as many', async () => {
    const world = new World([{ name: 'p0', unit: 'u', stage: 0, needs: [] }]);
    world.forgotten.add('p0');
    await world.converge();
    const applied: number[] = [];
    for (let look = 1; look <= 12; look += 1) {
      world.order.length = 0;
      if (look === 11) world.forgotten.clear();
      expect((await world.converge()).failures.size).toBe(look > 10 ? 0 : 1);
      applied.push(world.order.length);
    }
    expect(applied).toEqual([0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 0]);
  });

  it('does once what leaves nothing to be read back, also when what would show it is refused', async () => {
    const world = new World([
      { name: 'p0', unit: 'u', stage: 0, needs: [] },
      { name: 'p1', unit: 'u', stage: 1, needs: ['p0'] },
    ]);
    world.unseen.add('p0');
    world.refused.add('p1');
    expect([...(await world.converge()).failures.keys()]).toEqual(['p1']);
    expect(world.order).toEqual(['p0']);
    world.refused.clear();
    expect((await world.converge()).failures.size).toBe(0);
    expect(world.order).toEqual(['p0', 'p0', 'p1']);
  });

  it('removes nothing without the right to, and counts nothing as settled until it had it', async () => {
    const world = new World([{ name: 'p0', unit: 'u', stage: 0, needs: [] }]);
    world.node.set('stray', 'a');
    await world.converge(false);
    expect([...world.node.keys()]).toEqual(['stray', 'p0']);
    world.node.delete('p0');
    expect((await world.converge(false)).drift).toBe(0);
    await world.converge();
    expect([...world.node.keys()]).toEqual(['p0']);
  });

  it('throws what is fatal, and what was done stays done', async () => {
    const world = new World([
      { name: 'p0', unit: 'u', stage: 0, needs: [] },
      { name: 'p1', unit: 'u', stage: 1, needs: [] },
    ]);
    world.broken = new Error('the node is gone');
    await expect(world.converge()).rejects.toThrow('the node is gone');
    world.broken = null;
    expect((await world.converge()).failures.size).toBe(0);
  });
});
