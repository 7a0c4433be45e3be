import { describe, expect, it } from '@jest/globals';
import type { Beacon, Owner } from '@plumbline/contracts';
import { Ownership } from './ownership.js';
import { aMachine } from './testing/index.js';

const [MINE, OTHER] = [aMachine(1), aMachine(2)];
const RUN = 'boot 1 2026-01-01T00:00:00.000Z';
const beacon = (owners?: Beacon['owners'], log = 'log'): Beacon => ({
  ...{ log, host: 'net1', position: 0, head: 0, report: [] },
  ...(owners && { owners }),
});
const owned = (owner: Partial<Owner>): Beacon =>
  beacon({ l3: { machine: MINE.id as string, run: RUN, term: 10, contested: false, ...owner } });
function ownership(machine = MINE, refusedBefore: string | null = null) {
  const clock = { ms: 0 };
  const made = new Ownership({ agent: 'l3', machine, run: RUN, nowMs: () => clock.ms, refusedBefore });
  return { clock, made };
}

describe('an agent', () => {
  it('works as ever before it hears who owns, and with an API that does not say it', () => {
    const { made } = ownership();
    expect(made.mayChange).toBe(true);
    expect([made.beacon(beacon()), made.mayChange]).toEqual([false, true]);
  });

  it('that was refused before its last stop stays as it is until it hears otherwise', () => {
    const { made } = ownership(MINE, 'another owns');
    expect([made.mayChange, made.refusal]).toEqual([false, 'another owns']);
    made.beacon(owned({}));
    expect([made.mayChange, made.refusal]).toEqual([true, null]);
  });

  it('introduces itself while nobody owns, and changes nothing until somebody does', () => {
    const { made } = ownership();
    expect([made.beacon(beacon({})), made.mayChange, made.refusal]).toEqual([true, false, null]);
    expect([made.beacon(owned({})), made.mayChange]).toEqual([false, true]);
  });

  it('owns at once after a restart of its machine, and introduces its run', () => {
    const { made } = ownership();
    expect([made.beacon(owned({ run: 'boot 0 before' })), made.mayChange]).toEqual([true, true]);
  });

  it('is refused where another machine owns, also while nothing is heard', () => {
    const { made, clock } = ownership();
    made.beacon(owned({ machine: OTHER.id as string }));
    clock.ms = 3_600_000;
    expect([made.mayChange, made.owner]).toEqual([false, OTHER.id]);
    expect(made.refusal).toContain('plumb node release');
    made.beacon(owned({ term: 11 }));
    expect(made.mayChange).toBe(true);
  });

  it('is refused where its identity is contested, and where it has none', () => {
    const { made } = ownership();
    made.beacon(owned({ contested: true }));
    expect([made.mayChange, made.refusal]).toEqual([false, expect.stringContaining('node.id')]);
    const without = ownership({ id: null, boot: 'boot 1', fault: 'node.id is damaged' }).made;
    expect(without.mayChange).toBe(true);
    without.beacon(beacon({}));
    expect([without.mayChange, without.refusal]).toEqual([false, 'node.id is damaged']);
  });

  it('does not believe a process of the API that is behind, but a database that was restored', () => {
    const { made, clock } = ownership();
    made.beacon(owned({ term: 20 }));
    made.beacon(owned({ machine: OTHER.id as string, term: 10 }));
    expect([made.mayChange, made.heard]).toEqual([true, 20]);
    clock.ms = 6_000;
    made.beacon(owned({ machine: OTHER.id as string, term: 10 }));
    expect(made.mayChange).toBe(false);
    made.beacon(beacon({ l3: { machine: MINE.id as string, run: RUN, term: 1, contested: false } }, 'another log'));
    expect(made.mayChange).toBe(true);
  });
});
