import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { planProcesses, startDigest, type ProcessStep, type WantedProcess } from './index.js';
import { FakeProcesses } from './testing/index.js';

const server = (more: Partial<WantedProcess> = {}): WantedProcess => ({
  name: 'server',
  netns: 'one',
  argv: ['serve', '--foreground'],
  files: [{ name: 'conf', content: 'a', mode: 0o644 }],
  reload: 'signal',
  ...more,
});
const conf = (content: string): Partial<WantedProcess> => ({ files: [{ name: 'conf', content, mode: 0o644 }] });

/** One converge of an agent that knows nothing. */
async function converge(node: FakeProcesses, wanted: readonly WantedProcess[], mayRemove = true): Promise<string[]> {
  const steps = planProcesses(wanted, await node.observe(), mayRemove);
  await node.apply(steps);
  return steps.map(({ op, name }) => `${op} ${name}`);
}
const pids = (node: FakeProcesses): number[] => node.running.map(({ pid }) => pid);

describe('one process', () => {
  it('is started behind its files; a second agent finds nothing to do', async () => {
    const node = new FakeProcesses();
    expect(await converge(node, [server()])).toEqual(['write-files server', 'start-process server']);
    const before = pids(node);
    expect(await converge(node, [server()])).toEqual([]);
    expect(pids(node)).toEqual(before);
  });

  it.each([
    ['signal', ['write-files server', 'reload-process server'], true],
    ['restart', ['write-files server', 'stop-process server', 'start-process server'], false],
    ['none', ['write-files server'], true],
  ] as const)('whose files change, reload %s', async (reload, steps, same) => {
    const node = new FakeProcesses();
    await converge(node, [server({ reload })]);
    const before = pids(node);
    expect(await converge(node, [server({ reload, ...conf('b') })])).toEqual(steps);
    expect(pids(node).join() === before.join()).toBe(same);
    expect(await converge(node, [server({ reload, ...conf('b') })])).toEqual([]);
  });

  it('whose files were written by an agent that died before it said so is told by the next', async () => {
    const node = new FakeProcesses();
    await converge(node, [server()]);
    node.failNext(2);
    await expect(converge(node, [server(conf('b'))])).rejects.toThrow('on purpose');
    expect(node.reloads).toEqual([]);
    expect(await converge(node, [server(conf('b'))])).toEqual(['reload-process server']);
    expect(node.reloads).toEqual(['server']);
  });

  it.each([
    ['signal', ['write-files server', 'reload-process server']],
    ['restart', ['write-files server', 'stop-process server', 'start-process server']],
  ] as const)('that found no files as it started reads them when they are there, reload %s', async (reload, steps) => {
    const node = new FakeProcesses();
    const wanted = server({ reload });
    for (const step of planProcesses([wanted], await node.observe(), true)) {
      await node.apply([step]);
      if (step.op === 'write-files') node.wipe('server');
    }
    expect(node.inForce('server')).toEqual([]);
    expect(await converge(node, [wanted])).toEqual(steps);
    expect(node.inForce('server')).toEqual(['a']);
    expect(await converge(node, [wanted])).toEqual([]);
  });

  it('that has read what somebody else wrote reads ours again', async () => {
    const node = new FakeProcesses();
    await converge(node, [server()]);
    node.folders.get('server')?.files.set('conf', { name: 'conf', content: 'theirs', mode: 0o644 });
    expect(await converge(node, [server()])).toEqual(['write-files server', 'reload-process server']);
    expect(node.reloads).toEqual(['server']);
  });

  it.each([
    ['another command line', server({ argv: ['serve', '--otherwise'] })],
    ['another namespace', server({ netns: 'two' })],
  ])('is started anew for %s, also while nothing may be removed', async (_what, changed) => {
    const node = new FakeProcesses();
    await converge(node, [server()]);
    expect(await converge(node, [changed], false)).toEqual(['stop-process server', 'start-process server']);
    expect(node.running.map(({ digest }) => digest)).toEqual([startDigest(changed)]);
  });

  it('that died comes back; what it left behind goes first', async () => {
    const node = new FakeProcesses();
    await converge(node, [server()]);
    node.crash('server');
    expect(await converge(node, [server()])).toEqual(['start-process server']);
    node.begin('server', startDigest(server()), true);
    const [main] = node.running;
    node.running.splice(0, 1);
    expect(main?.main).toBe(true);
    expect(await converge(node, [server()])).toEqual(['stop-process server', 'start-process server']);
    expect(node.running.every(({ main: leads }) => leads)).toBe(true);
  });

  it('is left alone with what it started itself, and of two the older one stays', async () => {
    const node = new FakeProcesses();
    await converge(node, [server()]);
    const child = node.begin('server', startDigest(server()), true);
    expect(await converge(node, [server()])).toEqual([]);
    const [oldest] = node.running;
    node.begin('server', startDigest(server()));
    expect(await converge(node, [server()])).toEqual(['stop-process server']);
    expect(pids(node)).toEqual([oldest?.pid, child.pid]);
  });

  it('loses files that are not wanted, when that is allowed', async () => {
    const node = new FakeProcesses();
    const two = server({ reload: 'none', files: [...server().files, { name: 'more', content: '', mode: 0o600 }] });
    await converge(node, [two]);
    expect(await converge(node, [server({ reload: 'none' })], false)).toEqual([]);
    expect(await converge(node, [server({ reload: 'none' })])).toEqual(['remove-files server']);
  });
});

describe('no longer wanted', () => {
  it('is stopped with all that it started, and its folder goes; not without leave', async () => {
    const node = new FakeProcesses();
    await converge(node, [server()]);
    node.begin('server', startDigest(server()), true);
    expect(await converge(node, [], false)).toEqual([]);
    expect(node.running).toHaveLength(2);
    expect(await converge(node, [])).toEqual(['stop-process server', 'remove-folder server']);
    expect([node.running, [...node.folders]]).toEqual([[], []]);
  });
});

describe('any sets of processes, one after the other', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const one = fc.record({
    name,
    netns: fc.constantFrom(null, 'one'),
    argv: fc.constantFrom(['x'], ['x', '-y']),
    files: fc.uniqueArray(
      fc.record({ name: fc.constantFrom('f', 'g'), content: fc.constantFrom('1', '2'), mode: fc.constant(0o644) }),
      { selector: (file) => file.name },
    ),
    reload: fc.constantFrom('signal', 'restart', 'none'),
  }) as fc.Arbitrary<WantedProcess>;
  const some = fc.uniqueArray(one, { selector: (each) => each.name });
  const several = fc.array(some, { minLength: 1, maxLength: 4 });

  it('one converge is enough, whatever failed before it; every process runs once, as wanted', async () => {
    await fc.assert(
      fc.asyncProperty(several, fc.nat({ max: 6 }), fc.boolean(), async (stories, nth, wipes) => {
        const node = new FakeProcesses();
        for (const wanted of stories) {
          node.failNext(nth);
          await converge(node, wanted).catch(() => undefined);
          node.failNext(0);
          if (wipes) for (const { name: wiped } of wanted) node.wipe(wiped);
        }
        const wanted = stories.at(-1) ?? [];
        await converge(node, wanted);
        expect(await converge(node, wanted)).toEqual([]);
        expect(node.running.map((each) => `${each.name} ${each.digest}`).sort()).toEqual(
          wanted.map((each) => `${each.name} ${startDigest(each)}`).sort(),
        );
        for (const each of wanted.filter(({ reload }) => reload !== 'none'))
          expect(node.inForce(each.name)).toEqual(each.files.map(({ content }) => content).sort());
        for (const each of wanted)
          expect([...(node.folders.get(each.name)?.files.values() ?? [])].map(({ content }) => content).sort()).toEqual(
            each.files.map(({ content }) => content).sort(),
          );
      }),
    );
  });

  it('a step that is repeated changes nothing more', async () => {
    await fc.assert(
      fc.asyncProperty(some, some, async (before, after) => {
        const node = new FakeProcesses();
        await converge(node, before);
        const steps = planProcesses(after, await node.observe(), true);
        for (const step of steps) await node.apply([step, step]);
        expect(await converge(node, after)).toEqual([]);
        expect(new Set(pids(node)).size).toBe(after.length);
      }),
    );
  });

  it('without leave nothing goes that is not replaced', async () => {
    await fc.assert(
      fc.asyncProperty(some, some, async (before, after) => {
        const node = new FakeProcesses();
        await converge(node, before);
        const steps: readonly ProcessStep[] = planProcesses(after, await node.observe(), false);
        await node.apply(steps);
        const names = node.running.map((each) => each.name);
        expect(new Set(names)).toEqual(new Set([...before, ...after].map((each) => each.name)));
        expect(steps.every((step) => step.op !== 'remove-folder' && step.op !== 'remove-files')).toBe(true);
      }),
    );
  });
});
