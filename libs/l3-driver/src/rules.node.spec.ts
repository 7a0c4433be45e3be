import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  converge,
  dialect,
  Ending,
  endingsIn,
  L3Memory,
  netnsOf,
  render,
  rulesIn,
  savedFrom,
} from '@plumbline/l3-core';
import { forwardings, idOf, life, networkNode, reference, Story, tutorial } from '@plumbline/l3-core/testing';
import { makeNode, ScratchNode } from './testing/index.js';

let node: ScratchNode;
beforeAll(async () => {
  node = await makeNode();
});
afterAll(() => node.remove());

const ALL = { touched: 'all', mayRemove: true, unverified: false } as const;
const save = async (netns: string, tool = 'iptables-save'): Promise<string> =>
  (await node.spawner.run([tool], { netns, reads: true })).stdout;
const noted = async (netns: string): Promise<Ending[]> =>
  endingsIn(rulesIn(dialect.tablesIn(await save(netns)), 'nat'));
/** Without what differs between two reads of the same rules: times and counters. */
const stable = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.replace(/\[\d+:\d+\]/, ''))
    .join('\n');

describe('rules on a real kernel', () => {
  const stories: readonly (readonly [string, Story])[] = [
    ['tutorial', tutorial()],
    ['networkNode', networkNode()],
    ['reference', reference()],
    ['life', life()],
    ['forwardings', forwardings()],
  ];

  it.each(stories)(
    '%s: what is rendered is what is saved, after every event; a second look changes nothing',
    async (_name, story) => {
      for (const { position } of story.log) {
        const view = story.view(position);
        // Metadata is answered, or is not any more.
        const terms = { metadata: position % 2 === 0 };
        const outcome = await converge(view, node.driver(), ALL, new L3Memory(), terms);
        expect(outcome.failed).toEqual([]);
        for (const each of render(view, { userspace: true, ...terms }).values()) {
          if (each.kind !== 'present') continue;
          expect(await withoutUnused(save(each.state.netns), savedFrom(each.state.rules4))).toEqual(
            savedFrom(each.state.rules4),
          );
          expect(await withoutUnused(save(each.state.netns, 'ip6tables-save'), savedFrom(each.state.rules6))).toEqual(
            savedFrom(each.state.rules6),
          );
        }
        const before = node.runner.mutations;
        const again = await converge(view, node.driver(), ALL, new L3Memory(), terms);
        expect([again.applied, again.failed, node.runner.mutations - before]).toEqual([0, [], 0]);
      }
    },
  );

  it('applied twenty times by agents that know nothing: the rules are the same byte for byte', async () => {
    const view = networkNode().view();
    await converge(view, node.driver(), ALL);
    const netns = netnsOf(idOf('c2'));
    const first = [stable(await save(netns)), stable(await save(netns, 'ip6tables-save'))];
    const before = node.runner.mutations;
    for (let n = 0; n < 20; n += 1) {
      expect((await converge(view, node.driver(), ALL)).applied).toBe(0);
      expect([stable(await save(netns)), stable(await save(netns, 'ip6tables-save'))]).toEqual(first);
    }
    expect(node.runner.mutations).toBe(before);
  });

  it('a floating IP turned to another instance just before a crash: what talks to the old one is ended by the next agent', async () => {
    const story = (): Story => networkNode();
    const turned = story().associate('73', '10.255.253.84', '10.0.2.85', 'ba2', 'c2').view();
    const netns = netnsOf(idOf('c2'));
    expect((await converge(story().view(), node.driver(), ALL)).failed).toEqual([]);
    const talk = '-s 10.255.253.67 -d 10.255.253.84 -g 10.0.2.84 -p tcp --sport 1000 --dport 22';
    const state = '--state ESTABLISHED -u ASSURED -t 300';
    await node.spawner.run(`conntrack -I ${talk} ${state}`.split(' '), { netns });
    const talking = async (): Promise<string> =>
      (await node.spawner.run(['conntrack', '-L', '--orig-dst', '10.255.253.84'], { netns })).stdout;
    const run = node.runner.run.bind(node.runner);
    node.runner.run = (argv, options) =>
      argv[0] === 'conntrack' ? Promise.reject(new Error('the agent dies here')) : run(argv, options);
    expect((await converge(turned, node.driver(), ALL)).failed).toHaveLength(1);
    node.runner.run = run;
    expect(await noted(netns)).toEqual([{ address: '10.255.253.84', forwarded: null }]);
    expect(await talking()).toContain('src=10.0.2.84');
    expect((await converge(turned, node.driver(), ALL)).failed).toEqual([]);
    expect(await talking()).toBe('');
    expect(await noted(netns)).toEqual([]);
    expect((await converge(turned, node.driver(), ALL)).applied).toBe(0);
  });

  it('the last router gone, nothing of ours is left', async () => {
    const outcome = await converge(new Story().view(), node.driver(), ALL);
    expect(outcome.failed).toEqual([]);
    expect((await node.spawner.run(['ip', 'netns', 'list'])).stdout).toBe('');
    expect((await node.spawner.run(['ip', '-br', 'link', 'show', 'type', 'veth'])).stdout).toBe('');
    expect([...(await node.ports.observe()).ports.values()].filter((port) => port.ours)).toEqual([]);
  });
});

/** Built-in chains that nothing hangs on are there on a real kernel and not in what was rendered. */
async function withoutUnused(
  text: Promise<string>,
  rendered: ReturnType<typeof savedFrom>,
): Promise<ReturnType<typeof savedFrom>> {
  const saved = dialect.tablesIn(await text);
  return new Map(
    [...saved].map(([table, chains]) => [
      table,
      new Map([...chains].filter(([chain, rules]) => rules.length > 0 || rendered.get(table)?.has(chain))),
    ]),
  );
}
