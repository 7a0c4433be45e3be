import { describe, expect, it } from '@jest/globals';
import { AnyObject, ObjectKey } from '@plumbline/contracts';
import { advance, canonical, emptyView, fold, Topology, wholeView } from '@plumbline/topology';
import type { Convergence, ConvergeOptions, HostView } from '@plumbline/topology';
import { aLog, HOSTS, LOG, World } from '@plumbline/topology/testing';
import fc from 'fast-check';
import { Converger } from './converger.js';
import { ManualClock } from './testing/index.js';

const HASH = 'a'.repeat(64);
const nothing: Convergence = { applied: 0, drift: 0, statuses: [], failed: [] };
const textOf = ({ objects, frozen, position }: HostView): string => canonical([objects, frozen, position]);

/** A converger over `view`; the test ends each converge. */
function over(view: HostView, mayRemove: () => boolean = () => true) {
  const clock = new ManualClock();
  const calls: {
    view: HostView;
    text: string;
    options: ConvergeOptions;
    end(error?: Error, more?: Partial<Convergence>): void;
  }[] = [];
  const converger = new Converger({
    clock,
    fullEveryMs: () => 1e9,
    terms: async () => ({ view, mayRemove: mayRemove(), unverified: false }),
    onConverged: () => undefined,
    onError: () => undefined,
    reconciler: {
      converge: (shown, options) =>
        new Promise((resolve, reject) =>
          calls.push({
            view: shown,
            text: textOf(shown),
            options,
            end: (error, more) => (error ? reject(error) : resolve({ ...nothing, ...more })),
          }),
        ),
    },
  });
  return { clock, calls, converger };
}

describe('the view that a converge works by', () => {
  it('is the view as it was when the converge began, whatever is folded in meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(aLog(40), fc.constantFrom(...HOSTS), fc.array(fc.nat({ max: 3 })), async (log, host, pace) => {
        const view = emptyView(host);
        const { clock, calls, converger } = over(view);
        const topology = new Topology();
        fold(view, { ...wholeView(topology, host, LOG, HASH) });
        converger.mark('all');
        await clock.run(0);
        let turn = 0;
        for (const command of log) {
          for (const { events, entered, left, position } of advance(topology, command).filter((p) => p.host === host)) {
            const frame = { log: LOG, host, prev: view.position, position, hash: HASH, catalogue: 2 };
            const part = { index: 1, of: 1 };
            const touched = fold(view, { ...frame, part, events: [...events], entered: [...entered], left: [...left] });
            converger.mark(touched.keys);
          }
          await clock.run(0);
          const running = calls.at(-1)!;
          expect(textOf(running.view)).toBe(running.text);
          const now = textOf(view);
          if (pace[(turn += 1) % (pace.length || 1)] === 0) {
            const begun = calls.length;
            running.end(turn % 5 === 0 ? new Error('nothing can be done') : undefined);
            await clock.run(turn % 5 === 0 ? 60_000 : 0);
            for (const call of calls.slice(begun)) expect(call.text).toBe(now);
          }
        }
        calls.at(-1)!.end();
        await clock.run(60_000);
        expect(textOf(calls.at(-1)!.view)).toBe(textOf(view));
        calls.at(-1)!.end();
        await converger.stop();
      }),
      { numRuns: 60 },
    );
  });

  it('costs what changed: no converge walks over all objects of the node', async () => {
    const world = new World();
    const view = world.viewOf('cmp1');
    let walks = 0;
    const counted = new Proxy(view.objects, {
      get(target, name) {
        if ([Symbol.iterator, 'entries', 'keys', 'values', 'forEach'].includes(name)) walks += 1;
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    const { clock, calls, converger } = over({ ...view, objects: counted });
    converger.mark('all');
    await clock.run(0);
    calls[0]!.end();
    await clock.run(0);
    expect(walks).toBe(1);
    const key: ObjectKey = 'port/1';
    view.objects.set(key, { kind: 'port', id: '1' } as AnyObject);
    converger.mark(new Set([key]));
    await clock.run(0);
    expect([...calls[1]!.view.objects.keys()]).toEqual([key]);
    expect(walks).toBe(1);
    calls[1]!.end();
    await converger.stop();
  });
});

describe('marks', () => {
  it('made during a converge wait for the next one; those of a failed converge are added to it', async () => {
    const { clock, calls, converger } = over(emptyView('cmp1'));
    converger.mark(new Set<ObjectKey>(['port/1']));
    await clock.run(0);
    converger.mark(new Set<ObjectKey>(['port/2']));
    expect(calls.map(({ options }) => options.touched)).toEqual([new Set(['port/1'])]);
    calls[0]!.end();
    await clock.run(0);
    expect(calls[1]!.options.touched).toEqual(new Set(['port/2']));
    calls[1]!.end(new Error('nothing can be done'));
    converger.mark(new Set<ObjectKey>(['port/3']));
    await clock.run(60_000);
    expect(calls[2]!.options.touched).toEqual(new Set(['port/2', 'port/3']));
    calls[2]!.end();
    await converger.stop();
  });

  it('of what a converge left for another are converged at once, with those that came meanwhile', async () => {
    const { clock, calls, converger } = over(emptyView('cmp1'));
    converger.mark(new Set<ObjectKey>(['port/1', 'port/2']));
    await clock.run(0);
    converger.mark(new Set<ObjectKey>(['port/3']));
    calls[0]!.end(undefined, { again: new Set<ObjectKey>(['port/2']) });
    await clock.run(0);
    expect(calls[1]!.options.touched).toEqual(new Set(['port/3', 'port/2']));
    calls[1]!.end();
    await clock.run(0);
    expect(calls.length).toBe(2);
    await converger.stop();
  });

  it('of what was changed and not read back are converged once nothing was asked for for a moment', async () => {
    const { clock, calls, converger } = over(emptyView('cmp1'));
    const touchedBy = () => calls.map(({ options }) => [...options.touched].sort());
    const change = async (key: ObjectKey, unread: ObjectKey): Promise<void> => {
      converger.mark(new Set([key]));
      await clock.run(0);
      calls.at(-1)!.end(undefined, { unread: new Set([unread]) });
      await clock.run(0);
    };
    await change('floatingip/1', 'router/1');
    await clock.run(60);
    await change('floatingip/2', 'router/2');
    await clock.run(99);
    expect(touchedBy()).toEqual([['floatingip/1'], ['floatingip/2']]);
    await clock.run(1);
    expect(touchedBy().at(-1)).toEqual(['router/1', 'router/2']);
    calls.at(-1)!.end();
    await clock.run(60_000);
    expect(calls).toHaveLength(3);
    await converger.stop();
  });

  it('of what is changed without a pause are converged all the same, after half a second', async () => {
    const { clock, calls, converger } = over(emptyView('cmp1'));
    const reads = (of: ConvergeOptions): boolean => of.touched !== 'all' && of.touched.has('router/1');
    let ended = 0;
    const endAll = async (): Promise<void> => {
      for (const { options, end } of calls.slice(ended))
        end(undefined, reads(options) ? {} : { unread: new Set(['router/1']) });
      ended = calls.length;
      await clock.run(0);
    };
    for (let atMs = 0; atMs < 2_000; atMs += 50) {
      converger.mark(new Set<ObjectKey>(['floatingip/1']));
      await clock.run(0);
      await endAll();
      await clock.run(50);
      await endAll();
    }
    expect([3, 4]).toContain(calls.filter(({ options }) => reads(options)).length);
    await converger.stop();
  });

  it('of a converge that could do nothing wait for a pause, unless the node is back', async () => {
    const { clock, calls, converger } = over(emptyView('cmp1'));
    const fails = async (): Promise<void> => {
      calls.at(-1)!.end(new Error('the switch is away'));
      await clock.run(0);
    };
    converger.mark(new Set<ObjectKey>(['port/1']));
    await clock.run(0);
    await fails();
    for (let n = 0; n < 10; n += 1) {
      await clock.run(60_000);
      await fails();
    }
    const before = calls.length;
    converger.mark(new Set<ObjectKey>(['port/2']));
    await clock.run(0);
    expect(calls.length).toBe(before);
    converger.mark(new Set<ObjectKey>(['node/cmp1']));
    converger.retry();
    await clock.run(0);
    expect(calls.at(-1)!.options.touched).toEqual(new Set(['port/1', 'port/2', 'node/cmp1']));
    // What follows is a first failure again, and no long pause.
    await fails();
    await clock.run(1_000);
    expect(calls.length).toBe(before + 2);
    calls.at(-1)!.end();
    await converger.stop();
  });

  it('converged without the right to remove are converged again once it is there', async () => {
    let mayRemove = false;
    const { clock, calls, converger } = over(emptyView('cmp1'), () => mayRemove);
    for (const key of ['port/1', 'port/2'] as const) {
      converger.mark(new Set<ObjectKey>([key]));
      await clock.run(0);
      calls.at(-1)!.end();
      await clock.run(0);
    }
    mayRemove = true;
    converger.wake();
    await clock.run(0);
    expect(calls[2]!.options).toMatchObject({ touched: new Set(['port/1', 'port/2']), mayRemove: true });
    calls[2]!.end();
    await clock.run(0);
    converger.wake();
    await clock.run(0);
    expect(calls.length).toBe(3);
    await converger.stop();
  });
});

describe('between the parts of a converge', () => {
  it('what was marked meanwhile is converged, by the view as it is then; it is not let in between again', async () => {
    const view = emptyView('cmp1');
    const { clock, calls, converger } = over(view);
    converger.mark('all');
    await clock.run(0);
    const whole = calls[0]!;
    const key: ObjectKey = 'port/1';
    view.objects.set(key, { kind: 'port', id: '1' } as AnyObject);
    converger.mark(new Set([key]));
    await clock.run(0);
    expect(calls).toHaveLength(1);
    expect(whole.view.objects.has(key)).toBe(false);
    const between = whole.options.between!();
    await clock.run(0);
    expect(calls[1]!.options).toEqual({
      touched: new Set([key]),
      mayRemove: true,
      unverified: false,
      readsLater: true,
    });
    expect(whole.view.objects.has(key)).toBe(true);
    calls[1]!.end();
    await between;
    // Nothing is left: the next time nobody comes in, and after the whole one there is no other.
    await whole.options.between!();
    whole.end();
    await clock.run(0);
    expect(calls).toHaveLength(2);
    await converger.stop();
  });

  it('a full look waits for its end, and what failed is tried again behind it', async () => {
    const { clock, calls, converger } = over(emptyView('cmp1'));
    converger.mark('all');
    await clock.run(0);
    const whole = calls[0]!;
    converger.mark(new Set<ObjectKey>(['port/1']));
    const between = whole.options.between!();
    await clock.run(0);
    calls[1]!.end(new Error('nothing can be done'));
    await between;
    converger.mark('all');
    await whole.options.between!();
    expect(calls).toHaveLength(2);
    whole.end();
    await clock.run(60_000);
    expect(calls.map(({ options }) => options.touched)).toEqual(['all', new Set(['port/1']), 'all']);
    calls[2]!.end();
    await converger.stop();
  });

  it('nobody comes in once the agent stops', async () => {
    const { clock, calls, converger } = over(emptyView('cmp1'));
    converger.mark('all');
    await clock.run(0);
    converger.mark(new Set<ObjectKey>(['port/1']));
    const stopped = converger.stop();
    await calls[0]!.options.between!();
    expect(calls).toHaveLength(1);
    calls[0]!.end();
    await stopped;
  });
});
