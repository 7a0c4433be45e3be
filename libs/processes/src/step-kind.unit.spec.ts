/** Processes as steps of the engine: an agent of nothing else (testing/process-agent.ts), on a node in memory. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { processOwner, processStuck, startDigest, type WantedProcess } from './index.js';
import { FakeProcesses, ProcessAgent } from './testing/index.js';

const program = (name: string, more: Partial<WantedProcess> = {}): WantedProcess => ({
  name,
  netns: null,
  argv: ['serve', name],
  files: [{ name: 'conf', content: 'one', mode: 0o644 }],
  reload: 'signal',
  ...more,
});
const two = { files: [{ name: 'conf', content: 'two', mode: 0o644 }] };
const pids = (node: FakeProcesses): Record<string, number> =>
  Object.fromEntries(node.running.map(({ name, pid }) => [name, pid]));

function agentOn(node: FakeProcesses, ...wanted: WantedProcess[]): ProcessAgent {
  const agent = new ProcessAgent(node);
  agent.wanted = wanted;
  return agent;
}

describe('an agent of processes', () => {
  it('starts all from nothing; the next one, without memory, applies nothing and touches none', async () => {
    const node = new FakeProcesses();
    const wanted = [program('a'), program('b', { reload: 'restart' }), program('c', { files: [] })];
    expect(await agentOn(node, ...wanted).converge()).toMatchObject({ applied: 5, drift: 0, failures: new Map() });
    const before = pids(node);
    expect(await agentOn(node, ...wanted).converge()).toMatchObject({ applied: 0, drift: 0, failures: new Map() });
    expect([pids(node), node.reloads]).toEqual([before, []]);
  });

  it('brings back what died, and counts it as drift once it had been well', async () => {
    const node = new FakeProcesses();
    const agent = agentOn(node, program('a'), program('b'));
    await agent.converge();
    const { b } = pids(node);
    node.crash('a');
    expect(await agent.converge()).toMatchObject({ applied: 1, drift: 1, failures: new Map() });
    expect(pids(node)).toEqual({ a: expect.any(Number), b });
    node.crash('a');
    expect(await agentOn(node, program('a'), program('b')).converge()).toMatchObject({ applied: 1, drift: 0 });
  });

  it('tells a program of its changed files, or starts it anew; neither is drift', async () => {
    const node = new FakeProcesses();
    const agent = agentOn(node, program('told'), program('anew', { reload: 'restart' }));
    await agent.converge();
    const before = pids(node);
    agent.wanted = [program('told', two), program('anew', { reload: 'restart', ...two })];
    expect(await agent.converge()).toMatchObject({ applied: 5, drift: 0, failures: new Map() });
    expect(node.reloads).toEqual(['told']);
    expect(pids(node)['told']).toBe(before['told']);
    expect(pids(node)['anew']).not.toBe(before['anew']);
  });

  it('one that cannot be started has failed alone, with the reason; the others run, and are told once', async () => {
    const node = new FakeProcesses();
    node.missing.add('nope');
    const agent = agentOn(node, program('a'), program('b', { argv: ['nope'] }), program('c'));
    const run = await agent.converge();
    const reason = 'program b: it does not run: nope could not be started (No such file or directory)';
    expect([...run.failures]).toEqual([[processOwner('b'), { unit: 'b', reason, kind: 'refused' }]]);
    expect(Object.keys(pids(node))).toEqual(['a', 'c']);
    agent.wanted = [program('a', two), program('b', { argv: ['nope'], ...two }), program('c', two)];
    await agent.converge();
    expect([...node.reloads].sort()).toEqual(['a', 'c']);
    node.missing.clear();
    expect((await agent.converge()).failures).toEqual(new Map());
    expect(Object.keys(pids(node))).toEqual(['a', 'c', 'b']);
  });

  it('one that needs what failed is held back, not started, and what runs of it is left as it is', async () => {
    const node = new FakeProcesses();
    const needy = program('b', { needs: ['netns/x'] });
    const agent = agentOn(node, program('a'), needy);
    agent.refused = [{ unit: 'a', owner: 'netns/x', reason: 'no namespace' }];
    const run = await agent.converge();
    expect([...run.heldBack]).toEqual([[processOwner('b'), { unit: 'b', cause: 'netns/x' }]]);
    expect(Object.keys(pids(node))).toEqual(['a']);
    agent.refused = [];
    await agent.converge();
    const before = pids(node);
    agent.wanted = [program('a'), { ...needy, argv: ['otherwise'] }];
    agent.refused = [{ unit: 'a', owner: 'netns/x', reason: 'no namespace' }];
    await agent.converge();
    expect(pids(node)).toEqual(before);
  });

  it('ends what nobody asks for, with its folder, and only with leave', async () => {
    const node = new FakeProcesses();
    const agent = agentOn(node, program('a'), program('b'));
    await agent.converge();
    agent.wanted = [program('a')];
    expect(await agent.converge(false)).toMatchObject({ applied: 0, failures: new Map() });
    expect(Object.keys(pids(node))).toEqual(['a', 'b']);
    await agent.converge();
    expect([Object.keys(pids(node)), [...node.folders.keys()]]).toEqual([['a'], ['a']]);
  });

  it('without leave only what is replaced is stopped; with it one converge makes it so; then nothing is left', async () => {
    const some = fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('a', 'b', 'c'),
        argv: fc.constantFrom(['x'], ['nope']),
        files: fc.constantFrom(program('').files, two.files, []),
        reload: fc.constantFrom('signal', 'restart', 'none'),
      }) as fc.Arbitrary<Partial<WantedProcess> & { name: string }>,
      { selector: ({ name }) => name },
    );
    await fc.assert(
      fc.asyncProperty(some, some, async (first, second) => {
        const node = new FakeProcesses();
        node.missing.add('nope');
        const wanted = second.map((each) => program(each.name, each));
        await agentOn(node, ...first.map((each) => program(each.name, each))).converge();
        const before = new Set(node.running.map(({ name }) => name));
        const agent = agentOn(node, ...wanted);
        await agent.converge(false);
        for (const name of before)
          if (!second.some((each) => each.name === name)) expect(Object.keys(pids(node))).toContain(name);
        const { failures } = await agent.converge();
        const good = wanted.filter(({ argv }) => argv[0] !== 'nope');
        expect(node.running.map((each) => `${each.name} ${each.digest}`).sort()).toEqual(
          good.map((each) => `${each.name} ${startDigest(each)}`).sort(),
        );
        expect(failures.size).toBe(wanted.length - good.length);
        const after = pids(node);
        expect((await agent.converge()).applied).toBe(0);
        expect(pids(node)).toEqual(after);
      }),
    );
  });
});

describe('a program that ends soon', () => {
  it('has failed with the time of its next start; a changed program or file is tried at once', async () => {
    let nowMs = 0;
    const node = new FakeProcesses(() => nowMs);
    node.shortLived.add('a');
    const agent = agentOn(node, program('a'), program('b'));
    const reasonOf = async (): Promise<string | undefined> =>
      (await agent.converge()).failures.get(processOwner('a'))?.reason;
    const first = 'program a: it does not run: it ended 0 s after it was started';
    expect(await reasonOf()).toBe(`${first}; it is started again no sooner than 0.25 s after that start`);
    nowMs = 249;
    await agent.converge();
    expect(node.starts).toEqual(['a', 'b']);
    nowMs = 250;
    expect(await reasonOf()).toBe(
      `${first}, the 2nd time in a row; it is started again no sooner than 0.5 s after that start`,
    );
    expect(node.starts).toEqual(['a', 'b', 'a']);
    agent.wanted = [program('a', two), program('b')];
    expect(await reasonOf()).toContain('no sooner than 0.25 s');
    expect(node.starts).toEqual(['a', 'b', 'a', 'a']);
    node.shortLived.clear();
    nowMs = 500;
    expect(await reasonOf()).toBe(undefined);
    nowMs = 100_000;
    node.crash('a');
    expect(await reasonOf()).toBe(undefined);
    expect(Object.keys(pids(node)).sort()).toEqual(['a', 'b']);
  });
});

describe('what does not come true', () => {
  it('says so in words', () => {
    expect(processStuck([{ op: 'process', step: { op: 'remove-folder', name: 'a' } }])).toBe(
      'program a: its folder was removed and is there again; ' +
        'whoever runs this node must see what else works on this program or its folder',
    );
  });
});
