import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { runChains } from './index.js';

describe('runChains', () => {
  it('a failing step ends its chain and no other', async () => {
    const done: string[] = [];
    const apply = async (step: string): Promise<void> => {
      if (step.startsWith('bad')) throw new Error(`cannot ${step}`);
      done.push(step);
    };
    const outcome = await runChains([['a1', 'bad a2', 'a3', 'a4'], ['b1', 'b2'], ['bad c1']], apply);
    expect(done).toEqual(['a1', 'b1', 'b2']);
    expect(outcome.applied).toBe(3);
    expect(outcome.failed.map(({ step, error, chain, skipped }) => [step, error.message, chain, skipped])).toEqual([
      ['bad a2', 'cannot bad a2', 0, ['a3', 'a4']],
      ['bad c1', 'cannot bad c1', 2, []],
    ]);
  });

  it('with any failures and any concurrency: order inside chains, nothing lost, never more at once than allowed', async () => {
    const chains = fc.array(fc.array(fc.boolean(), { maxLength: 5 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(chains, fc.integer({ min: 1, max: 4 }), async (plan, concurrency) => {
        const steps = plan.map((oks, chain) => oks.map((ok, index) => ({ ok, chain, index })));
        const tried: { chain: number; index: number }[] = [];
        let atOnce = 0;
        const outcome = await runChains(
          steps,
          async (step) => {
            atOnce += 1;
            expect(atOnce).toBeLessThanOrEqual(concurrency);
            tried.push(step);
            await Promise.resolve();
            atOnce -= 1;
            if (!step.ok) throw 'no';
          },
          { concurrency },
        );
        const skipped = outcome.failed.flatMap((failure) => failure.skipped);
        expect(outcome.applied + outcome.failed.length + skipped.length).toBe(steps.flat().length);
        for (const chain of steps.keys()) {
          const mine = tried.filter((step) => step.chain === chain).map((step) => step.index);
          expect(mine).toEqual([...mine.keys()]);
        }
      }),
    );
  });
});
